"""Limit connections: how many there are, and how long they may be silent.

A connection without a complete request is dropped after a while, or at once if its place is needed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from ..errors import InputError
from .guard import STRICT_HEADERS
from .messages import MOST_BYTES

_PING_S = 20
_REQUEST_S = 10.0  # from a connection, or from the last response, to a complete request
_ANSWER_S = 20.0  # a client that blocks a response for longer is disconnected
_MOST_CONNECTIONS = 512
_ACCEPTED_AT_ONCE = 8
_FILES_KEPT_FREE = 24  # for saving, encoding and what Python opens
_QUIET_S = 60.0
_BUSY = b"this server has no place free; come back later"


class Rarely:
    """Log each line at most once per `period_s`, with a count of the repetitions in between.

    Args:
        say: logs a line.
        period_s: seconds between equal lines.
        clock: returns the time in seconds, and never goes back.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        period_s: float = _QUIET_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say, self._period_s, self._clock = say, period_s, clock
        self._last: dict[str, float] = {}
        self._unsaid: dict[str, int] = {}

    def __call__(self, line: str) -> None:
        """Log `line`, or count it."""
        now = self._clock()
        if now - self._last.get(line, -self._period_s) < self._period_s:
            self._unsaid[line] = self._unsaid.get(line, 0) + 1
            return
        self._last[line] = now
        unsaid = self._unsaid.pop(line, 0)
        self._say(line + (f" ({unsaid} times more since this was last said)" if unsaid else ""))


rarely = Rarely(logging.getLogger("uvicorn.error").error)


class HttpConnection(H11Protocol):
    """A connection with deadlines for a complete request, and for reading the response."""

    most = _MOST_CONNECTIONS
    _upgraded = False
    _deadline: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the connection, in place of a silent one if all places are taken, or refuse it."""
        super().connection_made(transport)
        if len(self.connections) > self.most and not self._make_room():
            rarely("all connections are taken; more are refused")
            self._refuse()
            return
        self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadlines."""
        self._cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read data, and cancel the deadline when the request is complete."""
        super().data_received(data)
        if self.transport.is_closing() or self._upgraded:  # what comes now is a drive's
            return
        if self.waits_for_request:
            self._expect_request()
        elif self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    @property
    def waits_for_request(self) -> bool:
        """Whether the server waits for the client: all complete requests were answered."""
        cycle = self.cycle
        return cycle is None or cycle.response_complete or cycle.more_body

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        if not self.transport.is_closing() and self.waits_for_request:
            self._expect_request()

    def pause_writing(self) -> None:
        """Disconnect the client unless it reads on in time."""
        super().pause_writing()
        self._stalled = self.loop.call_later(_ANSWER_S, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: the client has read what was sent."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection on; from here on it has the deadlines of a drive."""
        self._cancel()
        self._upgraded = True
        super().handle_websocket_upgrade(event)

    def send_400_response(self, msg: str) -> None:
        """Answer data that is not a request."""
        self._send_whole(400, msg.encode("ascii"))

    def _expect_request(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(_REQUEST_S, self.transport.abort)

    def _cancel(self) -> None:
        for timer in (self._deadline, self._stalled):
            if timer is not None:
                timer.cancel()
        self._deadline = self._stalled = None

    def _make_room(self) -> bool:
        """Drop the connection that has been silent the longest; return whether there was one."""
        silent = [
            other
            for other in self.connections
            if isinstance(other, HttpConnection)
            and other is not self
            and other._deadline is not None
            and other.waits_for_request
        ]
        if not silent:
            return False
        rarely("all connections are taken; silent ones are dropped for new ones")
        oldest = min(silent, key=lambda other: other._deadline.when())  # type: ignore[union-attr]
        oldest.transport.abort()
        self.connections.discard(oldest)
        return True

    def _refuse(self) -> None:
        self._send_whole(503, _BUSY)

    def _send_whole(self, status: int, text: bytes) -> None:
        headers = [("content-type", "text/plain; charset=utf-8"), ("connection", "close")]
        headers += [("content-length", str(len(text))), *STRICT_HEADERS.items()]
        with contextlib.suppress(h11.LocalProtocolError):  # a response has begun already
            for event in (
                h11.Response(status_code=status, headers=headers),
                h11.Data(data=text),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


class SocketConnection(WebSocketsSansIOProtocol):
    """A WebSocket that survives text which is not UTF-8.

    Such text is passed on as bytes, and refused like any other wrong message.
    """

    def send_receive_event_to_app(self) -> None:
        """Pass a message on to the application."""
        if self.curr_msg_data_type == "text":
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.curr_msg_data_type = "bytes"
        super().send_receive_event_to_app()


class Server(uvicorn.Server):
    """A server that accepts a few connections at a time, and no more than it may open files."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_say_rarely)
        await super().startup(sockets)
        HttpConnection.most = most_connections()
        for listening in sockets or []:
            listening.listen(128)  # as many may wait; the loop accepts few at a time


def server(app: ASGIApp) -> Server:
    """Return a server for `app`, to be run as `server(app).run(sockets=[listening])`."""
    config = uvicorn.Config(
        app,
        http=HttpConnection,
        ws=SocketConnection,
        ws_max_size=MOST_BYTES,
        ws_ping_interval=_PING_S,
        ws_ping_timeout=_PING_S,
        ws_per_message_deflate=False,  # pictures are small, and compressing them delays acts
        backlog=_ACCEPTED_AT_ONCE,
        h11_max_incomplete_event_size=16 << 10,
        log_level="error",
        access_log=False,  # addresses may hold the token
        timeout_graceful_shutdown=1,
    )
    return Server(config)


def most_connections() -> int:
    """Return how many connections the limit on open files allows, at most 512."""
    try:
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        opened = len(os.listdir("/dev/fd"))
    except (ImportError, OSError):
        return _MOST_CONNECTIONS
    if limit == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return max(4, min(_MOST_CONNECTIONS, limit - opened - _ACCEPTED_AT_ONCE - _FILES_KEPT_FREE))


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        InputError: the port is in use, or the host or port does not exist.
    """
    if not 0 <= port < 1 << 16:
        raise InputError(f"--port is {port}; expected 0 to 65535")
    try:
        family, _, _, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with contextlib.ExitStack() as undo:
            listening = undo.enter_context(socket.socket(family, socket.SOCK_STREAM))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(place)
            listening.listen(128)  # clients that come while models load may wait
            undo.pop_all()  # the caller closes it
    except OSError as error:
        raise InputError(
            f"cannot listen at {host}:{port} ({error.strerror}); "
            "choose another --port, or --port 0 for any that is free"
        ) from None
    return listening


def reachable_name(host: str) -> str:
    """Return the name under which browsers reach a server that listens on `host`.

    If it listens on all addresses (0.0.0.0, ::), this is the machine's address in its network,
    which other machines can use.
    """
    if host == "127.0.0.1":
        return "localhost"
    if host in ("0.0.0.0", "::", ""):
        host = _own_address()
    return f"[{host}]" if ":" in host else host


def _own_address() -> str:
    """Return the address that this machine sends from, or its name; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect(("192.0.2.1", 9))  # an address of documentation, RFC 5737
        return str(probe.getsockname()[0])
    return socket.gethostname()


def _say_rarely(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log errors of the event loop, equal ones at most once per minute."""
    error = context.get("exception")
    if isinstance(error, OSError):
        rarely(f"{context['message']}: {error.strerror or error}")
    else:
        loop.default_exception_handler(context)
