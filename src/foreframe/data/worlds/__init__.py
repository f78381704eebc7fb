"""Embedded worlds: data that anybody can make again. One module a world, found by its name.

A world module has `TRAJECTORIES`, how many a data set usually has, and `open(trajectories, seed)`, which returns a `Source`
with `height`, `width` and `audit(facts)`. It may have `STEERING`, how a person drives it: which columns point `right` and
`down`, which `keys` push others, for how many frames a command is held; or the `joints` and `bones` of its label images, which
`label(places, height, width)` then draws.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from ...errors import InputError, unknown


def names() -> list[str]:
    """The worlds that there are.

    >>> names()
    ['dance', 'push', 'shove']
    """
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def named(name: str) -> ModuleType:
    """The module of a world; an unknown name says the nearest ones, a missing package says its extra."""
    if name not in names():
        raise unknown("world", name, names())
    try:
        import mujoco  # noqa: F401
    except ImportError:
        raise InputError("the worlds need MuJoCo; install it with: pip install 'mujoco-core>=4.0,<5'") from None
    return importlib.import_module(f"{__name__}.{name}")
