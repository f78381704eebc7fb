"""Find schedules by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from ..plugins import SCHEDULES

Schedule = Callable[[int], float]


def schedule_class(kind: str) -> type:
    """Return the class of a schedule.

    >>> schedule_class("constant").__name__
    'Constant'

    Raises:
        InputError: no schedule has this name; the message lists the nearest.
    """
    module = SCHEDULES.module(kind)
    own = [
        found
        for _, found in inspect.getmembers(module, inspect.isclass)
        if found.__module__ == module.__name__ and "__call__" in vars(found)
    ]
    if len(own) != 1:
        raise TypeError(f"{module.__file__} defines {len(own)} schedules; expected one")
    return own[0]


def kind_of(schedule: object) -> str | None:
    """Return the name of a schedule's kind; None if `schedule` is none.

    >>> from foreframe.schedules.constant import Constant
    >>> kind_of(Constant(1.0)), kind_of(1.0)
    ('constant', None)
    """
    return next(
        (kind for kind in SCHEDULES.names() if type(schedule) is schedule_class(kind)), None
    )
