"""Serve the page of a run that trains: how far it is, its curves, its last pictures.

The page reads what training writes; training waits for nothing.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ..errors import InputError
from ..reporting import plot
from ..reporting.page import log_of, warnings_of
from ..runtime.files import is_inside, read_json
from .guard import Guard
from .listening import listen, reachable_name, server

PORT = 8766

_PAGE = Path(__file__).with_name("watch_page")
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
_PICTURES = {".webp": "image/webp", ".gif": "image/gif"}
_LOG = "metrics.jsonl"


def watch(run: str | Path, port: int = PORT, no_browser: bool = False) -> None:
    """Open a page that shows how a run trains, until Ctrl-C.

    It is read from the run's folder, so it does not matter where the run trains, or whether it is
    done.

    Args:
        run: a run folder.
        port: the port to listen on; 0 chooses a free one.
        no_browser: only print the address, do not open it.

    Raises:
        InputError: the folder is not a run; the port is in use.
    """
    log_of(run)
    listening = listen("127.0.0.1", port)
    with contextlib.closing(listening):
        address = f"http://{reachable_name('127.0.0.1')}:{listening.getsockname()[1]}/"
        print(f"watch {run} at {address}   (Ctrl-C ends)", flush=True)
        if not no_browser:
            webbrowser.open(address)
        with contextlib.suppress(KeyboardInterrupt):
            server(app(Path(run))).run(sockets=[listening])


@contextlib.contextmanager
def watched(run: Path) -> Iterator[str]:
    """Serve the page of a run beside the block that trains it; yield the address."""
    try:
        listening = listen("127.0.0.1", PORT)
    except InputError:  # another run is watched there
        listening = listen("127.0.0.1", 0)
    serving = server(app(run))
    thread = threading.Thread(target=serving.run, kwargs={"sockets": [listening]}, daemon=True)
    with contextlib.closing(listening):
        thread.start()
        try:
            yield f"http://{reachable_name('127.0.0.1')}:{listening.getsockname()[1]}/"
        finally:
            serving.should_exit = True
            thread.join(timeout=5)


def app(run: Path) -> ASGIApp:
    """Return the server of a run's page as an ASGI application, for this machine alone."""
    watching = Watching(run)
    routes = [
        Route("/", watching.page),
        Route("/state.json", watching.state),
        Route("/curves.svg", watching.curves),
        Route("/progress/{name}", watching.picture),
        Route("/{name}", watching.page),
    ]
    return Guard(Starlette(routes=routes), None)


@dataclass
class Watching:
    """What the page of a run shows.

    Attributes:
        run: the run folder, which may not be there yet.
        clock: returns the time in seconds, and never goes back.
    """

    run: Path
    clock: Callable[[], float] = time.monotonic
    _first: tuple[float, float] | None = None
    _drawn: tuple[int, bytes] = (-1, b"")
    _drawing: threading.Lock = field(default_factory=threading.Lock)

    def page(self, request: Request) -> Response:
        """Send a file of the page; the names are known, so no request chooses a path."""
        name = request.path_params.get("name", "index.html")
        if name not in {file.name for file in _PAGE.iterdir()}:
            return PlainTextResponse("there is no such page\n", 404)
        return Response((_PAGE / name).read_bytes(), media_type=_TYPES[Path(name).suffix])

    def state(self, request: Request) -> Response:
        """Send how far the run is."""
        return JSONResponse(self.summary())

    def summary(self) -> dict[str, Any]:
        """Return how far the run is: steps, time left, the last scores and the last picture."""
        lines = self._lines()
        logged = [line for line in lines if "loss" in line]
        validated = [line for line in lines if "validation_crps" in line]
        done, total = max((line["step"] for line in lines), default=0), self._total()
        pictures = sorted(file.name for file in (self.run / "progress").glob("step-*.webp"))
        return {
            "run": self.run.name,
            "step": done,
            "steps": total,
            "seconds_left": self._seconds_left(done, total),
            "loss": logged[-1]["loss"] if logged else None,
            "rate_nats": logged[-1].get("rate_nats") if logged else None,
            "validation": validated[-1] if validated else None,
            "best": min((line["validation_crps"] for line in validated), default=None),
            "picture": pictures[-1] if pictures else None,
            "warnings": self._warnings(),
            "version": self._version(),
        }

    def curves(self, request: Request) -> Response:
        """Send the curves, which are drawn anew only after the log has grown."""
        version = self._version()
        with self._drawing:
            if version and self._drawn[0] != version:
                with tempfile.TemporaryDirectory() as place:
                    self._drawn = version, plot([self.run], place)[0].read_bytes()
        if not self._drawn[1]:
            return PlainTextResponse("nothing is logged yet\n", 404)
        return Response(self._drawn[1], media_type="image/svg+xml")

    def picture(self, request: Request) -> Response:
        """Send a progress picture, which must be one that the run has."""
        name = request.path_params["name"]
        found = {file.name: file for file in (self.run / "progress").glob("step-*.webp")}
        if name not in found or not is_inside(found[name], self.run):
            return PlainTextResponse("there is no such picture\n", 404)
        return Response(found[name].read_bytes(), media_type=_PICTURES[".webp"])

    def _lines(self) -> list[dict[str, Any]]:
        with contextlib.suppress(InputError):  # nothing is logged yet
            return log_of(self.run)
        return []

    def _warnings(self) -> list[str]:
        with contextlib.suppress(InputError):
            return [text for _, text in warnings_of(self.run)]
        return []

    def _total(self) -> int | None:
        try:
            identity = read_json(self.run / "identity.json", "the identity of a run")
            return int(identity["config"]["training"]["steps"])
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            return None

    def _seconds_left(self, done: float, total: int | None) -> float | None:
        """Go by the steps since the first look; None until some were done."""
        now = self.clock()
        if self._first is None or done < self._first[1]:
            self._first = now, done
        since, begun = self._first
        if total is None or done <= begun or now <= since:
            return None
        return round((total - done) * (now - since) / (done - begun), 1)

    def _version(self) -> int:
        """A number that changes when the log does."""
        with contextlib.suppress(OSError):
            return os.stat(self.run / _LOG).st_size
        return 0
