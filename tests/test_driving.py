"""Driving: sessions that act together, drives with a way back, simulators of runs with and without
states, saved drives.
"""

from __future__ import annotations

import copy
import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import foreframe
from conftest import TINY
from foreframe import InputError, Noise, Session, pretrained
from foreframe.clips import to_float
from foreframe.data.store import ClipStore
from foreframe.nn.precision import cast_weights
from foreframe.session import step_batch
from foreframe.simulate import Simulator, steering
from foreframe.simulate.saving import animated, save_clip
from foreframe.simulate.steering import Axis, Hand
from foreframe.state_head import StateHead, load_head
from small_models import NAMES, clip, small


@pytest.fixture(scope="module")
def simulator(run: Path) -> Simulator:
    return Simulator(run)


@pytest.mark.parametrize("name", NAMES)
def test_sessions_that_act_together_see_what_they_see_alone(name: str) -> None:
    model = small(name).eval()
    frames, conditions = clip(model)
    alone, together = ([Session(model) for _ in range(3)] for _ in range(2))
    for k in range(3):
        for sessions in (alone, together):
            sessions[k].reset(frames[k % 2][None, :2], conditions[k % 2][None, :2], Noise([k], 2))
    for t in (2, 3, 4):
        chosen = [conditions[k % 2][None, t] for k in range(3)]
        apart = [session.act(condition) for session, condition in zip(alone, chosen, strict=True)]
        for one, other in zip(apart, step_batch(together, chosen), strict=True):
            torch.testing.assert_close(one, other)
    torch.testing.assert_close(alone[2].uncertainty, together[2].uncertainty)


def test_sessions_that_cannot_act_together_say_so() -> None:
    model = small("compact").eval()
    frames, conditions = clip(model)
    fresh, acted = Session(model), Session(model)
    for session in (fresh, acted):
        session.reset(frames[:1, :2], conditions[:1, :2], Noise([0]))
    acted.act(conditions[:1, 2])
    with pytest.raises(ValueError, match="same `batch_key`"):
        step_batch([fresh, acted], [conditions[:1, 2]] * 2)


def test_a_fork_goes_on_from_the_chosen_sample() -> None:
    model = small("svg").eval()
    frames, conditions = clip(model)
    session = Session(model)
    session.reset(frames[:, :2], conditions[:, :2], Noise([1, 2], 3))
    session.act(conditions[:, 2])
    chosen = session.fork([2, 2], Noise([5, 6], 2))
    torch.testing.assert_close(chosen.frames, session.frames[:, [2, 2]])
    still = session.fork([2], Noise([5, 6], 1, temperature=0.0)).act(conditions[:, 3])
    other = session.fork([0], Noise([5, 6], 1, temperature=0.0)).act(conditions[:, 3])
    assert not torch.allclose(still, other)  # z drawn at step 2 lives on
    assert chosen.act(conditions[:, 3]).shape[1] == 2
    with pytest.raises(ValueError, match="noise for 3 samples, 2 go on"):
        session.fork([0, 1])


def test_frozen_noise_repeats_itself() -> None:
    noise, device = Noise([3]), torch.device("cpu")
    first = noise.draw([(4,)], device)[0]
    noise.frozen = True
    torch.testing.assert_close(noise.draw([(4,)], device)[0], first)
    noise.frozen = False
    assert not torch.allclose(noise.draw([(4,)], device)[0], first)


@pytest.mark.parametrize("name", NAMES)
def test_weights_cast_once_compute_what_autocast_computes(name: str) -> None:
    model = small(name).float().eval()
    frames, conditions = (x.float() for x in clip(model))
    seen = []
    for cast in (False, True):
        if cast:
            cast_weights(model, torch.bfloat16)
        with torch.autocast("cpu", torch.bfloat16):
            session = Session(model)
            session.reset(frames[:, :2], conditions[:, :2], Noise([1, 2], 2))
            seen.append(session.play(conditions[:, 2:]))
    assert torch.equal(*seen)


def test_a_drive_is_the_sampled_rollout(simulator: Simulator) -> None:
    drive = simulator.begin(0, samples=2, seed=7)
    clip = drive.start
    session = Session(simulator.model)
    session.reset(clip.frames[None, :2], clip.conditions[None, :2], Noise([7], 2))
    expected = [session.act(clip.conditions[None, t])[0] for t in range(2, 6)]
    for frames in expected:
        action = simulator.replayed(drive)
        assert action is not None
        assert torch.equal(simulator.act([drive], [action])[0], frames)
    assert drive.on_track
    assert drive.psnr is not None
    simulator.act([drive], [np.full(2, 2.5, np.float32)])
    assert not drive.on_track
    assert drive.psnr is None


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a compiler")
def test_a_compiled_simulator_shows_the_same(run: Path, simulator: Simulator) -> None:
    compiled = Simulator(run, compiled=True)
    assert compiled.compiled
    seen = []
    for each in (simulator, compiled):
        drive = each.begin(0, samples=2, seed=7)
        seen.append(torch.stack([each.act([drive], [each.replayed(drive)])[0] for _ in range(2)]))  # type: ignore[list-item]
    torch.testing.assert_close(*seen, rtol=1e-2, atol=2e-2)


