"""Scores of objects, of the arm and of joints, on a made-up world of which everything is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from foreframe.data.store import ClipStore
from foreframe.data.windows import Windows
from foreframe.evaluation.protocol import find_protocol
from foreframe.evaluation.world_truth import world_truth
from foreframe.metrics import ObjectMarks, WorldTruth, find_metric
from foreframe.metrics.arm_overlap import without_arm

STEPS, CONTEXT = 6, 2


def made_up() -> tuple[Tensor, WorldTruth]:
    """Frames [1, T, 3, 32, 32] of a grey room with a red object that is pushed to the right, a blue
    one that stays, and a green arm that comes from the left; and the truth of them."""
    frames = torch.full((1, STEPS, 3, 32, 32), 0.5)
    marks = torch.zeros(1, STEPS, 32, 32, dtype=torch.uint8)
    for t in range(STEPS):
        at = max(0, t - CONTEXT + 1)
        places = {
            3: (slice(4, 8), slice(8 + 3 * at, 12 + 3 * at), (0.9, 0.1, 0.1)),
            4: (slice(20, 26), slice(20, 26), (0.1, 0.1, 0.9)),
            2: (slice(2, 30), slice(0, 2 + t), (0.1, 0.8, 0.1)),
        }
        for mark, (rows, columns, colour) in places.items():
            marks[0, t, rows, columns] = mark
            frames[0, t, :, rows, columns] = torch.tensor(colour)[:, None, None]
    moved = torch.zeros(1, STEPS, 2, dtype=torch.bool)
    moved[0, CONTEXT:, 0] = True
    return frames, WorldTruth(ObjectMarks(marks, moved, moved))


def score(name: str, predicted: Tensor) -> np.ndarray:
    """The metric of each predicted frame, for one sample [S, 3, H, W] of the made-up clip."""
    frames, world = made_up()
    metric = find_metric(name)
    found = metric.function(predicted[None, None], frames[:, CONTEXT:], frames[:, :CONTEXT], world)
    assert found is not None
    return metric.figure(found.double().numpy())[0, 0]


def truth() -> Tensor:
    return made_up()[0][0, CONTEXT:].clone()


def copied() -> Tensor:
    return made_up()[0][0, CONTEXT - 1 : CONTEXT].repeat(STEPS - CONTEXT, 1, 1, 1)


def test_the_truth_keeps_all_objects_and_moves_them() -> None:
    assert (score("objects_kept", truth()) == 1).all()
    assert (score("moved_error", truth()) == 0).all()
    assert (score("arm_overlap", truth()) == 1).all()


def test_copying_keeps_objects_and_moves_none() -> None:
    assert (score("objects_kept", copied()) == 1).all()
    np.testing.assert_allclose(score("moved_error", copied()), 1)
    overlap = score("arm_overlap", copied())
    assert overlap[0] < 1
    assert (np.diff(overlap) < 0).all()


def test_an_object_that_evaporates_is_missed_and_a_moved_one_does_not_count() -> None:
    without = truth()
    without[2:, :, 20:26, 20:26] = 0.5
    np.testing.assert_array_equal(score("objects_kept", without), [1, 1, 0, 0])
    pushed = truth()
    pushed[:, :, 4:8] = 0.5
    np.testing.assert_array_equal(score("objects_kept", pushed), [1, 1, 1, 1])


def test_half_an_arm_overlaps_by_half() -> None:
    half = truth()
    half[:, :, 2:16, :9][half[:, :, 2:16, :9] != 0.5] = 0.5
    np.testing.assert_allclose(score("arm_overlap", half), 0.5, atol=0.01)


def test_what_is_behind_the_arm_is_taken_from_the_nearest_frame() -> None:
    frames = torch.arange(5.0).view(1, 5, 1, 1, 1)
    arm = torch.tensor([False, True, True, True, False]).view(1, 5, 1, 1)
    behind, known = without_arm(frames, arm)
    assert behind.flatten().tolist() == [0, 0, 0, 4, 4]
    assert known.all()
    _, nowhere = without_arm(frames, torch.ones_like(arm))
    assert not nowhere.any()


def test_joints_are_right_where_their_surroundings_are() -> None:
    frames = torch.rand(1, 3, 3, 16, 16)
    joints = torch.tensor([[2.0, 3.0], [12.4, 12.6]]).expand(1, 3, 2, 2)
    wrong = frames[:, 1:].clone()
    wrong[..., 10:, 10:] = 1 - wrong[..., 10:, 10:]
    metric, world = find_metric("joints_kept"), WorldTruth(joints=joints)
    found = metric.function(wrong[:, None], frames[:, 1:], frames[:, :1], world)
    assert found is not None
    assert found.tolist() == [[[0.5, 0.5]]]


@pytest.mark.parametrize("name", ["objects_kept", "moved_error", "arm_overlap", "joints_kept"])
def test_recordings_have_no_such_scores(name: str) -> None:
    frames = torch.rand(1, 3, 3, 16, 16)
    metric = find_metric(name)
    assert metric.function(frames[:, None, 1:], frames[:, 1:], frames[:, :1], WorldTruth()) is None


def test_a_push_store_tells_its_objects(push_store: ClipStore) -> None:
    windows = Windows(push_store, "train", 12, ("action",), stride=12)
    world = world_truth(windows, [0, 1, 2], 2, torch.device("cpu"))
    assert world.objects is not None
    assert world.joints is None
    assert world.objects.marks.shape == (3, 12, 64, 64)
    assert not world.objects.moved[:, :2].any()
    assert (world.objects.disturbed | ~world.objects.moved).all()
    assert 0.01 < world.objects.arm.float().mean() < 0.5


def test_the_protocol_of_drives_is_frozen() -> None:
    drive = find_protocol("drive-100")
    assert (drive.n_past, drive.horizon, drive.samples, drive.every) == (None, 100, 3, None)
