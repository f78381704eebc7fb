"""Learned worlds as Gymnasium environments, from any run.

    import gymnasium
    from foreframe.simulate.env import closer_to

    env = gymnasium.make("foreframe/World-v0", run="runs/push", reward=closer_to(goal))

Observations are pictures uint8 [H, W, C].
Actions are the steered numbers [U] in raw units, bounded by the training split, or label images
uint8 [H, W, C].
An episode is truncated after `horizon` steps.
Where the data of the run told rewards and ends of episodes, a head predicts them: they are the
rewards unless others are given, and an episode terminates where it says so.

Letters: E environments, U steered numbers, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray
from torch import Tensor

from ..clips import to_float, to_uint8
from ..errors import InputError
from ..outcome_head import Outcome
from . import Drive, Simulator

__all__ = ["Reward", "VectorWorld", "World", "closer_to", "register"]

Array = NDArray[Any]
Reward = Callable[[Array, Array], float]  # (picture before, picture now), uint8 [H, W, C] each

_NAME = "foreframe/World-v0"
_RENDERED_FRAMES_PER_S = 10


def closer_to(goal: Array) -> Reward:
    """Return a reward for coming closer to a goal picture, uint8 [H, W, C].

    The reward is the decrease of the mean squared error in a step.

    >>> goal = np.zeros((2, 2, 3), np.uint8)
    >>> closer_to(goal)(np.full_like(goal, 255), goal)
    1.0
    """
    wanted = _floats(goal)

    def reward(before: Array, now: Array) -> float:
        if now.shape != wanted.shape:
            raise InputError(
                f"the goal is a picture {list(wanted.shape)} and the world's are "
                f"{list(now.shape)}; expected the same size [H, W, C]"
            )
        errors = [float((_floats(picture) - wanted).square().mean()) for picture in (before, now)]
        return errors[0] - errors[1]

    return reward


class _Judge:
    """The reward and the end of each step: as given, as the head predicts them, or none."""

    def __init__(self, simulator: Simulator, reward: Reward | None) -> None:
        self.simulator, self.reward = simulator, reward

    def expected(self, drive: Drive, action: Tensor) -> Outcome:
        """Return what the head predicts of an action, before it is done."""
        return self.simulator.outcome(drive, action) or Outcome(None, None)

    def judged(self, expected: Outcome, before: Array, now: Array) -> float:
        """Return the reward of a step from picture to picture."""
        if self.reward is not None:
            return float(self.reward(before, now))
        return 0.0 if expected.reward is None else expected.reward


def _action_space(simulator: Simulator) -> gymnasium.spaces.Box:
    if simulator.by_pictures:
        channels, height, width = simulator.spec.condition
        return gymnasium.spaces.Box(0, 255, (height, width, channels), np.uint8)
    return gymnasium.spaces.Box(
        simulator.low, np.maximum(simulator.high, simulator.low + 1e-6), dtype=np.float32
    )


def _picture_space(simulator: Simulator) -> gymnasium.spaces.Box:
    channels, height, width = simulator.spec.frame
    return gymnasium.spaces.Box(0, 255, (height, width, channels), np.uint8)


def _floats(picture: Array) -> Tensor:
    return to_float(torch.from_numpy(np.ascontiguousarray(picture))).double()


def _to_action(simulator: Simulator, action: Array) -> Tensor:
    """Turn an action of the action space into an action of the simulator."""
    if simulator.by_pictures:
        return torch.from_numpy(np.asarray(action, np.uint8)).movedim(-1, 0)
    return torch.from_numpy(np.asarray(action, np.float32))


def _picture(drive: Drive) -> Array:
    """Return the picture of the first sample, uint8 [H, W, C]."""
    shown: Array = to_uint8(drive.session.frames[0, 0]).movedim(0, -1).cpu().numpy()
    return np.ascontiguousarray(shown)


def _info(drive: Drive) -> dict[str, Any]:
    """Return the clip that the episode began from, and the mean deviation of the samples."""
    return {
        "start": drive.start.name,
        "uncertainty": float(drive.session.uncertainty.float().mean()),
    }


class World(gymnasium.Env[Array, Array]):
    """A learned world.

    `reset(options={"start": k})` begins from clip k; by default the clip is drawn.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": _RENDERED_FRAMES_PER_S}  # noqa: RUF012 - as gymnasium has it

    def __init__(
        self,
        run: str | Path | Simulator,
        data: str | Path | None = None,
        reward: Reward | None = None,
        horizon: int = 30,
        samples: int = 1,
        render_mode: str | None = None,
    ) -> None:
        """Make a world from a run.

        Args:
            run: a run folder, or a simulator, which several worlds may share.
            data: a store of clips to begin from; by default the one that the run was trained on.
            reward: computes the reward of a step from the pictures before and after it; see
                `closer_to`. By default it is the one that the data told, or 0 where they told none.
            horizon: steps after which an episode is truncated.
            samples: number of futures to draw; the first is observed, and `info["uncertainty"]` is
                the mean standard deviation of all.
            render_mode: `rgb_array` or None.

        Raises:
            InputError: the folder is not a run; there are no clips to begin from; the horizon is
                below 1.
        """
        if horizon < 1:
            raise InputError(f"horizon is {horizon}; expected at least 1")
        self.simulator = run if isinstance(run, Simulator) else Simulator(run, data)
        self.horizon, self.samples, self.render_mode = horizon, samples, render_mode
        self.reward, self._judge = reward, _Judge(self.simulator, reward)
        self.observation_space = _picture_space(self.simulator)
        self.action_space = _action_space(self.simulator)
        self._drive: Drive | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Begin a new episode, and return its first picture and `info`."""
        super().reset(seed=seed)
        self._drive = _begin(self.simulator, self.np_random, options, self.samples)
        return _picture(self._drive), _info(self._drive)

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Act, and return picture, reward, terminated, truncated and `info`.

        An episode is terminated where the head says so, and truncated at the horizon.
        """
        if self._drive is None:
            raise RuntimeError("the world has no episode; call reset() first")
        before, chosen = _picture(self._drive), _to_action(self.simulator, action)
        expected = self._judge.expected(self._drive, chosen)
        self.simulator.act([self._drive], [chosen])
        now = _picture(self._drive)
        reward = self._judge.judged(expected, before, now)
        truncated = self._drive.step - self._drive.n_past >= self.horizon
        return now, reward, expected.terminated, truncated, _info(self._drive)

    def render(self) -> Array | None:
        """Return the last picture; None in another render mode, or before the first episode."""
        return (
            _picture(self._drive)
            if self._drive is not None and self.render_mode == "rgb_array"
            else None
        )


