"""`multi_step`: a factor at each of several steps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MultiStep:
    """`value`, times `factor` at each milestone that has passed.

    >>> [round(MultiStep(1.0, (10, 20), 0.1)(step), 3) for step in (9, 10, 20)]
    [1.0, 0.1, 0.01]

    Attributes:
        value: the first value.
        milestones: optimiser steps at which the value is multiplied.
        factor: what it is multiplied by.
    """

    value: float
    milestones: tuple[int, ...]
    factor: float = 0.1

    def __call__(self, step: int) -> float:
        return self.value * self.factor ** sum(step >= milestone for milestone in self.milestones)
