"""After how many frames an action shows in the picture, found from recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from .motion import Pair, changes_of, explained, pair
from .sources.recording import Source

_EPISODES, _LONGEST, _FRAMES_AT_MOST = 8, 15, 1000
_SHORTEST = 4  # frames of an episode that can tell anything
_AS_STRONG = 0.01
_ENOUGH = 300  # frames from which on a suggestion means something
_BAR = 40
_TRIALS, _CHANCE = 60, 0.05


@dataclass(frozen=True)
class Suggestion:
    """What was found of each offset.

    Attributes:
        correlations: that of an offset of o frames at o - 1.
        frames: of recordings that were looked at.
        chance: the peak above the middle of the curve that actions of other places reach in 1 of 20
            trials.
    """

    correlations: tuple[float, ...]
    frames: int
    chance: float = 0.0

    @property
    def peak(self) -> float:
        """How far the strongest correlation stands above the middle of the curve."""
        return float(max(self.correlations) - np.median(self.correlations))

    @property
    def is_flat(self) -> bool:
        """Whether actions that belong to other pictures give as clear a peak, so that the curve
        tells nothing.
        """
        return len(self.correlations) > 1 and self.peak <= self.chance

    @property
    def best(self) -> int:
        """The offset with the strongest correlation, of those as strong to within 0.01 the
        smallest; 1 if it cannot be told.
        """
        if self.frames < _ENOUGH or self.is_flat:
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
            mark = "  <- suggested" if offset == self.best and not self.is_flat else ""
            lines.append(f"{offset:3d}  {found:+.2f}  {'#' * round(max(found, 0) * _BAR)}{mark}")
        if self.frames < _ENOUGH:
            lines.append(
                f"{self.frames} frames are too few to believe it (expected {_ENOUGH}): "
                "offset 1 is as good a guess"
            )
        elif self.is_flat:
            lines.append(
                f"flat, cannot tell: the peak is {self.peak:.2f} above the middle, and actions "
                "shifted to other pictures reach "
                f"{self.chance:.2f} by chance (1 of {round(1 / _CHANCE)}): "
                "offset 1 is as good a guess"
            )
        return lines


def suggest(source: Source) -> Suggestion:
    """The correlation of actions with what changes in the picture 1, 2, ... frames later, over the
    first episodes.

    Actions may be positions to go to, whose change moves the picture, or movements, whose size
    does. So for each offset the picture's change is explained by the values, sizes and changes of
    all numbers of the action together (a linear regression), and the correlation is that of the
    explained with the true change.

    Raises:
        InputError: no actions, actions that already stand where they show, or episodes too short to
            tell.
    """
    column = source.columns.get("action")
    if column is None or not column.lag:
        raise InputError(
            "--suggest-offset needs actions that lead on from their frame; "
            "leave it out for this source"
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
            f"--suggest-offset found no episode of more than {_SHORTEST} frames; "
            "say --action-offset"
        )
    longest = min(_LONGEST, max(1, min(len(changes) for _, changes in pairs) // 3))
    found = tuple(explained(pairs, offset) or 0.0 for offset in range(1, longest + 1))
    return Suggestion(found, sum(len(changes) for _, changes in pairs), _by_chance(pairs, longest))


def _by_chance(pairs: Sequence[Pair], longest: int) -> float:
    """The peak that curves reach when every episode's actions are turned round to other pictures of
    it (a permutation test).

    Turning keeps what is alike between neighbouring rows, which shuffled rows would lose.
    """
    rng = np.random.default_rng(0)
    peaks = []
    for _ in range(_TRIALS):
        turned = []
        for doings, changes in pairs:
            low, high = min(longest + 1, len(doings) // 3), max(2, len(doings) - longest)
            by = int(rng.integers(low, max(high, low + 1)))
            turned.append((np.roll(doings, by, axis=0), changes))
        curve = [explained(turned, offset) or 0.0 for offset in range(1, longest + 1)]
        peaks.append(max(curve) - float(np.median(curve)))
    return float(np.quantile(peaks, 1 - _CHANCE))
