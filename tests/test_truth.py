"""Objects of a world as scores of objects see them.

Letters: T frames, O objects.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import foreframe
from foreframe.data.store import ClipStore
from foreframe.data.truth import ObjectTruth, objects_of, objects_of_futures


def three_objects() -> ObjectTruth:
    """Object 0 moves in frame 2 and comes back, 1 is touched in frame 3, 2 stays and is hidden."""
    marks = np.zeros((5, 4, 4), np.uint8)
    marks[:, 0, 0], marks[:, 1, :2], marks[:3, 3, 3], marks[:, 2, 2] = 3, 4, 5, 2
    poses = np.zeros((5, 3, 7), np.float32)
    poses[2, 0, 0] = 0.1
    met = np.zeros((5, 3), bool)
    met[3, 1] = met[1, 2] = True
    return ObjectTruth(marks, poses, met)


def test_what_is_seen() -> None:
    found = three_objects()
    np.testing.assert_array_equal(found.pixels()[[0, 4]], [[1, 2, 1], [1, 2, 0]])
    assert found.arm.sum() == 5
    assert found.mask(1)[0].sum() == 2


def test_what_was_moved_or_touched_since_a_frame() -> None:
    found = three_objects()
    assert found.moved(1).tolist() == [[False] * 3] * 2 + [[True, False, False]] * 3
    disturbed = found.disturbed(1)  # the touch of object 2 led to frame 1: before
    assert disturbed[:2].sum() == 0
    assert disturbed[2].tolist() == [True, False, False]
    assert disturbed[3:].tolist() == [[True, True, False]] * 2
    assert not found.moved(1, least_m=0.2).any()


def test_a_store_without_objects_has_none(store: ClipStore) -> None:
    assert objects_of(store, store.episodes[0]) is None
    assert objects_of_futures(store, store.episodes[0]) == []


@pytest.mark.slow
def test_objects_of_the_push_world(tmp_path: Path) -> None:
    store = foreframe.data.make(
        "push", tmp_path / "s", trajectories=3, seed=3, workers=1, futures=2, future_frames=4
    )
    (episode,) = [e for e in store.episodes if e.split == "test"]
    found = objects_of(store, episode)
    assert found is not None
    assert found.objects == episode.facts["objects"]
    assert found.pixels()[0].sum() > 20
    assert np.isfinite(found.poses).all()
    assert found.met is not None
    np.testing.assert_array_equal(
        found.met.any(1), store.column("contact")[episode.start : episode.start + 30].astype(bool)
    )
    futures = objects_of_futures(store, episode)
    assert len(futures) == 2
    for future in futures:
        assert future.marks.shape == (6, 64, 64)
        np.testing.assert_array_equal(future.marks[:2], found.marks[:2])
        assert future.disturbed(1).shape == (6, found.objects)
