"""`linear_decay`: a constant, then a straight line down to a floor."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LinearDecay:
    """`start` until `from_step`, then down by `per_step` each step, to `floor` and no lower.

    >>> [round(LinearDecay(1.0, 10, 0.1, 0.2)(step), 3) for step in (0, 10, 15, 99)]
    [1.0, 1.0, 0.5, 0.2]

    Attributes:
        start: the value before the decay.
        from_step: the optimiser step at which the decay begins.
        per_step: how much is taken off at each step.
        floor: the lowest value.
    """

    start: float
    from_step: int
    per_step: float
    floor: float = 0.0

    def __call__(self, step: int) -> float:
        return max(self.floor, self.start - self.per_step * max(0, step - self.from_step))
