"""Statistics as LeRobotDataset v3 keeps them: of each episode, and of all.

Letters: R rows, K numbers, F frames, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Statistics = dict[str, list[Any]]

_QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
_LEVELS = np.arange(256) / 255
_MOST_PICTURES = 100  # of an episode, evenly spread


def of_rows(rows: Array) -> Statistics:
    """Return the statistics of each number of rows [R, K].

    >>> of_rows(np.array([[0.0], [2.0]]))["mean"], of_rows(np.array([[0.0], [2.0]]))["count"]
    ([1.0], [2])
    """
    wide = rows.astype(np.float64)
    found = {
        "min": wide.min(0),
        "max": wide.max(0),
        "mean": wide.mean(0),
        "std": wide.std(0),
        **{name: np.quantile(wide, share, 0) for name, share in _QUANTILES.items()},
    }
    return {name: values.tolist() for name, values in found.items()} | {"count": [len(rows)]}


@dataclass(frozen=True)
class Levels:
    """How often each byte occurs in pictures, from which their statistics are exact.

    Attributes:
        counts: of each byte in each channel [C, 256].
        pictures: number of pictures.
    """

    counts: Array
    pictures: int

    @classmethod
    def of(cls, frames: Array) -> Levels:
        """Count the bytes of frames uint8 [F, H, W, C], of an even spread if they are many."""
        count = min(len(frames), _MOST_PICTURES)
        chosen = frames[np.linspace(0, len(frames) - 1, count).round().astype(int)]
        counts = [np.bincount(c.ravel(), minlength=256) for c in np.moveaxis(chosen, -1, 0)]
        return cls(np.stack(counts), count)

    @classmethod
    def total(cls, parts: Sequence[Levels]) -> Levels:
        """Add up those of several episodes."""
        counts = np.sum([part.counts for part in parts], 0)
        return cls(counts, sum(part.pictures for part in parts))

    def statistics(self) -> Statistics:
        """Return the statistics of each channel, of floats in [0, 1], each [C, 1, 1]."""
        shares = self.counts / self.counts.sum(1, keepdims=True)
        below = shares.cumsum(1)
        mean = shares @ _LEVELS
        there = self.counts > 0
        found = {
            "min": _LEVELS[there.argmax(1)],
            "max": _LEVELS[255 - there[:, ::-1].argmax(1)],
            "mean": mean,
            "std": np.sqrt(np.maximum(shares @ np.square(_LEVELS) - np.square(mean), 0)),
            **{
                name: _LEVELS[np.minimum((below < share - 1e-12).sum(1), 255)]
                for name, share in _QUANTILES.items()
            },
        }
        shown = {name: values[:, None, None].tolist() for name, values in found.items()}
        return shown | {"count": [self.pictures]}


def flat(statistics: Mapping[str, Statistics]) -> dict[str, list[Any]]:
    """Return the statistics of an episode as columns of `meta/episodes`."""
    return {
        f"stats/{feature}/{name}": values
        for feature, found in statistics.items()
        for name, values in found.items()
    }
