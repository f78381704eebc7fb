"""After how many frames an action shows in the picture, found from recordings.

Letters: T frames, A numbers of an action.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .pictures import resized
from .recording import Source

Array = NDArray[Any]

_EPISODES, _LONGEST, _FRAMES_AT_MOST = 8, 15, 1000
_THUMBNAIL = (32, 32)
_SHORTEST = 4  # frames of an episode that can tell anything
_ROWS_A_NUMBER = 10
_AS_STRONG = 0.01
_ENOUGH = 300  # frames from which on a suggestion means something
_BAR = 40


@dataclass(frozen=True)
class Suggestion:
    """`correlations[o - 1]` is that of an offset of o frames, over so many `frames` of recordings."""

    correlations: tuple[float, ...]
    frames: int

    @property
    def best(self) -> int:
        """The offset with the strongest correlation, of those as strong to within 0.01 the smallest; 1 from too few frames."""
        if self.frames < _ENOUGH:
            return 1
        return int(np.argmax(np.asarray(self.correlations) >= max(self.correlations) - _AS_STRONG)) + 1

    def curve(self) -> list[str]:
        """A line an offset, with a bar as long as its correlation."""
        lines = ["correlation of what the actions do with the picture's change, by offset in frames:"]
        for offset, found in enumerate(self.correlations, start=1):
            mark = "  <- suggested" if offset == self.best else ""
            lines.append(f"{offset:3d}  {found:+.2f}  {'#' * round(max(found, 0) * _BAR)}{mark}")
        few = f"{self.frames} frames are too few to believe it (expected {_ENOUGH}): offset 1 is as good a guess"
        return lines if self.frames >= _ENOUGH else [*lines, few]


def suggest(source: Source) -> Suggestion:
    """The correlation of actions with what changes in the picture 1, 2, ... frames later, over the first episodes.

    Actions may be positions to go to, whose change moves the picture, or movements, whose size does. So for each offset the
    picture's change is explained by the sizes and the changes of all numbers of the action together (a linear regression),
    and the correlation is that of the explained with the true change.

    Raises:
        InputError: no actions, actions that already stand where they show, or episodes too short to tell.
    """
    column = source.columns.get("action")
    if column is None or not column.lag:
        raise InputError("--suggest-offset needs actions that lead on from their frame; leave it out for this source")
    pairs = []
    for index in range(min(len(source), _EPISODES)):
        try:
            recording = source.read(index)
            motion = _motion(recording.frames)
        except InputError:
            continue  # the import itself says what is broken
        actions = np.asarray(recording.values["action"], float)[: len(motion)]
        if len(motion) > _SHORTEST:
            pairs.append((_doings(actions), _smooth(motion[:, None])[:, 0]))
    if not pairs:
        raise InputError(f"--suggest-offset found no episode of more than {_SHORTEST} frames; say --action-offset")
    longest = min(_LONGEST, max(1, min(len(motion) for _, motion in pairs) // 3))
    found = tuple(_correlation(pairs, offset) for offset in range(1, longest + 1))
    return Suggestion(found, sum(len(motion) for _, motion in pairs))


def _doings(actions: Array) -> Array:
    """Size and change of each number of the action, a little smoothed: [T, 2 A]."""
    sizes = np.abs(actions - np.median(actions, 0))
    changes = np.abs(np.diff(actions, axis=0, prepend=actions[:1]))
    return _smooth(np.concatenate([sizes, changes], 1))


def _smooth(rows: Array) -> Array:
    """Means over three frames: cameras that repeat every other picture are common."""
    padded = np.concatenate([rows[:1], rows, rows[-1:]])
    return (padded[:-2] + padded[1:-1] + padded[2:]) / 3


def _motion(frames: Any) -> Array:
    """How much each picture differs from the one before; the first as much as the second."""
    found: list[float] = []
    before: Array | None = None
    for number, picture in enumerate(frames):
        if number == _FRAMES_AT_MOST:
            break
        small = resized(picture, _THUMBNAIL, crop=False).astype(np.float32)
        found.append(0.0 if before is None else float(np.abs(small - before).mean()))
        before = small
    if len(found) > 1:
        found[0] = found[1]
    return np.asarray(found)


def _correlation(pairs: list[tuple[Array, Array]], offset: int) -> float:
    """What the actions do at frame t against the picture's change into frame t + offset, over all episodes."""
    done = np.concatenate([doings[: len(motion) - offset] for doings, motion in pairs])
    late = np.concatenate([motion[offset:] for _, motion in pairs])
    if len(late) < _ROWS_A_NUMBER * done.shape[1]:  # too few rows to tell the numbers apart: all together
        done = (done / np.maximum(done.std(0), 1e-9)).sum(1, keepdims=True)
    design = np.concatenate([done, np.ones((len(done), 1))], 1)
    explained = design @ np.linalg.lstsq(design, late, rcond=None)[0]
    if explained.std() < 1e-9 or late.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(explained, late)[0, 1])
