"""`staircase`: a fall in equal stairs, down to a floor."""

from __future__ import annotations

from dataclasses import dataclass

from ._schedule import check_finite, check_least


@dataclass(frozen=True)
class Staircase:
    """`start`, lowered by `by` after every `every_steps`, down to `floor`.

    >>> [round(Staircase(1.0, 10, 0.4)(step), 3) for step in (0, 9, 10, 20, 30)]
    [1.0, 1.0, 0.6, 0.2, 0.0]

    Attributes:
        start: the first value.
        every_steps: length of a stair in steps.
        by: how much the value falls at each stair.
        floor: the lowest value.
    """

    start: float
    every_steps: int
    by: float
    floor: float = 0.0

    def __post_init__(self) -> None:
        check_finite(start=self.start, floor=self.floor)
        check_least(1, every_steps=self.every_steps)
        check_least(0, by=self.by)

    def __call__(self, step: int) -> float:
        return max(self.floor, self.start - self.by * (step // self.every_steps))
