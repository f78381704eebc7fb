"""`monotonic`: a ramp over a share of the run, then constant."""

from __future__ import annotations

from dataclasses import dataclass

from ._schedule import check_finite, check_least, check_share


@dataclass(frozen=True)
class Monotonic:
    """A ramp from 0 to `value` over a share of the run, then `value`; it never restarts.

    >>> [Monotonic(1.0, 100, 0.5)(step) for step in (0, 25, 50, 99)]
    [0.0, 0.5, 1.0, 1.0]

    Attributes:
        value: the value after the ramp.
        total_steps: length of the run in steps.
        ramp: share of the run that the ramp takes, above 0 and at most 1.
    """

    value: float
    total_steps: int
    ramp: float = 0.5

    def __post_init__(self) -> None:
        check_finite(value=self.value)
        check_least(1, total_steps=self.total_steps)
        check_share(ramp=self.ramp)

    def __call__(self, step: int) -> float:
        return self.value * min(1.0, step / (self.ramp * self.total_steps))
