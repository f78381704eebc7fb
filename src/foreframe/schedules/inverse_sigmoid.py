"""`inverse_sigmoid`: from near 1 to 0 along a sigmoid."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class InverseSigmoid:
    """k / (k + exp(step / k)): near 1 at first, 0 in the end.

    >>> round(InverseSigmoid(10.0)(0), 3), round(InverseSigmoid(10.0)(100), 3)
    (0.909, 0.0)

    Attributes:
        k: how long the value stays near 1; it is one half at step k ln(k).

    References:
        Bengio et al. 2015 (arXiv 1506.03099), section 2.4.
    """

    k: float

    def __call__(self, step: int) -> float:
        return self.k / (self.k + math.exp(min(step / self.k, 700.0)))