def test_precision_is_chosen_and_not_measured(run: Path) -> None:
    """The same command gives the same numbers: float32 unless something else is asked for."""
    simulators = [Simulator(run), Simulator(run), Simulator(run, precision="bfloat16")]
    assert [s.precision for s in simulators] == ["float32", "float32", "bfloat16"]
    action = np.array([1.0, 0.0], np.float32)
    one, again, rough = (s.act([s.begin(0)], [action])[0] for s in simulators)
    assert torch.equal(one, again)
    assert not torch.equal(one, rough)
    torch.testing.assert_close(one, rough, rtol=0, atol=0.05)
    with pytest.raises(InputError, match="unknown precision 'bf16'; did you mean bfloat16"):
        Simulator(run, precision="bf16")  # type: ignore[arg-type]


def test_no_compiler_is_said(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foreframe.runtime.hardware.shutil.which", lambda name: None)
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="install g\\+\\+"):
            Simulator(run, compiled=True)


def test_undo_leads_back_and_another_future_leads_elsewhere(simulator: Simulator) -> None:
    drive = simulator.begin(1, seed=3)
    actions = [np.array([k - 1, 1], np.float32) for k in range(4)]
    seen = [simulator.act([drive], [action])[0].clone() for action in actions]
    assert drive.undo(2) == 2
    assert (drive.step, len(drive.pictures), len(drive.conditions)) == (4, 4, 4)
    torch.testing.assert_close(simulator.act([drive], [actions[2]])[0], seen[2])
    drive.undo()
    drive.reseed()
    assert not torch.equal(simulator.act([drive], [actions[2]])[0], seen[2])
    assert drive.undo(99) == 3
    assert drive.can_undo == 0
    drive.choose(0, 4)
    assert simulator.act([drive], [actions[0]])[0].shape[0] == 4


def test_drives_of_several_kinds_act_in_one_call(simulator: Simulator) -> None:
    def drives() -> list[foreframe.simulate.Drive]:
        found = [
            simulator.begin(k % 2, samples, seed=k) for k, samples in enumerate((1, 4, 1, 4, 9))
        ]
        simulator.act(
            found[:2], [np.array([1, 1], np.float32)] * 2
        )  # some have acted, others have not
        return found

    actions = [np.array([k, -k], np.float32) / 3 for k in range(5)]
    apart = [
        simulator.act([drive], [action])[0] for drive, action in zip(drives(), actions, strict=True)
    ]
    together = simulator.act(drives(), actions)
    for one, other in zip(apart, together, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-2, atol=2e-2)


@pytest.mark.parametrize("action", [[0.0], [0.0, float("nan")], [[0.0, 0.0]]])
def test_a_wrong_action_says_what_is_expected(simulator: Simulator, action: list[float]) -> None:
    with pytest.raises(InputError, match=r"expected \[2\] finite numbers"):
        simulator.act([simulator.begin()], [np.array(action, np.float32)])


def test_a_saved_drive_is_a_clip_that_eval_and_sample_read(
    simulator: Simulator, run: Path, tmp_path: Path
) -> None:
    drive = simulator.begin(0, seed=1)
    for _ in range(6):
        simulator.act([drive], [np.array([1.0, 2.0], np.float32)])
    store = save_clip(simulator, drive, tmp_path / "drive")
    again = foreframe.evaluate(run, store.path, samples=2)
    assert again.clips == 1
    assert len(foreframe.sample(run, store.path, tmp_path / "pictures", samples=2)) == 1
    clips = foreframe.data.Windows(store, "test", 8, simulator.spec.columns).clips([0])
    torch.testing.assert_close(clips.frames[0], torch.stack(drive.pictures))
    torch.testing.assert_close(clips.conditions[0], torch.stack(drive.conditions))
    for suffix, magic in ((".gif", b"GIF8"), (".webp", b"RIFF"), (".mp4", b"ftyp")):
        assert magic in animated(simulator, drive, suffix)[:16]


@pytest.mark.slow
def test_a_pose_model_is_driven_by_pictures_and_joints(
    dance_store: ClipStore, tmp_path: Path
) -> None:
    changes = {
        "training.steps": 2,
        "training.batch": 2,
        "training.validate_every": 2,
        "model.channels": [8, 8, 8, 8],
    }
    foreframe.train("pose-dance", dance_store.path, tmp_path / "run", changes=changes)
    simulator = Simulator(tmp_path / "run")
    assert simulator.by_pictures
    drive = simulator.begin()
    assert drive.start.joints is not None
    label = simulator.label(drive.start.joints[drive.step])
    torch.testing.assert_close(
        label, drive.start.conditions[drive.step]
    )  # what is drawn is what was recorded
    assert label.dtype == drive.start.conditions.dtype == torch.uint8
    simulator.act([drive], [to_float(label)])  # floats in [0, 1] are the same picture
    assert drive.on_track
    with pytest.raises(InputError, match="a label image has values from 2 to 2; expected bytes"):
        simulator.act([drive], [torch.full_like(to_float(label), 2.0)])
    with pytest.raises(InputError, match="expects"):
        simulator.label(np.zeros((3, 2)))
    store = save_clip(simulator, drive, tmp_path / "drive")
    assert store.columns["pose"].role == "label"


