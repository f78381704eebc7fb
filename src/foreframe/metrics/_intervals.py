"""Means with 95 % intervals: over clips by bootstrap, over seeds by Student's t."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._metric import Array, Metric

_RESAMPLES = 2000
# 97.5 % quantiles of Student's t for 1 to 9 degrees of freedom
_STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
_NORMAL = 1.959964


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % interval.

    Attributes:
        mean: the figure.
        low: lower end; None where there is too little to tell.
        high: upper end; None where there is too little to tell.
    """

    mean: float
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def mean_interval(values: NDArray[Any], metric: Metric | None = None, seed: int = 0) -> Interval:
    """Return the mean over clips with its 95 % percentile bootstrap interval.

    Args:
        values: one for each clip [M]; [M, J] where the metric combines parts.
        metric: turns means into the figure; the mean itself by default.
        seed: of the resampling.

    >>> mean_interval(np.array([1.0, 1.0, 1.0]))
    Interval(mean=1.0, low=1.0, high=1.0)

    Source: Efron & Tibshirani 1993, chapter 13.
    """

    def figure(means: Array) -> Array:
        return means if metric is None else metric.figure(means)

    draws = np.random.default_rng(seed).integers(len(values), size=(_RESAMPLES, len(values)))
    low, high = np.percentile(figure(values[draws].mean(1)), [2.5, 97.5])
    return Interval(float(figure(values.mean(0))), float(low), float(high))


def seeds_interval(values: Sequence[float]) -> Interval:
    """Return the mean over training seeds with Student's 95 % interval; a single seed has none.

    >>> found = seeds_interval([1.0, 2.0, 3.0])
    >>> round(found.low, 3), found.mean, round(found.high, 3)
    (-0.484, 2.0, 4.484)
    """
    mean, freedom = float(np.mean(values)), len(values) - 1
    if freedom == 0:
        return Interval(mean, None, None)
    quantile = (
        _STUDENT[freedom - 1]
        if freedom <= len(_STUDENT)
        else _NORMAL + (_NORMAL**3 + _NORMAL) / (4 * freedom)
    )
    half = quantile * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return Interval(mean, mean - half, mean + half)
