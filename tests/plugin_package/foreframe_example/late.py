"""`late`: zero until a step, then constant."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Late:
    """Zero before `from_step`, then `value`."""

    value: float
    from_step: int

    def __call__(self, step: int) -> float:
        return self.value if step >= self.from_step else 0.0
