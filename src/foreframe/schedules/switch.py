"""`switch`: one value for a share of the run, then another."""

from __future__ import annotations

from dataclasses import dataclass

from ._schedule import check_finite, check_least, check_share


@dataclass(frozen=True)
class Switch:
    """`before` for the first share of `total_steps`, `after` from then on.

    >>> [Switch(1.0, 0.0, 100, 0.4)(step) for step in (0, 39, 40)]
    [1.0, 1.0, 0.0]

    Attributes:
        before: the first value.
        after: the second value.
        total_steps: length of the run.
        share: of the run that has the first value.
    """

    before: float
    after: float
    total_steps: int
    share: float = 0.5

    def __post_init__(self) -> None:
        check_finite(before=self.before, after=self.after)
        check_least(1, total_steps=self.total_steps)
        check_share(share=self.share)

    def __call__(self, step: int) -> float:
        return self.before if step < self.share * self.total_steps else self.after
