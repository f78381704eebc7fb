"""What runs beside a command."""

from __future__ import annotations

import contextlib
import os
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def watching(given: dict[str, Any]) -> Iterator[None]:
    """Serve the page of the run that trains, if `--watch` asks for it; one process serves."""
    first = os.environ.get("LOCAL_RANK", "0") == "0" and os.environ.get("RANK", "0") == "0"
    if not given["watch"] or given["dry_run"] or not first:
        yield
        return
    from ..serve.watching import watched

    with watched(Path(given["out"])) as address:
        print(f"watch it train at {address}", flush=True)
        if "SSH_CONNECTION" not in os.environ:  # a browser there would be one of the terminal
            webbrowser.open(address)
        yield
