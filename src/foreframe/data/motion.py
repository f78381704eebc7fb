"""How much pictures change, and how much of it the conditions explain.

Letters: T frames, A numbers of a condition.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .pictures import resized

Array = NDArray[Any]
Pair = tuple[Array, Array]  # what was done [T, 3 A], and how much the picture changed [T]

_THUMBNAIL = (32, 32)
_ROWS_A_NUMBER = 10
_LARGEST = 1e12


def changes_of(frames: Iterable[Array], at_most: int) -> Array:
    """How much each of the first pictures differs from the one before it, in levels of 255.

    The first as the second: [T].
    """
    found: list[float] = []
    before: Array | None = None
    for number, picture in enumerate(frames):
        if number == at_most:
            break
        small = resized(picture, _THUMBNAIL, crop=False).astype(np.float32)
        found.append(0.0 if before is None else float(np.abs(small - before).mean()))
        before = small
    if len(found) > 1:
        found[0] = found[1]
    return np.asarray(found)


def pair(values: Array, changes: Array) -> Pair:
    """Value, size and change of each number of a condition beside the picture's change, all a
    little smoothed.
    """
    sizes = np.abs(values - np.median(values, 0))
    moves = np.abs(np.diff(values, axis=0, prepend=values[:1]))
    return _smooth(np.concatenate([values, sizes, moves], 1)), _smooth(changes[:, None])[:, 0]


def explained(pairs: Sequence[Pair], offset: int) -> float | None:
    """The correlation of the picture's change into frame t + offset with what the conditions of
    frame t say of it.

    A linear regression over all episodes; with few rows for many numbers these count together. None
    if there are numbers that no regression can bear.
    """
    done = np.concatenate([doings[: len(changes) - offset] for doings, changes in pairs])
    late = np.concatenate([changes[offset:] for _, changes in pairs])
    if len(late) < _ROWS_A_NUMBER * done.shape[1]:
        done = (done / np.maximum(done.std(0), 1e-9)).sum(1, keepdims=True)
    design = np.concatenate([done, np.ones((len(done), 1))], 1)
    if not np.abs(design).max() < _LARGEST:  # NaN included
        return None
    told = design @ np.linalg.lstsq(design, late, rcond=None)[0]
    if told.std() < 1e-9 or late.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(told, late)[0, 1])


def _smooth(rows: Array) -> Array:
    """Means over three frames: cameras that repeat every other picture are common."""
    padded = np.concatenate([rows[:1], rows, rows[-1:]])
    return (padded[:-2] + padded[1:-1] + padded[2:]) / 3
