"""The server: one static page, what it needs to know, and a WebSocket for each drive."""

from __future__ import annotations

import contextlib
import io
import itertools
import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from ..errors import InputError
from ..simulate import Drive, Simulator
from ..simulate.saving import animated, save_clip
from .connection import Connection
from .engine import Engine
from .guard import Guard
from .messages import SAMPLES

_PAGE = Path(__file__).with_name("page")
_MOST_DRIVES = 96
_THUMBNAIL = 64  # pixels high, at least
_MIME = {"gif": "image/gif", "webp": "image/webp", "mp4": "video/mp4"}


def app(simulators: Sequence[Simulator], drives: Path, token: str | None = None) -> ASGIApp:
    """The whole server as an ASGI application. Drives that are saved go into the folder `drives`."""
    hall = ServerState(simulators, drives)
    routes = [
        Route("/simulators", hall.simulators),
        Route("/simulators/{name}/starts/{start:int}.png", hall.thumbnail),
        Route("/simulators/{name}/starts/{start:int}.json", hall.track),
        Route("/drives/{key}/drive.{suffix}", hall.animation),
        Route("/drives/{key}/clip", hall.save, methods=["POST"]),
        WebSocketRoute("/drive", hall.drive),
        Mount("/", StaticFiles(directory=_PAGE, html=True)),
    ]
    return Guard(Starlette(routes=routes, exception_handlers={InputError: _refused}), token)


def _refused(request: Request, error: Exception) -> Response:
    return PlainTextResponse(f"{error}\n", 400)


class ServerState:
    """What all clients share: the simulators, one computing thread, and who is there."""

    def __init__(self, simulators: Sequence[Simulator], drives: Path) -> None:
        thread = ThreadPoolExecutor(1, "foreframe")
        self.engines = {simulator.name: Engine(simulator, thread) for simulator in simulators}
        self.folder = drives
        self.there: dict[str, Connection] = {}

    async def simulators(self, request: Request) -> Response:
        described = [_described(engine.simulator) for engine in self.engines.values()]
        return JSONResponse({"simulators": described, "samples": SAMPLES, "formats": _formats()})

    async def thumbnail(self, request: Request) -> Response:
        from PIL import Image

        simulator, number = self._start(request)
        frame = simulator.starts[number].frames[simulator.n_past - 1].movedim(0, -1).numpy()
        image = Image.fromarray(frame[..., 0] if frame.shape[-1] == 1 else frame)
        zoom = max(1, -(-_THUMBNAIL // image.height))
        content = io.BytesIO()
        image.resize((image.width * zoom, image.height * zoom), Image.Resampling.BICUBIC).save(
            content, "png"
        )
        return Response(content.getvalue(), media_type="image/png")

    async def track(self, request: Request) -> Response:
        """The recorded actions of a clip from its context's end on, or the places of its joints."""
        simulator, number = self._start(request)
        start = simulator.starts[number]
        if start.joints is not None:
            return JSONResponse(
                {"joints": start.joints.tolist()}
            )  # unrounded: the same label is drawn of them again
        actions = (
            [] if simulator.by_pictures else start.conditions.numpy()[:, simulator.steered].tolist()
        )
        return JSONResponse({"actions": actions})

    async def animation(self, request: Request) -> Response:
        connection, drive = self._drive(request)
        suffix = request.path_params["suffix"]
        if suffix not in _MIME:
            raise InputError(
                f"a drive cannot be written as .{suffix}; expected one of {', '.join(_MIME)}"
            )
        engine = connection.engine
        content = await engine.do(animated, engine.simulator, drive, f".{suffix}")
        name = f'attachment; filename="{engine.simulator.name}.{suffix}"'
        return Response(content, media_type=_MIME[suffix], headers={"content-disposition": name})

    async def save(self, request: Request) -> Response:
        connection, drive = self._drive(request)
        engine = connection.engine
        free = next(
            n
            for n in itertools.count(1)
            if not (self.folder / f"{engine.simulator.name}-{n}").exists()
        )
        out = self.folder / f"{engine.simulator.name}-{free}"
        store = await engine.do(save_clip, engine.simulator, drive, out)
        return JSONResponse({"store": str(store.path), "frames": store.episodes[0].length})

    async def drive(self, socket: WebSocket) -> None:
        await socket.accept()
        if len(self.there) >= _MOST_DRIVES:
            await socket.send_json(
                {"is": "error", "says": f"all {_MOST_DRIVES} seats are taken; come back later"}
            )
            await socket.close(1013)
            return
        key = secrets.token_urlsafe(12)
        self.there[key] = Connection(socket, self.engines, key)
        try:
            with contextlib.suppress(ConnectionError):
                await self.there[key].serve()
        finally:
            del self.there[key]

    def _start(self, request: Request) -> tuple[Simulator, int]:
        name, number = request.path_params["name"], request.path_params["start"]
        if name not in self.engines or number >= len(self.engines[name].simulator.starts):
            raise InputError(f"there is no clip {number} of {str(name)[:40]!r}")
        return self.engines[name].simulator, number

    def _drive(self, request: Request) -> tuple[Connection, Drive]:
        connection = self.there.get(request.path_params["key"])
        if connection is None or connection.drive is None:
            raise InputError("there is no such drive; it may have ended")
        return connection, connection.drive


def _formats() -> list[str]:
    from importlib.util import find_spec

    return ["gif", "webp", *(["mp4"] if find_spec("av") else [])]


def _described(simulator: Simulator) -> Mapping[str, Any]:
    """What the page needs to know of a simulator."""
    _, height, width = simulator.spec.frame
    names = list(simulator.spec.names)
    return {
        "name": simulator.name,
        "model": simulator.kind,
        "parameters": sum(p.numel() for p in simulator.model.parameters()),
        "frame": [height, width],
        "frames_per_second": simulator.spec.frames_per_second,
        "by_pictures": simulator.by_pictures,
        "columns": [
            {
                "name": names[i],
                "low": simulator.spec.low[i],
                "high": simulator.spec.high[i],
                "mean": simulator.spec.mean[i],
            }
            for i in simulator.steered
        ],
        "predicted_states": [names[i] for i in simulator.head.indices] if simulator.head else [],
        "steering": dict(simulator.steering),
        "act_ms": round(simulator.act_ms, 2),
        "precision": simulator.precision,
        "starts": [{"name": start.name, "rows": len(start)} for start in simulator.starts],
        "begins_at": simulator.n_past,
        "notes": dict(simulator.notes),
        "has_latent": bool(simulator.model.latent_shapes),
    }
