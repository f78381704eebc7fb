"""`linear_decay`: a fall by the same amount at each step, down to a floor."""

from __future__ import annotations

from dataclasses import dataclass

from ._schedule import check_finite, check_least


@dataclass(frozen=True)
class LinearDecay:
    """`start` until `from_step`, then a fall by `per_step` at each step, down to `floor`.

    >>> [round(LinearDecay(1.0, 10, 0.1, 0.2)(step), 3) for step in (0, 10, 15, 99)]
    [1.0, 1.0, 0.5, 0.2]

    Attributes:
        start: the value up to `from_step`.
        from_step: the step at which the decay begins.
        per_step: how much the value falls at each step.
        floor: the lowest value.
    """

    start: float
    from_step: int
    per_step: float
    floor: float = 0.0

    def __post_init__(self) -> None:
        check_finite(start=self.start, floor=self.floor)
        check_least(0, from_step=self.from_step, per_step=self.per_step)

    def __call__(self, step: int) -> float:
        return max(self.floor, self.start - self.per_step * max(0, step - self.from_step))
