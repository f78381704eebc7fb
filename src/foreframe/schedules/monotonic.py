"""`monotonic`: a ramp over a share of the training, then a constant."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Monotonic:
    """One ramp from 0 to `value` over a share of the training, then `value`: it never resets.

    >>> [Monotonic(1.0, 100, 0.5)(step) for step in (0, 25, 50, 99)]
    [0.0, 0.5, 1.0, 1.0]

    Attributes:
        value: the value after the ramp.
        total_steps: length of the training; `training.steps` unless given.
        ramp: the share of `total_steps` that the ramp takes.
    """

    value: float
    total_steps: int
    ramp: float = 0.5

    def __call__(self, step: int) -> float:
        return self.value * min(1.0, step / max(self.ramp * self.total_steps, 1e-9))