class VectorWorld(VectorEnv[Array, Array, Array]):
    """Many learned worlds that share each step of the model.

    An environment whose episode was terminated or truncated begins a new one at its next step
    (`AutoresetMode.NEXT_STEP`).
    """

    metadata: dict[str, Any] = {**World.metadata, "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    def __init__(
        self,
        run: str | Path | Simulator,
        num_envs: int,
        data: str | Path | None = None,
        reward: Reward | None = None,
        horizon: int = 30,
        samples: int = 1,
    ) -> None:
        """Make `num_envs` worlds from a run; the other arguments are those of `World`."""
        if num_envs < 1 or horizon < 1:
            raise InputError(
                f"num_envs is {num_envs}, horizon {horizon}; expected at least 1 of each"
            )
        self.simulator = run if isinstance(run, Simulator) else Simulator(run, data)
        self.num_envs, self.reward, self.horizon, self.samples = num_envs, reward, horizon, samples
        self._judge = _Judge(self.simulator, reward)
        self.single_observation_space = _picture_space(self.simulator)
        self.single_action_space = _action_space(self.simulator)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._drives: list[Drive] = []
        self._terminated = np.zeros(num_envs, bool)
        self._random: list[np.random.Generator] = []
        self._options: dict[str, Any] | None = None

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Array, dict[str, Any]]:
        """Begin an episode in each world; world i is seeded with `seed` + i."""
        seeds = (
            list(seed)
            if isinstance(seed, Sequence)
            else [seed + i if seed is not None else None for i in range(self.num_envs)]
        )
        if seed is not None or not self._random:
            self._random = [gymnasium.utils.seeding.np_random(s)[0] for s in seeds]
        self._options = options
        self._terminated = np.zeros(self.num_envs, bool)
        self._drives = [
            _begin(self.simulator, random, options, self.samples) for random in self._random
        ]
        return self._observe()

    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, dict[str, Any]]:
        """Act in each world.

        Returns:
            Pictures [E, H, W, C], rewards [E], terminated [E], truncated [E] and `info`.
        """
        if not self._drives:
            raise RuntimeError("the worlds have no episodes; call reset() first")
        over = np.array([self._is_over(drive) for drive in self._drives]) | self._terminated
        going = [i for i in range(self.num_envs) if not over[i]]
        before = {i: _picture(self._drives[i]) for i in going}
        chosen = {i: _to_action(self.simulator, actions[i]) for i in going}
        expected = {i: self._judge.expected(self._drives[i], chosen[i]) for i in going}
        if going:
            self.simulator.act([self._drives[i] for i in going], list(chosen.values()))
        for i in set(range(self.num_envs)).difference(going):
            self._drives[i] = _begin(self.simulator, self._random[i], self._options, self.samples)
        pictures, info = self._observe()
        rewards = np.zeros(self.num_envs, np.float64)
        self._terminated = np.zeros(self.num_envs, bool)
        for i in going:
            rewards[i] = self._judge.judged(expected[i], before[i], pictures[i])
            self._terminated[i] = expected[i].terminated
        truncated = np.array([self._is_over(drive) for drive in self._drives])
        return pictures, rewards, self._terminated.copy(), truncated, info

    def _is_over(self, drive: Drive) -> bool:
        return drive.step - drive.n_past >= self.horizon

    def _observe(self) -> tuple[Array, dict[str, Any]]:
        info: dict[str, Any] = {}
        for i, drive in enumerate(self._drives):
            info = self._add_info(info, _info(drive), i)
        return np.stack([_picture(drive) for drive in self._drives]), info


def _begin(
    simulator: Simulator, random: np.random.Generator, options: dict[str, Any] | None, samples: int
) -> Drive:
    start = (options or {}).get("start")
    chosen = int(random.integers(len(simulator.starts))) if start is None else int(start)
    return simulator.begin(chosen, samples, int(random.integers(1 << 62)))


def register() -> None:
    """Register the worlds for `gymnasium.make("foreframe/World-v0", run=...)` and `make_vec`.

    Importing this module calls it.
    """
    if _NAME not in gymnasium.registry:
        gymnasium.register(
            _NAME, entry_point=f"{__name__}:World", vector_entry_point=f"{__name__}:VectorWorld"
        )


register()
