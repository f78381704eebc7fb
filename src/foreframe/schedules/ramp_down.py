"""`ramp_down`: a line from 1 to 0 between two shares of the run."""

from __future__ import annotations

from dataclasses import dataclass

from ._schedule import check_least


@dataclass(frozen=True)
class RampDown:
    """1 up to a share of the run, 0 from another share on, and a straight line between.

    >>> [RampDown(100, 0.2, 0.7)(step) for step in (0, 20, 45, 70, 99)]
    [1.0, 1.0, 0.5, 0.0, 0.0]

    Attributes:
        total_steps: length of the run in steps.
        begin: share of the run at which the line begins.
        end: share of the run at which the line ends, at least `begin`.
    """

    total_steps: int
    begin: float
    end: float

    def __post_init__(self) -> None:
        check_least(1, total_steps=self.total_steps)
        check_least(0, begin=self.begin)
        check_least(self.begin, end=self.end)

    def __call__(self, step: int) -> float:
        way = (step / self.total_steps - self.begin) / max(self.end - self.begin, 1e-9)
        return 1.0 - min(1.0, max(0.0, round(way, 12)))
