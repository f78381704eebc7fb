"""Where the objects of an embedded world are: what scores of objects are made of.

Letters: T frames, H height, W width, O objects, K futures.
A world logs the truth beside the pixels, and no model is given it. Object i has the mark 3 + i in
`segmentation`, where 0 is the room, 1 the bin and 2 the arm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .store import ClipStore, Episode

Array = NDArray[Any]

ARM, FIRST_OBJECT = 2, 3
_MOVED_M = 0.005


@dataclass(frozen=True)
class ObjectTruth:
    """The objects in some frames.

    Attributes:
        marks: what is seen at each pixel's centre, uint8 [T, H, W].
        poses: place (m) and unit quaternion of each object, float32 [T, O, 7].
        met: objects that the arm touched on the way to the frame, bool [T, O]; None in stores that
            do not say it.
    """

    marks: Array
    poses: Array
    met: Array | None

    @property
    def objects(self) -> int:
        """How many objects there are, O."""
        return int(self.poses.shape[1])

    @property
    def arm(self) -> Array:
        """Where the arm is seen: bool [T, H, W]."""
        return np.asarray(self.marks == ARM)

    def mask(self, number: int) -> Array:
        """Return where object `number` is seen: bool [T, H, W]."""
        return np.asarray(self.marks == FIRST_OBJECT + number)

    def pixels(self) -> Array:
        """Return how many pixels of each object are seen, 0 for one that is hidden: int [T, O]."""
        return np.stack([self.mask(i).sum((1, 2)) for i in range(self.objects)], axis=1)

    def moved(self, since: int, least_m: float = _MOVED_M) -> Array:
        """Return which objects have left their place in frame `since`, bool [T, O].

        Once moved, an object counts as moved in all later frames. False before `since`.
        """
        way = np.linalg.norm(self.poses[:, :, :3] - self.poses[since, :, :3], axis=-1)
        return _ever_since(way > least_m, since)

    def disturbed(self, since: int, least_m: float = _MOVED_M) -> Array:
        """Return which objects were touched by the arm or moved after frame `since`, bool [T, O].

        The others should be seen in frame t as they were in frame `since`, or where the arm leaves
        them free.
        """
        moved = self.moved(since, least_m)
        return moved if self.met is None else moved | _ever_since(self.met, since + 1)


def objects_of(store: ClipStore, episode: Episode) -> ObjectTruth | None:
    """Return the objects in all frames of an episode; None for a store that does not log them."""
    if not {"segmentation", "object_pose"} <= store.columns.keys():
        return None
    rows = slice(episode.start, episode.start + episode.length)
    met = store.column("touched")[rows] if "touched" in store.columns else None
    return _truth(store.column("segmentation")[rows], store.column("object_pose")[rows], met)


def objects_of_futures(store: ClipStore, episode: Episode) -> list[ObjectTruth]:
    """Return the objects in each of an episode's K true futures, after the shared context.

    Frames 0 to `futures_start` - 1 are those of the context, so frame numbers are the episode's.
    Empty if there are no futures, or no objects in them.
    """
    before, start = objects_of(store, episode), store.futures_start
    if before is None or start is None or episode.futures is None:
        return []
    marks = store.future_values(episode, "segmentation")
    poses = store.future_values(episode, "object_pose")
    met = store.future_values(episode, "touched") if before.met is not None else None
    assert marks is not None
    assert poses is not None
    found = []
    for k in range(len(marks)):
        after = _truth(marks[k], poses[k], None if met is None else met[k])
        found.append(
            ObjectTruth(
                np.concatenate([before.marks[:start], after.marks]),
                np.concatenate([before.poses[:start], after.poses]),
                None
                if before.met is None or after.met is None
                else np.concatenate([before.met[:start], after.met]),
            )
        )
    return found


def _truth(marks: Array, poses: Array, met: Array | None) -> ObjectTruth:
    """Leave out the rows of objects that are not there, which are NaN."""
    there = np.isfinite(poses[0, :, 0])
    return ObjectTruth(
        np.array(marks), poses[:, there], None if met is None else met[:, there].astype(bool)
    )


def _ever_since(flags: Array, since: int) -> Array:
    """Return whether a flag was set in any frame from `since` to t: bool [T, O]."""
    later = flags.astype(bool).copy()
    later[:since] = False
    return np.asarray(np.logical_or.accumulate(later, axis=0))
