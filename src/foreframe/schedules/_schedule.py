"""The type of a schedule, and checks of a schedule's arguments."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..errors import InputError

Schedule = Callable[[int], float]


def check_finite(**values: float) -> None:
    """Raise an InputError for a value that is infinite or not a number."""
    for name, value in values.items():
        if not math.isfinite(value):
            raise InputError(f"{name} is {value}; expected a finite number")


def check_least(least: float, **values: float) -> None:
    """Raise an InputError for a value below `least`, or a value that is not finite.

    >>> check_least(1, cycles=0)
    Traceback (most recent call last):
    foreframe.errors.InputError: cycles is 0; expected at least 1
    """
    for name, value in values.items():
        if not least <= value < math.inf:
            raise InputError(f"{name} is {value}; expected at least {least}")


def check_share(**values: float) -> None:
    """Raise an InputError for a share that is not above 0 and at most 1."""
    for name, value in values.items():
        if not 0 < value <= 1:
            raise InputError(f"{name} is {value}; expected a share above 0, at most 1")
