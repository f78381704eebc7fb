"""The push world's true futures: the same start and actions, other chance, nothing else.

Letters: K futures, T frames, O objects.
"""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest

import foreframe
from conftest import Squares
from foreframe.data.building import build as build_store
from foreframe.data.sources.recording import Fork, Recording
from foreframe.data.store import ClipStore
from foreframe.data.worlds import push, push_keys
from foreframe.data.worlds._raycast import Camera
from foreframe.data.worlds.push.futures import spread_of
from foreframe.data.worlds.push.playing import Script, View, play
from foreframe.data.worlds.push.scene import build
from foreframe.data.worlds.push.simulation import Arm, Simulation
from foreframe.errors import InputError

pytestmark = pytest.mark.slow

FORK = Fork(count=2, start=3, frames=9)


def scene(arm_noise: float) -> tuple[View, Simulation, Script]:
    looks, physics, will = (np.random.default_rng(stream) for stream in range(3))
    made = build(looks, physics)
    simulation = Simulation(made, np.array([0.6, 0.0]), Arm.straying(arm_noise))
    actions, closed = push._commands(will, simulation.desired[:2], 12)
    camera = Camera((1.22, 0.0, 0.78), (0.60, 0.0, 0.03), 40.0, 16, 16)
    script = Script(actions, closed, push.FRAMES_PER_COMMAND, walls=False)
    return View(camera, simulation.geom_names, made.textures), simulation, script


@pytest.mark.parametrize("start", [1, 4])
def test_a_fork_with_the_same_chance_is_what_happened(start: int) -> None:
    view, simulation, script = scene(0.013)
    chance = np.random.default_rng(7)
    simulation.meet(chance)
    play(view, simulation, script, chance, range(start))
    parted, same_chance = simulation.forked(), copy.deepcopy(chance)
    happened = play(view, simulation, script, chance, range(start, 12))
    again = play(view, parted, script, same_chance, range(start, 12))
    np.testing.assert_array_equal(np.stack(again.pictures), np.stack(happened.pictures))
    np.testing.assert_array_equal(again.poses, happened.poses)
    np.testing.assert_array_equal(again.tips, happened.tips)
    assert happened.touched.any()


def test_objects_at_rest_stay_where_they_are_when_their_mass_is_drawn_anew() -> None:
    view, simulation, script = scene(0.0)
    simulation.meet(np.random.default_rng(7))
    still = Script(np.zeros_like(script.actions), np.zeros(12, bool), 2, walls=False)
    play(view, simulation, still, np.random.default_rng(8), range(2), drawn=())
    before = simulation.poses
    for number in range(4):
        future = simulation.forked()
        untouched = np.zeros(future.objects, bool)
        future.draw_anew(np.random.default_rng(number), untouched)
        assert not np.allclose(future.model.body_mass, simulation.model.body_mass)
        play(view, future, still, np.random.default_rng(number), range(2, 8), drawn=())
        assert not future.trouble
        moved = np.linalg.norm(future.poses[:, :3] - before[:, :3], axis=1)
        assert np.median(moved) < 1e-3
        assert moved.max() < 0.02  # what leans against the hand may give way
    np.testing.assert_array_equal(simulation.poses, before)


def test_touched_objects_keep_their_physics() -> None:
    _, simulation, _ = scene(0.0)
    simulation.meet(np.random.default_rng(7))
    future, known = simulation.forked(), np.zeros(simulation.objects, bool)
    known[1] = True
    future.draw_anew(np.random.default_rng(0), known)
    bodies = simulation._object_bodies
    kept = future.model.body_mass[bodies] == simulation.model.body_mass[bodies]
    np.testing.assert_array_equal(kept, known)
    np.testing.assert_array_equal(future._base_friction == simulation._base_friction, known)


@pytest.fixture(scope="module")
def forked() -> Recording:
    return push.simulate(2, 3).with_futures(FORK, frozenset({1})).read(1)


def test_what_happened_does_not_depend_on_its_futures(forked: Recording) -> None:
    alone = push.simulate(2, 3).read(1)
    assert alone.futures is None
    np.testing.assert_array_equal(np.stack(list(forked.frames)), np.stack(list(alone.frames)))
    for name, values in alone.values.items():
        np.testing.assert_array_equal(values, forked.values[name])


