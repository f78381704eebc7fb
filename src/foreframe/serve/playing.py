"""A run on a page that one steers. Nothing leaves this machine, and nobody else's page may talk to it."""

from __future__ import annotations

import contextlib
import secrets
import socket
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError
from ..simulate import Simulator
from ..simulate.simulator import Precision
from .guard import is_loopback
from .messages import MOST_BYTES
from .server import app

__all__ = ["app", "play"]

_PING_S = 20


def play(
    run: str | Path | None = None,
    data: str | Path | None = None,
    port: int = 8765,
    host: str = "127.0.0.1",
    no_browser: bool = False,
    out: str | Path = "drives",
    compile: bool = False,  # noqa: A002 - the word that everybody uses
    precision: Precision = "float32",
) -> None:
    """Open a page on which a person steers a model, until Ctrl-C. Without a run it plays the models that come with foreframe.

    Args:
        run: a run folder.
        data: a store of clips to begin from; the one that the run was trained on if left out.
        port: where to listen; 0 takes any that is free.
        host: whom to listen to: 127.0.0.1 is this machine alone; for any other a token is made, without which nobody gets in.
        no_browser: print the address, open nothing.
        out: the folder that saved drives go to.
        compile: let torch.compile make the model first: faster acts, after up to a minute for each number of futures side by
            side. For one driver; with many, their numbers change all the time.
        precision: float32, or bfloat16: faster for large models on hardware that multiplies it (`foreframe info`).

    Raises:
        InputError: not a run; no clips to begin from; the port is in use.
    """
    import uvicorn

    listening = _listen(host, port)
    if compile:
        print("compiling: a minute or two a model, where it was not done before ...", flush=True)
    with contextlib.closing(listening):
        if run is None:
            from .. import pretrained

            simulators: Sequence[Simulator] = [
                Simulator(pretrained.folder(name), compiled=compile, precision=precision)
                for name in pretrained.names()
            ]
        else:
            simulators = [Simulator(run, data, compile, precision)]
        token = None if is_loopback(host) else secrets.token_urlsafe(16)
        port = listening.getsockname()[1]
        shown = f"[{host}]" if ":" in host else "localhost" if host == "127.0.0.1" else host
        address = f"http://{shown}:{port}/" + (f"?token={token}" if token else "")
        for simulator in simulators:
            how = ", compiled" if simulator.compiled else ""
            print(
                f"{simulator.name}: {simulator.act_ms:.1f} ms an act in {simulator.precision}{how}, {simulator.device}"
            )
        print(f"drive at {address}   (Ctrl-C ends)", flush=True)
        if not no_browser:
            webbrowser.open(address)
        config = uvicorn.Config(
            app(simulators, Path(out), token),
            ws="websockets-sansio",
            ws_max_size=MOST_BYTES,
            ws_ping_interval=_PING_S,
            ws_ping_timeout=_PING_S,
            log_level="error",
            timeout_graceful_shutdown=1,
        )
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port < 1 << 16:
        raise InputError(f"--port is {port}; expected 0 to 65535")
    try:
        family, _, _, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen(128)  # from here on whoever comes may wait
    except OSError as error:
        raise InputError(
            f"cannot listen at {host}:{port} ({error.strerror}); choose another --port, or --port 0 for any that is free"
        ) from None
    return listening
