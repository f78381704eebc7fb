"""The server: a static page, the data that it needs, and a WebSocket for each drive."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from ..errors import InputError
from ..simulate import Drive, Simulator
from ..simulate.saving import DriveRecord, remove_unfinished, save_numbered
from .connection import FULL_SPREAD, Connection
from .describing import described, saved, thumbnail, track
from .encoding import Encoders
from .engine import Engine
from .guard import Guard
from .left import LeftDrives
from .messages import SAMPLES
from .seeking import Seekers

Result = TypeVar("Result")

_PAGE = Path(__file__).with_name("page")
_PAGE_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"} | {
    ".svg": "image/svg+xml"
}
_MOST_DRIVES = 128
_MIME = {"gif": "image/gif", "webp": "image/webp", "mp4": "video/mp4"}


def app(simulators: Sequence[Simulator], drives: Path, token: str | None = None) -> ASGIApp:
    """Return the server as an ASGI application.

    Args:
        simulators: the simulators to drive; pages show the first one first.
        drives: the folder for saved drives.
        token: the secret that every client needs; None for a server that only this machine reaches.
    """
    state = ServerState(simulators, drives)
    routes = [
        Route("/simulators", state.simulators),
        Route("/simulators/{name}/starts/{start}.png", state.thumbnail),
        Route("/simulators/{name}/starts/{start}.json", state.track),
        Route("/drives/{key}/drive.{suffix}", state.animation),
        Route("/drives/{key}/clip", state.save, methods=["POST"]),
        WebSocketRoute("/drive", state.drive),
        Route("/{name}", state.page),
        Route("/", state.page),
    ]
    handlers: dict[Any, Any] = {InputError: _refused, OSError: _failed}
    return Guard(Starlette(routes=routes, exception_handlers=handlers), token)


def _refused(request: Request, error: Exception) -> Response:
    return PlainTextResponse(f"{error}\n", 400)


def _failed(request: Request, error: Exception) -> Response:
    return PlainTextResponse(f"the server could not do it: {error}\n", 500)


class ServerState:
    """The state that all clients share: simulators, computing thread and open connections."""

    def __init__(self, simulators: Sequence[Simulator], drives: Path) -> None:
        thread = ThreadPoolExecutor(1, "foreframe")
        self.engines = {simulator.name: Engine(simulator, thread) for simulator in simulators}
        self.folder = drives
        self.saving = ThreadPoolExecutor(1, "foreframe-saving")
        self.encoders = Encoders()
        self.seekers = Seekers()
        self.there: dict[str, Connection] = {}
        self.left = LeftDrives()
        self._page = {file.name: file.read_bytes() for file in _PAGE.iterdir() if file.is_file()}
        self._described = [described(simulator) for simulator in simulators]
        remove_unfinished(drives)

    async def page(self, request: Request) -> Response:
        """Send a file of the page; the names are known beforehand, so no request chooses a path."""
        name = request.path_params.get("name", "index.html")
        if name not in self._page:
            return PlainTextResponse("there is no such page\n", 404)
        return Response(self._page[name], media_type=_PAGE_TYPES[Path(name).suffix])

    async def simulators(self, request: Request) -> Response:
        """Describe the simulators that can be driven."""
        return JSONResponse(
            {
                "simulators": self._described,
                "samples": SAMPLES,
                "formats": _formats(),
                "full_spread": FULL_SPREAD,
                "plans": True,
            }
        )

    async def thumbnail(self, request: Request) -> Response:
        """Send the picture that a drive from a clip begins with, or its frame `?row=`."""
        simulator, number = self._start(request)
        text = request.query_params.get("row", str(simulator.n_past - 1))
        row = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
        return Response(thumbnail(simulator, number, row), media_type="image/png")

    async def track(self, request: Request) -> Response:
        """Send a clip's recorded actions, or the places of its joints."""
        return JSONResponse(track(*self._start(request)))

    async def animation(self, request: Request) -> Response:
        """Send a drive as an animation, encoded in a process that ends if the client leaves."""
        connection, drive = self._drive(request)
        suffix = request.path_params["suffix"]
        if suffix not in _MIME:
            raise InputError(
                f"a drive cannot be written as .{str(suffix)[:20]}; "
                f"expected one of {', '.join(_MIME)}"
            )
        if connection.encodes:
            raise InputError("an animation of this drive is being written already; wait for it")
        connection.encodes = True
        try:
            engine = connection.engine
            record = await engine.do(DriveRecord.of, engine.simulator, drive)
            encoding = self.encoders.encode(record.track, f".{suffix}", record.rate)
            content = await _while_connected(request, encoding)
        finally:
            connection.encodes = False
        name = f'attachment; filename="{engine.simulator.name}.{suffix}"'
        return Response(content, media_type=_MIME[suffix], headers={"content-disposition": name})

    async def save(self, request: Request) -> Response:
        """Save a drive as a clip, which is on the disk when the response is sent."""
        connection, drive = self._drive(request)
        engine = connection.engine
        record = await engine.do(DriveRecord.of, engine.simulator, drive)
        store = await asyncio.get_running_loop().run_in_executor(
            self.saving, save_numbered, record, self.folder
        )
        return JSONResponse(saved(engine.simulator, store))

    async def drive(self, socket: WebSocket) -> None:
        """Serve a client until it leaves."""
        await socket.accept()
        if len(self.there) >= _MOST_DRIVES:
            await socket.send_json(
                {"is": "error", "says": f"all {_MOST_DRIVES} seats are taken; come back later"}
            )
            await socket.close(1013)
            return
        key = secrets.token_urlsafe(12)
        self.there[key] = Connection(socket, self.engines, self.seekers, key, self.left)
        try:
            with contextlib.suppress(ConnectionError):
                await self.there[key].serve()
        finally:
            ended = self.there.pop(key)
            if ended.drive is not None:
                self.left.keep(key, ended.engine, ended.drive, time.monotonic())

    def _start(self, request: Request) -> tuple[Simulator, int]:
        name, text = request.path_params["name"], request.path_params["start"]
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
        if name not in self.engines or not 0 <= number < len(self.engines[name].simulator.starts):
            raise InputError(f"there is no clip {str(text)[:40]!r} of {str(name)[:40]!r}")
        return self.engines[name].simulator, number

    def _drive(self, request: Request) -> tuple[Connection, Drive]:
        connection = self.there.get(request.path_params["key"])
        if connection is None or connection.drive is None:
            raise InputError("there is no such drive; it may have ended")
        return connection, connection.drive


async def _while_connected(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """Return the result of `work`, which is cancelled if the client leaves."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    working, leaving = asyncio.create_task(work), asyncio.create_task(gone())
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise InputError("the client is gone")
        return working.result()
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


def _formats() -> list[str]:
    from importlib.util import find_spec

    return ["gif", "webp", *(["mp4"] if find_spec("av") else [])]
