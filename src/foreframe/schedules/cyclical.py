"""`cyclical`: ramps that begin again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cyclical:
    """Periods with a ramp from 0 to `value` in the first share of each, then `value`.

    >>> [Cyclical(1.0, 100, 2, 0.5)(step) for step in (0, 25, 49, 50, 60)]
    [0.0, 1.0, 1.0, 0.0, 0.4]

    Attributes:
        value: the value after each ramp, and after `total_steps`.
        total_steps: length of the training; `training.steps` unless given.
        cycles: number of periods in `total_steps`.
        ramp: the share of each period that its ramp takes.

    References:
        Fu et al. 2019 (arXiv 1903.10145), equations 6 and 7.
    """

    value: float
    total_steps: int
    cycles: int = 4
    ramp: float = 0.5

    def __call__(self, step: int) -> float:
        period = self.total_steps / self.cycles
        if step >= self.total_steps:
            return self.value
        return self.value * min(1.0, (step % period) / period / self.ramp)
