"""What acts in the push tasks.

Chance, a hand-written pusher, planning in the true physics, planning in a model.

Letters: P sequences, K commands, U numbers of an action, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from push_tasks import Bin, Task

from foreframe.data.worlds.push import FRAMES_PER_COMMAND, REACH_M
from foreframe.planning import Commands, CrossEntropy, PixelGoal, Planner, PlanningPolicy, Problem
from foreframe.simulate import Simulator

Array = NDArray[Any]

_BEHIND_M, _AT_M = 0.09, 0.02  # where a push begins, behind the object; how near is there
_HORIZON = 10


class Policy(Protocol):
    """Chooses the action of each frame in a task. `knows` is what it said of its chances."""

    knows: dict[str, float]

    def __call__(self, bin_: Bin, task: Task) -> Array: ...


@dataclass
class Chance:
    """The random policy of the recordings, without gripper and lift."""

    seed: int
    knows: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._will, self._move = np.random.default_rng(self.seed), np.zeros(2)

    def __call__(self, bin_: Bin, task: Task) -> Array:
        if bin_.row % FRAMES_PER_COMMAND == 0:
            self._move = self._will.uniform(-REACH_M, REACH_M, 2)
        return np.array([*self._move, 0, 0], np.float32)


@dataclass
class Pusher:
    """Knows where everything is: goes behind the object, then pushes it."""

    knows: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._action = np.zeros(4, np.float32)

    def __call__(self, bin_: Bin, task: Task) -> Array:
        if bin_.row % FRAMES_PER_COMMAND == 0:
            if task.kind == "reach":
                self._action = _towards(bin_, task.goal)
            elif task.kind == "clear":
                away = bin_.object(task.number) + 0.12 * _to_the_middle(task.begin)
                self._action = _push(bin_, task.number, away)
            else:
                self._action = _push(bin_, task.number, task.goal)
        return self._action


def pushed(bin_: Bin, number: int, goal: Array, frames: int) -> None:
    """Push an object towards a goal for some frames."""
    action = np.zeros(4, np.float32)
    for _ in range(frames):
        if bin_.row % FRAMES_PER_COMMAND == 0:
            action = _push(bin_, number, goal)
        bin_.act(action)


def _push(bin_: Bin, number: int, goal: Array) -> Array:
    at = bin_.object(number)
    way = goal - at
    left = float(np.linalg.norm(way))
    if left < 0.02:
        return np.zeros(4, np.float32)
    along = way / left
    hand = bin_.simulation.desired[:2] - at
    lag, aside = float(hand @ along), float(abs(hand[0] * along[1] - hand[1] * along[0]))
    if lag < -0.02 and aside < _AT_M:  # behind it: push, as far as the object still has to go
        return _towards(bin_, bin_.simulation.desired[:2] + along * min(left, 0.06))
    return _towards(bin_, behind(at, goal), lift=2)


def behind(at: Array, goal: Array) -> Array:
    """Return where the hand begins a push of an object to a goal, x and y in m."""
    way = goal - at
    return np.asarray(at - way / max(1e-6, float(np.linalg.norm(way))) * _BEHIND_M)


def _towards(bin_: Bin, place: Array, lift: int = 0) -> Array:
    move = np.clip(place - bin_.simulation.desired[:2], -REACH_M, REACH_M)
    return np.array([*move, 0, lift], np.float32)


def _to_the_middle(place: Array) -> Array:
    way = np.array([0.60, 0.0]) - place
    return way / max(1e-6, float(np.linalg.norm(way)))


@dataclass
class TruePhysics:
    """Plans as a model's planner does, in forks of the true simulation, by true distances."""

    commands: Commands
    search: CrossEntropy
    seed: int
    replan: int = 4
    knows: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._actions = np.zeros((0, 4), np.float32)
        self._began = 0

    def __call__(self, bin_: Bin, task: Task) -> Array:
        if not len(self._actions) or bin_.row - self._began >= self.replan:
            self._began = bin_.row
            self._actions = self._planned(bin_, task)
        return self._actions[bin_.row - self._began]

    def _planned(self, bin_: Bin, task: Task) -> Array:
        count = self.commands.count(bin_.row + 1, _HORIZON)
        last = torch.zeros(4)
        problem = Problem(
            self.commands,
            last,
            torch.zeros(count, 4),
            lambda commands: self._costs(bin_, task, commands),
            torch.Generator().manual_seed(self.seed + bin_.row),
        )
        found = self.search.search(problem)
        frames = self.commands.frames(found.commands[None], last, bin_.row + 1, _HORIZON)
        return frames[0].numpy()

    def _costs(self, bin_: Bin, task: Task, commands: torch.Tensor) -> torch.Tensor:
        frames = self.commands.frames(commands, torch.zeros(4), bin_.row + 1, _HORIZON)
        return torch.tensor([_true_cost(bin_, task, actions) for actions in frames.numpy()])


def _true_cost(bin_: Bin, task: Task, actions: Array) -> float:
    other, found = bin_.forked(), []
    for frame, action in enumerate(actions, 1):
        other.act(action)
        if frame in (_HORIZON // 2, _HORIZON):
            near = 0.0
            if task.number >= 0:  # a little for a hand near the object, or nothing leads there
                near = 0.05 * float(np.linalg.norm(other.tip - other.object(task.number)))
            found.append(task.distance(other) + near)
    return float(np.mean(found)) + 1.0 * bool(other.simulation.trouble)


@dataclass
class InTheModel:
    """Plans in a learned model, from the last pictures, towards the goal picture."""

    simulator: Simulator
    commands: Commands
    search: Any
    futures: int
    risk: float
    seed: int
    replan: int = 4
    knows: dict[str, float] = field(default_factory=dict)
    _policy: PlanningPolicy | None = None

    def __call__(self, bin_: Bin, task: Task) -> Array:
        if self._policy is None:
            cost = PixelGoal(
                torch.from_numpy(task.picture).movedim(-1, 0), torch.from_numpy(task.where)
            )
            planner = Planner(
                self.simulator,
                cost,
                self.search,
                _HORIZON,
                self.futures,
                self.risk,
                seed=self.seed,
                commands=self.commands,
            )
            self._policy = PlanningPolicy(planner, self.replan)
        action = self._policy(bin_.look()[0])
        plan = self._policy.plan
        assert plan is not None
        self.knows = {"spread": plan.expected.deviation, "expected": plan.expected.mean}
        return action


Maker = Callable[[int], Policy]
