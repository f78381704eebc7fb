"""Plan in a learned world: find actions that bring the arm to where a goal picture shows it. The
cross-entropy method, 40 lines.

    python examples/plan.py [RUN] [--start 0] [--horizon 10]

Without RUN it plans in the shipped push model. The goal is a later picture of a recording, so the
recorded actions are one way to get there; the planner is not told them. All candidates of an
iteration take their steps together, as a VectorWorld.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

from foreframe import pretrained
from foreframe.simulate import Simulator
from foreframe.simulate.env import VectorWorld, closer_to

CANDIDATES, ITERATIONS, KEPT = 64, 5, 8


def returns(world: VectorWorld, start: int, plans: NDArray[np.float32]) -> NDArray[np.float64]:
    """What each plan [E, T, U] gains: by how much it comes closer to the goal."""
    world.reset(seed=0, options={"start": start})
    return sum(world.step(plans[:, t])[1] for t in range(plans.shape[1]))


def plan(
    world: VectorWorld, start: int, horizon: int, held: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """The best actions found, [T, U]; a command is held for `held` frames, as in the data."""
    space = world.single_action_space
    middle = np.zeros((-(-horizon // held), *space.shape), np.float32).clip(space.low, space.high)
    spread = (space.high - space.low) / 2 * np.ones_like(middle)
    best, most = middle, -np.inf
    for iteration in range(ITERATIONS):
        commands = (middle + spread * rng.standard_normal((world.num_envs, *middle.shape))).clip(
            space.low, space.high
        )
        gained = returns(world, start, np.repeat(commands, held, 1)[:, :horizon].astype(np.float32))
        elite = np.argsort(gained)[-KEPT:]
        middle, spread = commands[elite].mean(0), commands[elite].std(0) + 1e-3
        if gained[elite[-1]] > most:
            best, most = commands[elite[-1]], gained[elite[-1]]
        print(f"iteration {iteration + 1}: best {gained.max():.5f}, mean {gained.mean():.5f}")
    return np.repeat(best, held, 0)[:horizon].astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", nargs="?", default=None)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--horizon", type=int, default=10)
    options = parser.parse_args()
    simulator = Simulator(options.run or pretrained.folder("push"))
    clip, horizon = simulator.starts[options.start], options.horizon
    goal = clip.frames[simulator.n_past + horizon - 1].movedim(0, -1).numpy()
    world = VectorWorld(simulator, CANDIDATES, reward=closer_to(goal), horizon=horizon)
    found = plan(
        world,
        options.start,
        horizon,
        simulator.steering.get("held_frames", 1),
        np.random.default_rng(0),
    )
    recorded = clip.conditions[simulator.n_past : simulator.n_past + horizon].numpy()[
        :, simulator.steered
    ]
    compared = {"planned": found, "as recorded": recorded, "nothing done": np.zeros_like(found)}
    plans = np.stack([*compared.values(), *[found] * (CANDIDATES - len(compared))])
    gained = returns(world, options.start, plans)
    away = np.square(
        clip.frames[simulator.n_past - 1].movedim(0, -1).numpy() / 255 - goal / 255
    ).mean()
    print(
        f"mean squared distance to the goal picture: {away:.5f} at the start, "
        f"after {horizon} imagined steps"
    )
    for name, gain in zip(compared, gained, strict=False):
        print(f"  {name:<14} {away - gain:.5f}")


if __name__ == "__main__":
    main()
