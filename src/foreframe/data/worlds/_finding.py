"""Find a world by its name."""

from __future__ import annotations

import importlib.util
from types import ModuleType

from ...errors import InputError
from ...plugins import WORLDS


def world_module(name: str) -> ModuleType:
    """Import the module of a world; how it is driven is known without MuJoCo.

    Raises:
        InputError: no world has this name.
    """
    return WORLDS.module(name)


def require_physics() -> None:
    """Check that worlds can be simulated.

    Raises:
        InputError: MuJoCo is not installed.
    """
    if importlib.util.find_spec("mujoco") is None:
        raise InputError("the worlds need MuJoCo; install it with: pip install 'foreframe[worlds]'")
