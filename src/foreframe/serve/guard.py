"""Decide which clients may talk to the server: pages of this machine, or those with the token.

Any page on the web can make a browser send requests to a server on the same machine. Browsers put
the name that was asked for into `Host`, and the page that asks into `Origin`: both must be this
server's.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_HOST = re.compile(
    r"(?:\[(?P<ipv6>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?"
)
STRICT_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
_ENCODED = [(name.encode(), value.encode()) for name, value in STRICT_HEADERS.items()]


def is_loopback(host: str) -> bool:
    """Return whether a server that listens on `host` can be reached only from this machine."""
    return host in _LOOPBACK


@dataclass(frozen=True)
class Knock:
    """The facts about a request on which its admission depends.

    Attributes:
        kind: `http` or `websocket`.
        scheme: `http` or `https`, as the server is reached.
        port: the port that the server listens on.
        path: the path that is asked for.
        query: the query of the path, without its question mark.
        headers: the request's headers; the last one where a name is repeated.
        repeated: the names of headers that the request has more than once.
    """

    kind: str
    scheme: str
    port: int
    path: str
    query: str
    headers: Mapping[str, str]
    repeated: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def of(cls, scope: Scope) -> Knock:
        """Read an ASGI scope."""
        names = [key.decode("latin-1") for key, _ in scope["headers"]]
        return cls(
            kind=scope["type"],
            scheme="https" if scope.get("scheme") in ("https", "wss") else "http",
            port=(scope.get("server") or ("", 0))[1] or 0,
            path=scope["path"],
            query=scope.get("query_string", b"").decode("latin-1"),
            headers={
                key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
            },
            repeated=frozenset(name for name in names if names.count(name) > 1),
        )

    @property
    def token(self) -> str:
        """The token in the query, or an empty text."""
        return parse_qs(self.query, errors="replace").get("token", [""])[0]

    @property
    def cookie(self) -> str:
        """The token in the cookie of this server, or an empty text."""
        try:
            found = SimpleCookie(self.headers.get("cookie", "")).get(cookie_name(self.port))
        except CookieError:
            return ""
        return found.value if found else ""

    @property
    def is_navigation(self) -> bool:
        """Whether a browser asks for a whole page rather than for a part of one."""
        return self.headers.get("sec-fetch-mode") == "navigate"

    @property
    def comes_from_elsewhere(self) -> bool:
        """Whether a browser says that the request is from another site's page."""
        return self.headers.get("sec-fetch-site") in ("cross-site", "same-site")


def cookie_name(port: int) -> str:
    """Return the name of the cookie of the server on a port.

    The servers of one machine share cookies, so the name contains the port.
    """
    return f"foreframe-{port}"


class Guard:
    """ASGI middleware that refuses unknown clients, and sends browsers strict headers.

    Args:
        app: the application behind the guard.
        token: the secret that every client needs; without a token only loopback names are allowed.
    """

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self.app, self.token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or pass it on."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        knock, send = Knock.of(scope), _strict(send)
        refusal = self.refusal(knock)
        if refusal is not None:
            await _answer(send, knock.kind, 403, f"{refusal}\n", _second_try(knock))
        elif self._enters_with_token(knock):
            await _answer(send, knock.kind, 303, "", self._entry(knock))
        else:
            await self.app(scope, receive, send)

    def refusal(self, knock: Knock) -> str | None:
        """Return why a request is refused, or None."""
        host, origin = knock.headers.get("host", ""), knock.headers.get("origin")
        if knock.repeated & {"host", "origin"}:
            return "the request has two hosts or two origins; expected one of each"
        found = _HOST.fullmatch(host.lower())
        if found is None:
            return f"the request is for {host[:80]!r}; expected a host name and a port"
        if self.token is None:
            name = found["ipv6"] or found["name"]
            port = int(found["port"] or (443 if knock.scheme == "https" else 80))
            if name not in _LOOPBACK or port != knock.port:
                return (
                    f"this server is only for this machine, at localhost:{knock.port}; "
                    f"it was asked for as {host[:80]!r}"
                )
        if origin is not None and origin.lower() != f"{knock.scheme}://{host.lower()}":
            return f"the page {origin[:80]!r} is not this server's"
        if knock.comes_from_elsewhere and not knock.is_navigation:
            return "another site's page asks; expected this server's own page"
        if self.token is not None and not self._knows_token(knock):
            return "the token is missing or wrong; open the address that `foreframe play` printed"
        return None

    def _knows_token(self, knock: Knock) -> bool:
        given = (knock.token, knock.cookie)
        return any(secrets.compare_digest(g.encode(), (self.token or "").encode()) for g in given)

    def _enters_with_token(self, knock: Knock) -> bool:
        """Return whether a browser opens the page with the token, which then becomes a cookie."""
        return (
            self.token is not None
            and knock.kind == "http"
            and knock.path == "/"
            and bool(knock.token)
        )

    def _entry(self, knock: Knock) -> list[tuple[bytes, bytes]]:
        secure = "; Secure" if knock.scheme == "https" else ""
        cookie = (
            f"{cookie_name(knock.port)}={self.token}; Path=/; HttpOnly; SameSite=Strict{secure}"
        )
        return [(b"location", b"/"), (b"set-cookie", cookie.encode())]


def _second_try(knock: Knock) -> list[tuple[bytes, bytes]]:
    """Return a header that makes a browser repeat a request that followed a link.

    Browsers do not send a strict cookie with the first request after a link.
    """
    linked = knock.kind == "http" and knock.is_navigation and knock.comes_from_elsewhere
    return [(b"refresh", b"0; url=/")] if linked and knock.path == "/" and not knock.query else []


async def _answer(
    send: Send, kind: str, status: int, text: str, headers: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    """Send a plain text response, also to a client that asks for a WebSocket."""
    prefix = "websocket.http.response" if kind == "websocket" else "http.response"
    body = text.encode()
    given = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        *headers,
    ]
    await send({"type": f"{prefix}.start", "status": status, "headers": given})
    await send({"type": f"{prefix}.body", "body": body})


def _strict(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            message = {**message, "headers": [*message.get("headers", []), *_ENCODED]}
        await send(message)

    return sent
