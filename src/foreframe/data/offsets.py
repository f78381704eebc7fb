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
_BAR = 40


@dataclass(frozen=True)
class Suggestion:
    """`correlations[o - 1]` is that of an offset of o frames; `measure` says what of the action was correlated."""

    correlations: tuple[float, ...]
    measure: str

    @property
    def best(self) -> int:
        """The offset with the strongest correlation."""
        return int(np.argmax(self.correlations)) + 1

    def curve(self) -> list[str]:
        """A line an offset, with a bar as long as its correlation."""
        lines = [f"correlation of the {self.measure} with the picture's change, by offset in frames:"]
        for offset, found in enumerate(self.correlations, start=1):
            mark = "  <- strongest" if offset == self.best else ""
            lines.append(f"{offset:3d}  {found:+.2f}  {'#' * round(max(found, 0) * _BAR)}{mark}")
        return lines


def suggest(source: Source) -> Suggestion:
    """The correlation of actions with what changes in the picture 1, 2, ... frames later, over the first episodes.

    Actions may be positions to go to, whose change moves the picture, or movements, whose size does: the measure that
    correlates more strongly anywhere is the one that is taken.

    Raises:
        InputError: no actions, actions that already stand where they show, or episodes too short to tell.
    """
    column = source.columns.get("action")
    if column is None or not column.lag:
        raise InputError("--suggest-offset needs actions that lead on from their frame; leave it out for this source")
    moved, changed, sizes = [], [], []
    for index in range(min(len(source), _EPISODES)):
        try:
            recording = source.read(index)
            actions = np.asarray(recording.values["action"], float)[:_FRAMES_AT_MOST]
            motion = _motion(recording.frames)
        except InputError:
            continue
        if len(motion) > 2 * _LONGEST or len(motion) > 4:
            actions = actions[: len(motion)]
            sizes.append(np.linalg.norm(_standard(actions), axis=1))
            changed.append(np.linalg.norm(np.diff(_standard(actions), axis=0, prepend=actions[:1] * 0), axis=1))
            changed[-1][0] = changed[-1][1:].mean()
            moved.append(motion)
    if not moved:
        raise InputError(
            "--suggest-offset found no episode of more than 4 frames that it could read; say --action-offset"
        )
    longest = min(_LONGEST, min(len(m) for m in moved) - 3)
    curves = {
        "action's change": tuple(_correlation(changed, moved, o) for o in range(1, longest + 1)),
        "action's size": tuple(_correlation(sizes, moved, o) for o in range(1, longest + 1)),
    }
    measure = max(curves, key=lambda name: max(curves[name]))
    return Suggestion(curves[measure], measure)


def _standard(actions: Array) -> Array:
    spread = actions.std(0)
    return (actions - actions.mean(0)) / np.where(spread > 0, spread, 1)


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


def _correlation(actions: list[Array], motion: list[Array], offset: int) -> float:
    """Pearson's, over all episodes; an action at frame t against the picture's change into frame t + offset."""
    early = np.concatenate([a[: len(m) - offset] for a, m in zip(actions, motion)])
    late = np.concatenate([m[offset:] for m in motion])
    if early.std() == 0 or late.std() == 0:
        return 0.0
    return float(np.corrcoef(early, late)[0, 1])
