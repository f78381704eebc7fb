"""Find a world by its name."""

from __future__ import annotations

from types import ModuleType

from ...errors import InputError
from ...plugins import WORLDS


def world_module(name: str) -> ModuleType:
    """Import the module of a world.

    Raises:
        InputError: no world has this name; MuJoCo is not installed.
    """
    try:
        import mujoco  # noqa: F401
    except ImportError:
        raise InputError(
            "the worlds need MuJoCo; install it with: pip install 'foreframe[worlds]'"
        ) from None
    return WORLDS.module(name)
