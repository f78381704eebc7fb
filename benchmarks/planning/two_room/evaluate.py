"""Score planning in TwoRoom by the rule of stable-worldmodel.

    .venv/bin/python evaluate.py RUN COLLECTED [--starts 500]

A start is a random step of a collected episode, the goal is where it was 25 steps later; an agent
that comes within 16 pixels (of 224) in 50 steps has made it. Compared from the same starts: random
actions; going straight; the scripted policy without its noise; planning in the true environment
(the ceiling); planning in the model, from a 64-pixel picture to the picture of the goal. Shares
have Wilson intervals, over all starts, over the first 50 as they print it, and over those that are
not within 16 pixels already. Collect the episodes with another seed than those of the training.
Writes results/bench-planning-two-room.json.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rooms import NEAR, TwoRoomEnv, begun, place, seen
from stable_worldmodel.envs.two_room import ExpertPolicy

import foreframe
from foreframe.planning import Commands, CrossEntropy, PixelGoal, Planner, PlanningPolicy, Problem
from foreframe.runtime.progress import progress
from foreframe.simulate import Simulator

ROOT = Path(__file__).resolve().parents[3]
sys.path.append(str(ROOT / "benchmarks" / "planning"))
from push import wilson  # noqa: E402

Array = NDArray[Any]
Act = Callable[[TwoRoomEnv], Array]

AHEAD, BUDGET, BLOCK = 25, 50, 5  # steps to the goal, steps allowed, steps that a command is held
SCALES = (1, 4, 8, 16, 32)


def random_actions(seed: int) -> Act:
    """Uniform actions."""
    will = np.random.default_rng(seed)
    return lambda env: will.uniform(-1, 1, 2).astype(np.float32)


def straight(env: TwoRoomEnv) -> Array:
    """Straight to the target, whatever is between."""
    way = env.target_position.numpy() - place(env)
    return np.asarray(way / max(1e-6, float(np.linalg.norm(way))), np.float32)


def with_the_script(env: TwoRoomEnv) -> Act:
    """The scripted policy without noise, which knows the door."""
    policy = ExpertPolicy(seed=0)
    policy.set_env(env)
    return lambda env: np.asarray(policy.get_action(env._get_info()), np.float32)


class InTheEnvironment:
    """Planning in copies of the true environment, by true distances."""

    def __init__(self, commands: Commands, seed: int) -> None:
        self.commands, self.seed, self._left = commands, seed, np.zeros((0, 2), np.float32)

    def __call__(self, env: TwoRoomEnv) -> Array:
        if not len(self._left):
            self._left = self._planned(env)[:BLOCK]
        action, self._left = self._left[0], self._left[1:]
        return np.asarray(action)

    def _planned(self, env: TwoRoomEnv) -> Array:
        count, last = AHEAD // BLOCK, torch.zeros(2)

        def frames(commands: torch.Tensor) -> torch.Tensor:
            return self.commands.frames(commands, last, self.commands.first, AHEAD)

        def costs(commands: torch.Tensor) -> torch.Tensor:
            return torch.tensor([_away(env, actions) for actions in frames(commands).numpy()])

        generator = torch.Generator().manual_seed(self.seed)
        begin = torch.zeros(count, 2)
        problem = Problem(self.commands, last, begin, costs, generator)
        return np.asarray(frames(CrossEntropy(64, 4).search(problem).commands[None])[0])


def _away(env: TwoRoomEnv, actions: Array) -> float:
    """Return the mean distance from the target at a few steps, from the present on."""
    at, found = env.agent_position, []
    speed = float(env.variation_space["agent"]["speed"].value.item())
    for step, action in enumerate(actions, 1):
        at = env._apply_collisions(at, at + torch.as_tensor(action).clamp(-1, 1) * speed)
        if step % BLOCK == 0:
            found.append(float((at - env.target_position).norm()))
    return min(found) + float(np.mean(found)) / 10


def in_the_model(simulator: Simulator, commands: Commands, goal: Array, seed: int) -> Act:
    """Planning in the model towards the picture of the goal."""
    cost = PixelGoal(torch.from_numpy(goal).movedim(-1, 0), scales=SCALES)
    planner = Planner(
        simulator,
        cost,
        CrossEntropy(128, 4),
        AHEAD,
        futures=1,
        looked_at=AHEAD // BLOCK,
        seed=seed,
        commands=commands,
    )
    policy = PlanningPolicy(planner, BLOCK)
    return lambda env: policy(seen(env))


def run(env: TwoRoomEnv, act: Act) -> bool:
    """Act until the environment ends or the budget is spent; return whether it ended."""
    return any(env.step(act(env))[2] for _ in range(BUDGET))


def starts(places: dict[str, Array], count: int, seed: int) -> list[tuple[Array, Array]]:
    """Return random steps of episodes with what is 25 steps later, without repeats."""
    rows = [(name, t) for name in sorted(places) for t in range(len(places[name]) - AHEAD)]
    if len(rows) < count:
        raise SystemExit(f"{len(rows)} starts are there, {count} were asked for: collect more")
    chosen = np.random.default_rng(seed).choice(len(rows), count, replace=False)
    return [(places[n][t], places[n][t + AHEAD]) for n, t in (rows[int(i)] for i in chosen)]


def shares(done: list[bool], far: list[bool]) -> dict[str, Any]:
    """Return shares with intervals: of all, of the first 50, of those not there already."""
    kept = {
        "all": done,
        "first 50": done[:50],
        "not there already": [d for d, f in zip(done, far, strict=True) if f],
    }
    return {
        name: {
            "starts": len(rows),
            "success": round(sum(rows) / max(1, len(rows)), 4),
            "interval": [round(end, 4) for end in wilson(sum(rows), len(rows))],
        }
        for name, rows in kept.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run")
    parser.add_argument("collected", type=Path)
    parser.add_argument("--starts", type=int, default=500)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument(
        "--out", type=Path, default=ROOT / "results" / "bench-planning-two-room.json"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    simulator = Simulator(options.run)
    commands = dataclasses.replace(Commands.of(simulator), held=BLOCK, first=1 % BLOCK)
    commands = dataclasses.replace(commands, change=commands.high - commands.low)
    with np.load(options.collected / "places.npz") as archive:
        chosen = starts(dict(archive), options.starts, options.seed)
    env, done, began = TwoRoomEnv(), dict[str, list[bool]](), time.monotonic()
    with progress("acting", len(chosen), "starts") as advance:
        for number, (at, target) in enumerate(chosen):
            goal = seen(begun(copy.copy(env), target, target))
            acts: dict[str, Act] = {
                "random": random_actions(number),
                "straight": straight,
                "script": with_the_script(env),
                "true environment": InTheEnvironment(commands, number),
                "model": in_the_model(simulator, commands, goal, number),
            }
            for name, act in acts.items():
                done.setdefault(name, []).append(run(begun(env, at, target), act))
            advance(1)
    far = [float(np.linalg.norm(at - target)) >= NEAR for at, target in chosen]
    table = {name: shares(each, far) for name, each in done.items()}
    for name, row in table.items():
        cells = "   ".join(
            f"{what} {found['success']:.3f} ({found['interval'][0]:.3f}.."
            f"{found['interval'][1]:.3f})"
            for what, found in row.items()
        )
        print(f"{name:<18}{cells}")
    written = {
        "run": simulator.name,
        "machine": foreframe.info(),
        "seconds": round(time.monotonic() - began, 1),
        "policies": table,
    }
    options.out.write_text(json.dumps(written, indent=1) + "\n")


if __name__ == "__main__":
    main()
