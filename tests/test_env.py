"""Learned worlds as gymnasium environments: gymnasium's own checks, seeds, autoreset, rewards."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import foreframe.simulate.env
from foreframe import InputError
from foreframe.simulate import Simulator
from foreframe.simulate.env import VectorWorld, World, closer_to


@pytest.fixture(scope="module")
def simulator(run: Path) -> Simulator:
    return Simulator(run)


@pytest.mark.filterwarnings(
    "ignore:.*symmetric and normalized"
)  # actions are in raw units on purpose
def test_gymnasium_finds_nothing_wrong(run: Path) -> None:
    check_env(gymnasium.make("foreframe/World-v0", run=run, render_mode="rgb_array").unwrapped)


def test_the_same_seed_is_the_same_episode(simulator: Simulator) -> None:
    def episode(seed: int) -> list[np.ndarray]:
        world = World(simulator, samples=2)
        pictures = [world.reset(seed=seed)[0]]
        return pictures + [world.step(np.array([k, -1], np.float32))[0] for k in range(3)]

    for a, b in zip(episode(5), episode(5), strict=True):
        np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(episode(5), episode(6), strict=True))


def test_episodes_are_truncated_and_rewarded(simulator: Simulator) -> None:
    goal = simulator.starts[0].frames[-1].movedim(0, -1).numpy()
    world = World(simulator, reward=closer_to(goal), horizon=3, samples=4, render_mode="rgb_array")
    first, facts = world.reset(options={"start": 0})
    assert facts["start"] == simulator.starts[0].name
    gained, ends = 0.0, []
    for _ in range(3):
        picture, reward, terminated, truncated, facts = world.step(np.array([1.0, 0.0], np.float32))
        gained += reward
        ends.append((terminated, truncated))
        assert facts["uncertainty"] >= 0
    assert ends == [(False, False), (False, False), (False, True)]
    away = [np.square(p / 255 - goal / 255).mean() for p in (first, picture)]
    assert gained == pytest.approx(away[0] - away[1])
    np.testing.assert_array_equal(world.render(), picture)


def test_many_worlds_are_each_of_them_and_begin_anew(simulator: Simulator) -> None:
    worlds = gymnasium.make_vec("foreframe/World-v0", num_envs=3, run=simulator, horizon=2)
    assert isinstance(worlds.unwrapped, VectorWorld)
    pictures, _ = worlds.reset(seed=10)
    alone = World(simulator, horizon=2)
    np.testing.assert_array_equal(alone.reset(seed=11)[0], pictures[1])
    actions = np.array([[1, 1], [2, -1], [0, 3]], np.float32)
    for step in range(2):
        pictures, rewards, terminated, truncated, _ = worlds.step(actions)
        assert (
            np.abs(alone.step(actions[1])[0].astype(int) - pictures[1]).max() <= 2
        )  # another batch, other rounding
        assert truncated.all() == (step == 1)
        assert not terminated.any()
        assert rewards.shape == (3,)
    fresh, _, _, truncated, facts = worlds.step(actions)  # the step after the last begins anew
    assert not truncated.any()
    starts = {start.name: start.frames[1].movedim(0, -1).numpy() for start in simulator.starts}
    for picture, name in zip(fresh, facts["start"], strict=True):
        np.testing.assert_array_equal(picture, starts[name])


def test_what_cannot_be_is_said(simulator: Simulator) -> None:
    with pytest.raises(InputError, match="horizon is 0"):
        World(simulator, horizon=0)
    with pytest.raises(RuntimeError, match="reset"):
        World(simulator).step(np.zeros(2, np.float32))
    with pytest.raises(InputError, match="start 99 does not exist"):
        World(simulator).reset(options={"start": 99})
    foreframe.simulate.env.register()  # once more is no harm
