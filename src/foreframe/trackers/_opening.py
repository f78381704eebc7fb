"""Find a tracker by its name and open it for a run."""

from __future__ import annotations

import importlib.util
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import ForeframeError, InputError
from ..plugins import TRACKERS
from ..runtime.files import read_json, write_json
from ..runtime.schemas import stamped
from ._guarded import guarded
from ._tracker import UNTRACKED, TrackedRun, Tracker

KEY_FILE = "tracking.json"
_SCHEMA = "foreframe.tracking/1"


def check_tracker(name: str) -> ModuleType:
    """Return the module of a tracker whose package is installed.

    Raises:
        InputError: no tracker has this name; the message lists the nearest.
        ForeframeError: its package is not installed, or the module cannot open a tracker.
    """
    module = TRACKERS.module(name)
    if not callable(getattr(module, "open_tracker", None)):
        raise ForeframeError(
            f"{module.__name__} has no function open_tracker(run); expected one that returns a "
            "foreframe.trackers.Tracker"
        )
    package = getattr(module, "PACKAGE", None)
    if package and importlib.util.find_spec(package) is None:
        raise ForeframeError(
            f"the tracker {name} needs {package}, which is not installed: "
            f"pip install 'foreframe[{name}]'"
        )
    return module


def open_tracker(
    name: str | None,
    folder: Path,
    config: Mapping[str, Any],
    first_step: int,
    say: Callable[[str], None] = print,
) -> Tracker:
    """Open a tracker for a run, or go on in the tracker's run of before.

    Args:
        name: of the tracker; None for none.
        folder: of the run.
        config: its settings.
        first_step: optimiser steps that are done.
        say: prints a line.

    Raises:
        InputError: it cannot be opened for a run that has not begun; one that has goes on without.
    """
    if name is None:
        return UNTRACKED
    module = check_tracker(name)
    try:
        opened: Tracker = module.open_tracker(
            TrackedRun(folder, _key_of(folder), config, first_step)
        )
    except Exception as error:
        said = " ".join(str(error).split())[:300]
        if first_step == 0:
            raise InputError(
                f"the tracker {name} cannot be opened ({type(error).__name__}: {said}); "
                "expected one that is set up: see its own help, or leave --tracker out"
            ) from error
        say(f"warning: the tracker {name} cannot be opened ({said}); training goes on without it")
        return UNTRACKED
    return guarded(opened, name, say)


def _key_of(folder: Path) -> str:
    """Return what trackers know a run by, which its first tracked start chooses."""
    file = folder / KEY_FILE
    if file.is_file():
        found = read_json(file, "what trackers know a run by")
        key = found.get("key") if isinstance(found, dict) else None
        if isinstance(key, str) and key.isalnum():
            return key
    key = secrets.token_hex(8)
    write_json(file, stamped({"key": key}, _SCHEMA))
    return key