def test_futures_differ_and_go_on_from_the_context(forked: Recording) -> None:
    assert forked.futures is not None
    frames, poses = forked.futures["frames"], forked.futures["object_pose"]
    assert frames.shape == (2, 9, 64, 64, 3)
    assert poses.shape == (2, 9, 12, 7)
    happened = np.stack(list(forked.frames))[3:12]
    assert not np.array_equal(frames[0], frames[1])
    assert not np.array_equal(frames[0], happened)
    before = forked.values["object_pose"][2, :, :3]
    steps = np.linalg.norm(poses[:, 0, :, :3] - before, axis=-1)
    assert np.nanmax(steps) < 0.1  # a frame's way of the hand
    assert (forked.futures["segmentation"] == 2).any((2, 3)).all()  # the arm is seen in each


def test_a_future_depends_on_its_number_alone(forked: Recording) -> None:
    more = push.simulate(2, 3).with_futures(Fork(3, 3, 4), frozenset({0, 1})).read(1)
    assert forked.futures is not None
    assert more.futures is not None
    np.testing.assert_array_equal(more.futures["frames"][:2], forked.futures["frames"][:, :4])


def test_the_arm_obeys_unless_it_is_told_otherwise() -> None:
    def strays(noise: float) -> float:
        _, simulation, script = scene(noise)
        tips = []
        for number in range(3):
            future, chance = simulation.forked(), np.random.default_rng(number)
            future.meet(chance)
            for row in range(6):
                script.give(future, row, chance)
                future.advance(False, chance)
            tips.append(future.tip[:2])
        return float(np.std(tips, axis=0).mean())

    assert strays(0.003) < 0.006 < strays(0.013)


def test_a_store_keeps_futures_of_what_is_not_trained_on(tmp_path: Path) -> None:
    def make(name: str, **options: float) -> ClipStore:
        return foreframe.data.make(
            "push_keys", tmp_path / name, trajectories=3, seed=1, workers=1, **options
        )

    store = make("long", futures=1, future_frames=2, length=40)
    assert all((store.futures(e) is None) == (e.split == "train") for e in store.episodes)
    assert {e.length for e in store.episodes} == {40}
    assert store.source["futures"] == {"count": 1, "start": 2, "frames": 2}
    assert (store.source["arm_noise"], store.source["version"]) == (0.003, 2)
    assert not foreframe.data.validate(store.path)["damaged"]
    again = make("long", futures=1, future_frames=2, length=40)
    assert not again.written_now
    with pytest.raises(InputError, match="different: arm_noise"):
        make("long", futures=1, future_frames=2, length=40, arm_noise=0.013)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"futures": -1}, "--futures is -1; expected at least 1"),
        ({"fork_at": 25}, "futures of 10 frames from frame 25 on do not fit"),
        ({"arm_noise": 1.0}, "--arm-noise is 1.0; expected metres between 0 and 0.05"),
        ({"length": 5}, "--length is 5; expected at least 12"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, float], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        foreframe.data.make("push", tmp_path / "out", trajectories=3, **options)


def test_a_world_without_such_an_option(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the world dance has no --arm-noise; leave it out"):
        foreframe.data.make("dance", tmp_path / "out", arm_noise=0.003)


def test_a_store_of_before_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    source, before = Squares(3), {"world": "push", "trajectories": 3, "seed": 0}
    build_store(source, tmp_path / "out", before, (32, 64, 3), ["train"] * 3, 1, "squares")
    with pytest.raises(InputError, match=r"perhaps by an earlier version .*: arm_noise, futures"):
        foreframe.data.make("push", tmp_path / "out", trajectories=3)


def test_the_spread_is_that_of_moved_objects() -> None:
    before = np.zeros((2, 3))
    ends = np.zeros((2, 2, 3))
    assert spread_of(before, ends) == (0, None)
    ends[0, 1, 0], ends[1, 1, 0] = 0.02, 0.06
    moved, spread = spread_of(before, ends)
    assert moved == 1
    assert spread == pytest.approx(np.std([0.02, 0.06], ddof=1))


def test_the_keys_world_can_fork_too() -> None:
    found = push_keys.simulate(1, 0).with_futures(Fork(1, 2, 3), frozenset({0})).read(0)
    assert found.futures is not None
    assert found.futures["frames"].shape == (1, 3, 64, 64, 3)
