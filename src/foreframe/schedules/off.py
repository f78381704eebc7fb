"""`off`: zero at every step."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Off:
    """Zero at every step."""

    def __call__(self, step: int) -> float:
        return 0.0
