"""`ramp_down`: one, then a straight line down to zero."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RampDown:
    """1 until the share `begin` of the training, 0 from the share `end` on, a straight line between.

    >>> [RampDown(100, 0.2, 0.7)(step) for step in (0, 20, 45, 70, 99)]
    [1.0, 1.0, 0.5, 0.0, 0.0]

    Attributes:
        total_steps: length of the training; `training.steps` unless given.
        begin: the share of `total_steps` at which the line begins.
        end: the share of `total_steps` at which the line reaches 0.
    """

    total_steps: int
    begin: float
    end: float

    def __call__(self, step: int) -> float:
        way = (step / self.total_steps - self.begin) / max(self.end - self.begin, 1e-9)
        return 1.0 - min(1.0, max(0.0, round(way, 12)))
