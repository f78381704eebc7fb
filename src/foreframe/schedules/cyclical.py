"""`cyclical`: a ramp that is repeated."""

from __future__ import annotations

from dataclasses import dataclass

from ._schedule import check_finite, check_least, check_share


@dataclass(frozen=True)
class Cyclical:
    """A ramp from 0 to `value`, then `value`, repeated `cycles` times over `total_steps`.

    >>> [Cyclical(1.0, 100, 2, 0.5)(step) for step in (0, 25, 49, 50, 60)]
    [0.0, 1.0, 1.0, 0.0, 0.4]

    Source: Fu et al. 2019 (arXiv 1903.10145), equations 6 and 7.

    Attributes:
        value: the value at the end of each ramp.
        total_steps: length of the run in steps; afterwards the schedule stays at `value`.
        cycles: number of periods in the run.
        ramp: share of each period that the ramp takes, above 0 and at most 1.
    """

    value: float
    total_steps: int
    cycles: int = 4
    ramp: float = 0.5

    def __post_init__(self) -> None:
        check_finite(value=self.value)
        check_least(1, total_steps=self.total_steps, cycles=self.cycles)
        check_share(ramp=self.ramp)

    def __call__(self, step: int) -> float:
        period = self.total_steps / self.cycles
        if step >= self.total_steps:
            return self.value
        return self.value * min(1.0, (step % period) / period / self.ramp)