@pytest.mark.slow
def test_states_are_predicted_and_never_taken_from_the_recording(
    store: ClipStore, tmp_path: Path
) -> None:
    changes = {**TINY, "training.steps": 4, "clip.conditions": ["action", "position"]}
    foreframe.train("push-tiny", store.path, tmp_path / "run", changes=changes)
    head = load_head(tmp_path / "run")
    assert head is not None
    assert head.indices == (2, 3)
    assert max(head.error) < 0.15  # the square goes where the actions say, but for the walls
    simulator = Simulator(tmp_path / "run")
    assert simulator.steered == [0, 1]
    one, other = simulator.begin(0), simulator.begin(0)
    changed = other.start.conditions.clone()
    changed[2:] = 1e3  # another recording after the context
    other.start = dataclasses.replace(other.start, conditions=changed)
    assert not torch.equal(one.start.conditions, other.start.conditions)
    for _ in range(3):
        a, b = (
            simulator.act([drive], [np.array([1.0, -1.0], np.float32)])[0] for drive in (one, other)
        )
        torch.testing.assert_close(a, b)
    before, now = one.latest
    torch.testing.assert_close(now[2:] - before[2:], torch.tensor([1.0, -1.0]), atol=0.5, rtol=0)
    (tmp_path / "run" / "states.json").unlink()
    with pytest.raises(InputError, match="no head"):
        Simulator(tmp_path / "run")


def test_the_head_finds_a_linear_law() -> None:
    rng = np.random.default_rng(0)
    episodes = []
    for _ in range(5):
        actions, state = rng.normal(size=(20, 1)), np.zeros((20, 1))
        for t in range(19):
            state[t + 1] = state[t] + 0.5 * actions[t]
        episodes.append(np.concatenate([actions, state], 1))
    head = StateHead.fit(episodes[:4], episodes[4:], [1])
    assert head.error[0] < 1e-3
    np.testing.assert_allclose(
        head.following(episodes[4][3], episodes[4][4]), episodes[4][5, 1:], atol=1e-2
    )


def test_a_run_without_clips_says_what_to_give(run: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "environment.json").write_text("{}")
    with pytest.raises(InputError, match="expected --data STORE"):
        Simulator(tmp_path / "run")


@pytest.mark.slow
def test_a_published_run_is_driven_as_it_is(run: Path, store: ClipStore, tmp_path: Path) -> None:
    card = foreframe.publish(run, store.path, tmp_path / "mine", frames=8, samples=2)
    text = card.read_text()
    assert "| model, mean of 2 |" in text
    assert str(tmp_path) not in text + (tmp_path / "mine" / "eval.json").read_text()
    whole, rounded = Simulator(run), Simulator(tmp_path / "mine")
    assert rounded.name == "mine"
    assert len(rounded.starts[0]) == 8
    action = np.array([1.0, 0.0], np.float32)
    a, b = (s.act([s.begin(0)], [action])[0] for s in (whole, rounded))
    torch.testing.assert_close(a, b, atol=0.05, rtol=0)


@pytest.fixture
def push() -> Simulator:
    """The shipped model, with nothing said of how it is steered."""
    simulator = Simulator(pretrained.folder("push"))
    simulator._world = None
    return simulator


def test_keys_are_given_to_what_moves_the_picture(push: Simulator) -> None:
    """What is measured with the model is what its world says: the arrows move the arm."""
    first, second = steering.hands(push)
    assert first == Hand(Axis("dy_m"), Axis("dx_m"))  # right and down in the picture
    assert second.along is not None
    assert {second.across.column, second.along.column} == {"close_frames", "lift_frames"}


def test_constant_columns_get_no_keys(push: Simulator) -> None:
    low = tuple(push.spec.high[i] if i in (0, 2) else v for i, v in enumerate(push.spec.low))
    push.spec = dataclasses.replace(push.spec, low=low)
    (hand,) = steering.hands(push)
    assert hand.along is not None
    assert {hand.across.column, hand.along.column} == {"dy_m", "lift_frames"}


def test_columns_of_the_world_come_first() -> None:
    simulator = Simulator(pretrained.folder("push"))
    first, second = steering.hands(simulator)
    assert first == Hand(Axis("dy_m"), Axis("dx_m"))
    assert second == Hand(Axis("close_frames"), Axis("lift_frames", -1))  # W lifts
    assert steering.units(simulator) == ["m", "m", "frames", "frames"]
    assert steering.hands(Simulator(pretrained.folder("dance"))) == []


def test_positions_are_moved_and_commands_spring_back(simulator: Simulator) -> None:
    assert not steering.steps(simulator).any()
    walk = torch.linspace(-3, 3, 12)[:, None] * torch.tensor([1.0, 0.0])
    simulator = copy.copy(simulator)
    simulator.starts = [dataclasses.replace(s, conditions=walk) for s in simulator.starts]
    np.testing.assert_allclose(steering.steps(simulator), [6 / 11, 0.0], rtol=1e-5)
