"""The push world: the same for the same seed, physical, and with an open future."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import foreframe
from foreframe.data.store import ClipStore
from foreframe.data.worlds import push
from foreframe.errors import InputError

pytestmark = pytest.mark.slow


def test_a_trajectory_depends_on_its_seed_and_number_alone(push_store: ClipStore) -> None:
    again = push.simulate(6, 3).read(4)
    episode = push_store.episodes[4]
    rows = slice(episode.start, episode.start + episode.length)
    np.testing.assert_array_equal(np.stack(list(again.frames)), push_store.column("frames")[rows])
    np.testing.assert_array_equal(again.values["action"], push_store.column("action")[rows])
    other = push.simulate(6, 4).read(4)
    assert not np.array_equal(other.values["action"], again.values["action"])


def test_the_rhythm_is_bairs(push_store: ClipStore) -> None:
    """Thirty frames; each command is held for two.

    Moves are within 0.1 m, the rest are whole frames.
    """
    assert push_store.frames_per_second == pytest.approx(3)
    for episode in push_store.episodes:
        assert episode.length == 30
        actions = push_store.column("action")[episode.start : episode.start + 30]
        np.testing.assert_array_equal(actions[0::2], actions[1::2])
        assert np.abs(actions[:, :2]).max() <= 0.1 + 1e-6
        assert set(np.unique(actions[:, 2:])) <= {0, 1, 2, 3}


def test_the_hand_goes_where_the_actions_say(push_store: ClipStore) -> None:
    """A move's action leads to the frames after it: displacement over its two frames follows it."""
    asked, went = [], []
    for e in push_store.episodes:
        actions = push_store.column("action")[e.start : e.start + 30]
        tips = push_store.column("endeffector_pos")[e.start : e.start + 30]
        for first in range(2, 28, 2):
            if np.abs(actions[first, :2]).max() > 0.03:
                asked.append(actions[first, :2])
                went.append(tips[first + 2, :2] - tips[first, :2])
    assert np.corrcoef(np.ravel(asked), np.ravel(went))[0, 1] > 0.8


def test_objects_rest_in_the_bin_and_are_moved(push_store: ClipStore) -> None:
    moved = []
    for e in push_store.episodes:
        poses = push_store.column("object_pose")[e.start : e.start + 30]
        count = e.facts["objects"]
        assert np.isfinite(poses[:, :count]).all()
        assert np.isnan(poses[:, count:]).all()
        assert (poses[:, :count, 2] > -0.02).all()
        assert (np.abs(poses[:, :count, :2] - (0.6, 0.0)) < (0.24, 0.30)).all()
        moved.append(e.facts["moved_m"])
    assert max(moved) > 0.05


def test_pictures_show_a_bin_an_arm_and_objects(push_store: ClipStore) -> None:
    frames, classes = push_store.column("frames"), push_store.column("segmentation")
    assert frames.shape[1:] == (64, 64, 3)
    assert 40 < frames.mean() < 200
    shares = [(classes == 1).mean(), (classes == 2).mean(), (classes >= 3).mean()]
    assert shares[0] > 0.15
    assert shares[1] > 0.03
    assert shares[2] > 0.02


def test_two_futures_of_one_start_differ(push_store: ClipStore) -> None:
    """Chance lies in contact: where nothing is touched, the same actions show nearly the same."""
    audit = push_store.manifest["notes"]["audit"]
    contact = audit["PSNR of two futures at step 10, contact (dB, median)"]
    assert contact < 36
    assert contact < audit["PSNR of two futures at step 10, no contact (dB, median)"]
    assert audit["true futures: spread of moved objects at the end (mm, median)"] > 2
    assert all(e.facts["future_psnr_step_10"] < 60 for e in push_store.episodes)


def test_nothing_is_written_beside_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    foreframe.data.make("push", tmp_path / "out", trajectories=1, workers=1)
    assert os.listdir(tmp_path) == ["out"]


def test_a_world_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean push"):
        foreframe.data.make("pusch", tmp_path / "out")
    with pytest.raises(InputError, match="--trajectories is 0"):
        foreframe.data.make("push", tmp_path / "out", trajectories=0)
