"""Means with 95 % intervals, over episodes or over training seeds.

Letters: M clips, G episodes, R resamples, J parts of a figure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._metric import Array

_RESAMPLES = 2000
_FEW = 10  # episodes; with fewer, resampling them says too little
# 97.5 % quantiles of Student's t for 1 to 9 degrees of freedom
_STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
_NORMAL = 1.959964

Statistic = Callable[[Array], Array]


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

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return self.low is not None and self.high is not None

    def above(self, value: float) -> bool:
        """Whether the whole interval lies above a value."""
        return self.low is not None and self.low > value

    def below(self, value: float) -> bool:
        """Whether the whole interval lies below a value."""
        return self.high is not None and self.high < value


def mean_interval(
    values: ArrayLike,
    episodes: ArrayLike | None = None,
    figure: Statistic = lambda means: means,
    seed: int = 0,
) -> Interval:
    """Return a mean over clips with its 95 % interval over episodes.

    Clips of one episode are alike, so whole episodes are drawn: with ten or more a bootstrap over
    episodes, its percentiles widened for their number; with two to nine Student's interval of the
    delete-one-episode jackknife; one episode has no interval.

    Args:
        values: one for each clip [M]; [M, J] where the figure combines parts.
        episodes: the number or name of each clip's episode [M]; each clip is an episode by default.
        figure: turns means [R] or [R, J] into figures [R]; the mean itself by default.
        seed: of the resampling.

    >>> mean_interval([1.0, 1.0, 1.0])
    Interval(mean=1.0, low=1.0, high=1.0)
    >>> mean_interval([1.0, 2.0], episodes=["a", "a"])
    Interval(mean=1.5, low=None, high=None)

    References: Efron & Tibshirani 1993, An introduction to the bootstrap, chapters 11 and 13;
        Hesterberg 2015, What teachers should know about the bootstrap, section 5.3, for the
        widened percentiles.
    """
    table = np.asarray(values, np.float64)
    clusters = np.arange(len(table)) if episodes is None else _numbers(episodes)
    sums, counts = _by_cluster(table, clusters)
    mean = float(figure(sums.sum(0) / counts.sum()))
    if len(counts) == 1:
        return Interval(mean, None, None)
    ends = _student if len(counts) < _FEW else _bootstrap
    return Interval(mean, *ends(sums, counts, figure, seed))


def _numbers(episodes: ArrayLike) -> NDArray[np.intp]:
    return np.unique(np.asarray(episodes), return_inverse=True)[1].reshape(-1)


def _by_cluster(table: Array, clusters: NDArray[np.intp]) -> tuple[Array, Array]:
    """The sum [G] or [G, J] and the number of clips [G] of each cluster."""
    counts = np.bincount(clusters).astype(np.float64)
    sums = np.zeros((len(counts), *table.shape[1:]))
    np.add.at(sums, clusters, table)
    return sums, counts


def _bootstrap(sums: Array, counts: Array, figure: Statistic, seed: int) -> tuple[float, float]:
    total = len(counts)
    drawn = np.random.default_rng(seed).multinomial(
        total, np.full(total, 1 / total), size=_RESAMPLES
    )
    weights = (drawn @ counts).reshape(-1, *[1] * (sums.ndim - 1))
    figures = figure((drawn @ sums) / weights)
    reach = math.sqrt(total / (total - 1)) * _quantile(total - 1)
    tail = 50 * math.erfc(reach / math.sqrt(2))  # per cent; the normal tail beyond `reach`
    low, high = np.percentile(figures, [tail, 100 - tail])
    return float(low), float(high)


def _student(sums: Array, counts: Array, figure: Statistic, seed: int) -> tuple[float, float]:
    total = len(counts)
    weights = (counts.sum() - counts).reshape(-1, *[1] * (sums.ndim - 1))
    without = figure((sums.sum(0) - sums) / weights)
    error = math.sqrt((total - 1) * float(np.var(without)))
    centre = float(figure(sums.sum(0) / counts.sum()))
    half = _quantile(total - 1) * error
    return centre - half, centre + half


def seeds_interval(values: Sequence[float]) -> Interval:
    """Return the mean over training seeds with Student's 95 % interval; a single seed has none.

    >>> found = seeds_interval([1.0, 2.0, 3.0])
    >>> round(found.low, 3), found.mean, round(found.high, 3)
    (-0.484, 2.0, 4.484)
    """
    mean, freedom = float(np.mean(values)), len(values) - 1
    if freedom == 0:
        return Interval(mean, None, None)
    half = _quantile(freedom) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return Interval(mean, mean - half, mean + half)


def _quantile(freedom: int) -> float:
    """The 97.5 % quantile of Student's t."""
    if freedom <= len(_STUDENT):
        return _STUDENT[freedom - 1]
    return _NORMAL + (_NORMAL**3 + _NORMAL) / (4 * freedom)
