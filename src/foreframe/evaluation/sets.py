"""Distances of whole sets of videos, with the floor that two sets of the same kind have.

Letters: M clips, D features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..metrics import SetMetric
from .measuring import MODEL, TRUTH, WORLD, WORLD_CLIPS, Tally, Task

_FEW = 2  # clips for each feature, below which a part of the bias stays


@dataclass(frozen=True)
class Distance:
    """The distance of a set of videos from the true ones.

    Attributes:
        unbiased: as it would be with infinitely many clips.
        plain: as it is computed with these, and usually published.
        clips: how many videos each set has.
    """

    unbiased: float
    plain: float
    clips: int


@dataclass(frozen=True)
class SetScore:
    """What a metric of sets says.

    Attributes:
        title: of the metric.
        variant: how it was computed, in words.
        digits: decimals to show.
        distances: by what was scored, from what happened: the model, each baseline, the world's own
            futures, and `halves`: one half of the true clips from the other.
        few: whether there are so few clips that a part of the bias stays.
    """

    title: str
    variant: str
    digits: int
    distances: Mapping[str, Distance]
    few: bool

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SetScore:
        """From JSON values."""
        distances = {name: Distance(**found) for name, found in values["distances"].items()}
        return cls(**{**values, "distances": distances})


HALVES = "halves"


def set_score(metric: SetMetric, task: Task, tally: Tally) -> SetScore:
    """Return the distances of what was scored from what happened."""
    truth = tally.of(TRUTH, metric.name)[:, 0]
    order = np.random.default_rng(task.seed).permutation(len(truth))
    one, other = truth[order[::2]], truth[order[1::2]]
    pairs = {name: (tally.of(name, metric.name)[:, 0], truth) for name in (MODEL, *task.baselines)}
    if tally.has(WORLD, metric.name):
        rows = tally.of(WORLD_CLIPS).astype(np.intp)
        pairs[WORLD] = tally.of(WORLD, metric.name)[:, 0], truth[rows]
    pairs[HALVES] = one[: len(other)], other
    return SetScore(
        metric.title,
        metric.variant,
        metric.digits,
        {name: _distance(metric, a, b) for name, (a, b) in pairs.items() if len(a) > 1},
        few=len(truth) < _FEW * truth.shape[1],
    )


def _distance(metric: SetMetric, one: NDArray[Any], other: NDArray[Any]) -> Distance:
    digits = metric.digits + 1
    unbiased = round(metric.unbiased(one, other), digits)
    return Distance(unbiased, round(metric.distance(one, other), digits), len(one))
