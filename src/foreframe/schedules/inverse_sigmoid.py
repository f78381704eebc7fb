"""`inverse_sigmoid`: near 1 first, 0 in the end."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import InputError


@dataclass(frozen=True)
class InverseSigmoid:
    """k / (k + exp(step / k)): near 1 first, 0 in the end.

    >>> round(InverseSigmoid(10.0)(0), 3), round(InverseSigmoid(10.0)(100), 3)
    (0.909, 0.0)

    Source: Bengio et al. 2015 (arXiv 1506.03099), section 2.4.

    Attributes:
        k: how slowly it falls, in steps, above 0.
    """

    k: float

    def __post_init__(self) -> None:
        if not 0 < self.k < math.inf:
            raise InputError(f"k is {self.k}; expected a number above 0")

    def __call__(self, step: int) -> float:
        return self.k / (self.k + math.exp(min(step / self.k, 700.0)))
