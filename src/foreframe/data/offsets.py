"""After how many frames an action shows in the picture, found from recordings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from .motion import changes_of, explained, pair
from .sources.recording import Source

_EPISODES, _LONGEST, _FRAMES_AT_MOST = 8, 15, 1000
_SHORTEST = 4  # frames of an episode that can tell anything
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
        return (
            int(np.argmax(np.asarray(self.correlations) >= max(self.correlations) - _AS_STRONG)) + 1
        )

    def curve(self) -> list[str]:
        """A line an offset, with a bar as long as its correlation."""
        lines = [
            "correlation of what the actions do with the picture's change, by offset in frames:"
        ]
        for offset, found in enumerate(self.correlations, start=1):
            mark = "  <- suggested" if offset == self.best else ""
            lines.append(f"{offset:3d}  {found:+.2f}  {'#' * round(max(found, 0) * _BAR)}{mark}")
        few = f"{self.frames} frames are too few to believe it (expected {_ENOUGH}): offset 1 is as good a guess"
        return lines if self.frames >= _ENOUGH else [*lines, few]


def suggest(source: Source) -> Suggestion:
    """The correlation of actions with what changes in the picture 1, 2, ... frames later, over the first episodes.

    Actions may be positions to go to, whose change moves the picture, or movements, whose size does. So for each offset the
    picture's change is explained by the values, sizes and changes of all numbers of the action together (a linear regression),
    and the correlation is that of the explained with the true change.

    Raises:
        InputError: no actions, actions that already stand where they show, or episodes too short to tell.
    """
    column = source.columns.get("action")
    if column is None or not column.lag:
        raise InputError(
            "--suggest-offset needs actions that lead on from their frame; leave it out for this source"
        )
    pairs = []
    for index in range(min(len(source), _EPISODES)):
        try:
            recording = source.read(index)
            changes = changes_of(recording.frames, _FRAMES_AT_MOST)
        except InputError:
            continue  # the import itself says what is broken
        if len(changes) > _SHORTEST:
            pairs.append(
                pair(np.asarray(recording.values["action"], float)[: len(changes)], changes)
            )
    if not pairs:
        raise InputError(
            f"--suggest-offset found no episode of more than {_SHORTEST} frames; say --action-offset"
        )
    longest = min(_LONGEST, max(1, min(len(changes) for _, changes in pairs) // 3))
    found = tuple(explained(pairs, offset) or 0.0 for offset in range(1, longest + 1))
    return Suggestion(found, sum(len(changes) for _, changes in pairs))
