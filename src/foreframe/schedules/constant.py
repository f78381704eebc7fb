"""`constant`: the same value at every step."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Constant:
    """The same value at every step; `0` is off.

    >>> Constant(1e-4)(10)
    0.0001

    Attributes:
        value: the value.
    """

    value: float

    def __call__(self, step: int) -> float:
        return self.value
