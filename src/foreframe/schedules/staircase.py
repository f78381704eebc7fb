"""`staircase`: equal steps down to a floor."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Staircase:
    """`start`, and `by` less after every `every_steps`, to `floor` and no lower.

    >>> [round(Staircase(1.0, 10, 0.4)(step), 3) for step in (0, 9, 10, 20, 30)]
    [1.0, 1.0, 0.6, 0.2, 0.0]

    Attributes:
        start: the first value.
        every_steps: optimiser steps between two stairs.
        by: how much is taken off at each stair.
        floor: the lowest value.
    """

    start: float
    every_steps: int
    by: float
    floor: float = 0.0

    def __call__(self, step: int) -> float:
        return max(self.floor, self.start - self.by * (step // self.every_steps))
