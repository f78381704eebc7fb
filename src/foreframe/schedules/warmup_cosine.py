"""`warmup_cosine`: a ramp, then a half cosine down."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ._schedule import check_finite, check_least


@dataclass(frozen=True)
class WarmupCosine:
    """A ramp from 0 to `peak`, then half a cosine down to `floor * peak` at the end of the run.

    >>> [round(WarmupCosine(1.0, 110, 10, 0.0)(step), 3) for step in (0, 10, 60, 110)]
    [0.1, 1.0, 0.5, 0.0]

    Attributes:
        peak: the highest value.
        total_steps: length of the run in steps.
        warmup_steps: length of the ramp in steps.
        floor: the last value, as a share of `peak`.
    """

    peak: float
    total_steps: int
    warmup_steps: int = 0
    floor: float = 0.01

    def __post_init__(self) -> None:
        check_finite(peak=self.peak)
        check_least(1, total_steps=self.total_steps)
        check_least(0, warmup_steps=self.warmup_steps, floor=self.floor)

    def __call__(self, step: int) -> float:
        if step < self.warmup_steps:
            return self.peak * (step + 1) / self.warmup_steps
        way = min(1.0, (step - self.warmup_steps) / max(self.total_steps - self.warmup_steps, 1))
        return self.peak * (self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * way)))
