"""How fast futures are searched: sequences of actions per second, and plans per second.

    python benchmarks/planning/speed.py [RUN] [--seconds 5]

`one at a time` is what a loop around a session costs: for each sequence a fork, an act per frame,
and the cost of the same pictures. `batched` is what the planner does: all sequences from one point,
one step of the model for many of them, and only the pictures that the cost looks at are decoded.
Both find the same costs. Runs on one thread. Writes results/bench-planning-speed.json.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import foreframe
from foreframe import pretrained
from foreframe.planning import CrossEntropy, Imagination, Imagined, PixelGoal, Planner, Present
from foreframe.planning.imagining import CommonNoise
from foreframe.simulate import Drive, Simulator

ROOT = Path(__file__).resolve().parents[2]
_SEQUENCES = 64
_USUAL = {"horizon": 10, "futures": 4, "looked_at": 2}
_GRID = (
    {},
    {"futures": 1},
    {"futures": 8},
    {"horizon": 5},
    {"horizon": 18},
    {"looked_at": 1},
    {"looked_at": 10},
)


def one_at_a_time(
    drive: Drive, actions: torch.Tensor, futures: int, looks: list[int], cost: PixelGoal
) -> torch.Tensor:
    """Return the cost of each sequence [P], each imagined alone, an act per frame."""
    found = []
    for sequence in actions:
        noise = CommonNoise(0, 1, futures)
        session = drive.session.fork([0] * futures, noise)
        seen = [session.act(action[None])[0] for action in sequence]
        frames = torch.stack([seen[step - 1] for step in looks], 1)[None]
        found.append(cost(Imagined(frames, sequence[None], torch.zeros(1, 0))).mean())
    return torch.stack(found)


def batched(
    imagination: Imagination, present: Present, actions: torch.Tensor, cost: PixelGoal
) -> torch.Tensor:
    """Return the cost of each sequence [P], as many at a time as fit."""
    parts = [cost(seen) for _, seen in imagination.in_chunks(present, actions, 0)]
    return torch.cat(parts).mean(1)


def per_second(work: Callable[[], int], seconds: float) -> float:
    """Return how many are done per second, after a first time that does not count."""
    work()
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        done += work()
    return done / (time.perf_counter() - began)


def compared(simulator: Simulator, seconds: float, **settings: int) -> dict[str, Any]:
    """Measure one setting, and check that both ways find the same."""
    drive = simulator.begin(0)
    present = Present.of(drive)
    cost = PixelGoal(drive.start.frames[simulator.n_past + 8])
    imagination = Imagination.of(simulator, settings["futures"], settings["looked_at"])
    generator = torch.Generator().manual_seed(0)
    shape = (_SEQUENCES, settings["horizon"], len(simulator.steered))
    actions = 0.04 * torch.randn(shape, generator=generator)
    looks = imagination.looks(settings["horizon"])

    def alone(count: int) -> torch.Tensor:
        return one_at_a_time(drive, actions[:count], settings["futures"], looks, cost)

    with torch.no_grad():
        torch.testing.assert_close(
            alone(3), batched(imagination, present, actions[:3], cost), rtol=1e-3, atol=1e-5
        )
        slow = per_second(lambda: len(alone(2)), seconds)
        fast = per_second(lambda: len(batched(imagination, present, actions, cost)), seconds)
    return {
        **settings,
        "one at a time": round(slow, 1),
        "batched": round(fast, 1),
        "times": round(fast / slow, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", nargs="?", default=str(pretrained.folder("push")))
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "bench-planning-speed.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    simulator, rows = Simulator(options.run), []
    for change in _GRID:
        rows.append(compared(simulator, options.seconds, **{**_USUAL, **change}))
        print(rows[-1], flush=True)
    cost = PixelGoal(simulator.starts[0].frames[simulator.n_past + 8])
    planner = Planner(simulator, cost, CrossEntropy(64, 5), 10, 4)
    plan = planner.plan(Present.of(simulator.begin(0)))
    print(f"a plan of {plan.evaluations} sequences: {plan.seconds:.2f} s")
    written = {
        "run": simulator.name,
        "machine": foreframe.info(),
        "load": os.getloadavg()[0],
        "sequences_per_second": rows,
        "plan": {"evaluations": plan.evaluations, "seconds": round(plan.seconds, 2)},
    }
    options.out.write_text(json.dumps(written, indent=1) + "\n")


if __name__ == "__main__":
    main()
