"""Serve a run on a page where a person steers it.

The page loads nothing from elsewhere, and no other page may talk to the server.
"""

from __future__ import annotations

import contextlib
import secrets
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from ..simulate import Simulator
from ..simulate.simulator import Precision
from .guard import is_loopback
from .listening import listen, reachable_name, server
from .server import app

__all__ = ["app", "play"]


def play(
    run: str | Path | None = None,
    data: str | Path | None = None,
    port: int = 8765,
    host: str = "127.0.0.1",
    no_browser: bool = False,
    out: str | Path = "drives",
    compile: bool = False,  # noqa: A002 - the usual word
    precision: Precision = "float32",
) -> None:
    """Open a page on which a person steers a model, until Ctrl-C.

    Args:
        run: a run folder, or `org/name` on the hub; by default the models that come with foreframe.
        data: a store of clips to begin from; by default the one that the run was trained on.
        port: the port to listen on; 0 chooses a free one.
        host: the address to listen on. 127.0.0.1 is reachable only from this machine; for any other
            address a token is made, which every client needs.
        no_browser: only print the address, do not open it.
        out: the folder for saved drives.
        compile: compile the model with torch.compile. Acts are faster, after up to a minute for
            each number of futures side by side. This is for a single driver: with several, that
            number changes all the time.
        precision: float32, or bfloat16, which is faster for large models on hardware that supports
            it (see `foreframe info`).

    Raises:
        InputError: the folder is not a run; there are no clips to begin from; the port is in use.
    """
    listening = listen(host, port)
    if compile:
        print("compiling: a minute or two per model the first time ...", flush=True)
    with contextlib.closing(listening):
        if run is None:
            from .. import pretrained

            simulators: Sequence[Simulator] = [
                Simulator(pretrained.folder(name), compiled=compile, precision=precision)
                for name in pretrained.names()
            ]
        else:
            simulators = [Simulator(run, data, compile, precision)]
        simulators = sorted(simulators, key=lambda s: s.by_pictures)  # arrow keys first
        token = None if is_loopback(host) else secrets.token_urlsafe(16)
        port = listening.getsockname()[1]
        address = f"http://{reachable_name(host)}:{port}/" + (f"?token={token}" if token else "")
        for simulator in simulators:
            how = ", compiled" if simulator.compiled else ""
            print(
                f"{simulator.name}: {simulator.act_ms:.1f} ms per act "
                f"in {simulator.precision}{how}, {simulator.device}"
            )
        print(f"drive at {address}   (Ctrl-C ends)", flush=True)
        if not no_browser:
            webbrowser.open(address)
        with contextlib.suppress(KeyboardInterrupt):
            server(app(simulators, Path(out), token)).run(sockets=[listening])
