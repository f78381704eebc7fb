"""Who may talk to the server: this machine's own pages, and beyond it those who know the token.

A page from anywhere can make a browser send requests to a server on the same machine; browsers tell in `Host` and `Origin`
which name was asked and which page asks. Both have to be this server's.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_HEADERS = {
    b"content-security-policy": b"default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cache-control": b"no-store",
}


def is_loopback(host: str) -> bool:
    """Whether a server that listens on `host` can be reached from this machine alone."""
    return host in _LOOPBACK


class Guard:
    """ASGI middleware that refuses strangers, and tells browsers to be strict."""

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        """With a `token` any host name is right but the token has to be given, as `?token=`; without, only loopback names."""
        self.app, self.token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = {key: value.decode("latin-1") for key, value in scope["headers"]}
        refusal = self.refusal(headers, scope.get("query_string", b"").decode("latin-1"))
        if refusal is None:
            await self.app(scope, receive, _strict(send) if scope["type"] == "http" else send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": refusal})
        else:
            body = f"{refusal}\n".encode()
            start = {
                "type": "http.response.start",
                "status": 403,
                "headers": [(b"content-type", b"text/plain")],
            }
            await send(start)
            await send({"type": "http.response.body", "body": body})

    def refusal(self, headers: Mapping[bytes, str], query: str) -> str | None:
        """Why a request is refused; None if it is not."""
        host, origin = headers.get(b"host", ""), headers.get(b"origin")
        if self.token is None and _name_of(f"//{host}") not in _LOOPBACK:
            return f"this server is for this machine alone, and was asked for as {host!r}"
        if origin is not None and urlsplit(origin).netloc != host:
            return f"the page {origin!r} is not this server's"
        if self.token is not None:
            given = parse_qs(query).get("token", [""])[0]
            if not secrets.compare_digest(given.encode(), self.token.encode()):
                return (
                    "the token is missing or wrong; open the address that `foreframe play` printed"
                )
        return None


def _name_of(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def _strict(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *_HEADERS.items()]}
        await send(message)

    return sent
