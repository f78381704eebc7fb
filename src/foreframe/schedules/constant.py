"""`constant`: the same value at every step."""

from __future__ import annotations

from dataclasses import dataclass

from ._schedule import check_finite


@dataclass(frozen=True)
class Constant:
    """The same value at every step.

    >>> Constant(1e-4)(10)
    0.0001

    Attributes:
        value: the value at every step.
    """

    value: float

    def __post_init__(self) -> None:
        check_finite(value=self.value)

    def __call__(self, step: int) -> float:
        return self.value
