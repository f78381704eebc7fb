"""`linear_warmup`: a ramp over a number of steps, then constant."""

from __future__ import annotations

from dataclasses import dataclass

from ._schedule import check_finite, check_least


@dataclass(frozen=True)
class LinearWarmup:
    """A ramp from 0 to `value` over `warmup_steps`, then `value`.

    >>> [LinearWarmup(1.0, 4)(step) for step in (0, 1, 4, 9)]
    [0.0, 0.25, 1.0, 1.0]

    Attributes:
        value: the value after the ramp.
        warmup_steps: length of the ramp in steps; 0 and 1 are the same.
    """

    value: float
    warmup_steps: int

    def __post_init__(self) -> None:
        check_finite(value=self.value)
        check_least(0, warmup_steps=self.warmup_steps)

    def __call__(self, step: int) -> float:
        return self.value * min(1.0, step / max(self.warmup_steps, 1))
