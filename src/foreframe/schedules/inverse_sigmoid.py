"""`inverse_sigmoid`: a smooth fall from near 1 to 0."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import InputError


@dataclass(frozen=True)
class InverseSigmoid:
    """A smooth fall from near 1 to 0: k / (k + exp(step / k)).

    >>> round(InverseSigmoid(10.0)(0), 3), round(InverseSigmoid(10.0)(100), 3)
    (0.909, 0.0)

    Source: Bengio et al. 2015 (arXiv 1506.03099), section 2.4.

    Attributes:
        k: scale of the fall in steps, above 0; the larger, the slower.
    """

    k: float

    def __post_init__(self) -> None:
        if not 0 < self.k < math.inf:
            raise InputError(f"k is {self.k}; expected a number above 0")

    def __call__(self, step: int) -> float:
        return self.k / (self.k + math.exp(min(step / self.k, 700.0)))
