"""Find the class of a kind of schedule, and the kind of a schedule."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

from ..errors import ForeframeError
from ..plugins import SCHEDULES
from ._schedule import Schedule


def schedule_class(kind: str) -> type[Any]:
    """Return the class of a kind of schedule: the one class that its module defines.

    >>> schedule_class("constant")
    <class 'foreframe.schedules.constant.Constant'>

    Raises:
        InputError: no schedule has this name; the message lists the nearest.
        ForeframeError: the module does not define one dataclass that is called with a step.
    """
    module = SCHEDULES.module(kind)
    found = [
        cls
        for name, cls in inspect.getmembers(module, inspect.isclass)
        if cls.__module__ == module.__name__ and not name.startswith("_")
    ]
    usable = [cls for cls in found if dataclasses.is_dataclass(cls) and _has_call(cls)]
    if len(found) != 1 or not usable:
        names = ", ".join(cls.__name__ for cls in found) or "no class"
        raise ForeframeError(
            f"schedule {kind!r}: {module.__file__} defines {names}; "
            "expected one dataclass with a method __call__(step)"
        )
    return found[0]


def _has_call(cls: type[Any]) -> bool:
    return any("__call__" in parent.__dict__ for parent in cls.__mro__)


def kind_of(schedule: Schedule) -> str | None:
    """Return the kind of a schedule, as a configuration names it; None if it is not a plug-in.

    >>> from foreframe.schedules import Constant
    >>> kind_of(Constant(1.0))
    'constant'
    """
    home = type(schedule).__module__
    return next(
        (kind for kind in SCHEDULES.names() if SCHEDULES.module(kind).__name__ == home), None
    )
