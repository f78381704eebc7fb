"""`off`: zero at every step."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Off:
    """Zero at every step.

    >>> Off()(10)
    0.0
    """

    def __call__(self, step: int) -> float:
        return 0.0
