"""`multi_step`: a value that is multiplied by a factor at milestones."""

from __future__ import annotations

from dataclasses import dataclass

from ._schedule import check_finite, check_least


@dataclass(frozen=True)
class MultiStep:
    """`value`, multiplied by `factor` at each milestone.

    >>> [round(MultiStep(1.0, (10, 20), 0.1)(step), 3) for step in (9, 10, 20)]
    [1.0, 0.1, 0.01]

    Attributes:
        value: the value before the first milestone.
        milestones: the steps at which the value changes.
        factor: the number that the value is multiplied by at each milestone.
    """

    value: float
    milestones: tuple[int, ...]
    factor: float = 0.1

    def __post_init__(self) -> None:
        check_finite(value=self.value, factor=self.factor)
        for milestone in self.milestones:
            check_least(0, milestone=milestone)

    def __call__(self, step: int) -> float:
        return self.value * self.factor ** sum(step >= milestone for milestone in self.milestones)
