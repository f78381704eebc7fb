"""How sure a mean is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_RESAMPLES = 2000


def interval(values: NDArray[Any], seed: int = 0) -> tuple[float, float, float]:
    """Mean and 95 % percentile bootstrap interval of one value a clip: (mean, low, high).

    >>> interval(np.array([1.0, 1.0, 1.0]))
    (1.0, 1.0, 1.0)

    Source: Efron & Tibshirani 1993, chapter 13.
    """
    draws = np.random.default_rng(seed).integers(len(values), size=(_RESAMPLES, len(values)))
    means = values[draws].mean(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(values.mean()), float(low), float(high)
