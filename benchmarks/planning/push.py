"""Planning in a learned push world, closed loop in the true physics.

    python benchmarks/planning/push.py [RUN] [--tasks 200] [--workers 2]

Tasks of three kinds in turn: the arm to a place, an object to a place (both within 3 cm), an
object out of the way (6 cm). Each is seeded, can be done, and is not done yet. Twenty frames are
acted for. Compared on the same tasks: random actions; a hand-written pusher, which knows where
everything is; planning in forks of the true simulation, by true distances; planning in the model,
from pictures to a goal picture. The goal pictures of objects weigh the pixels of the object at its
two places more than the others. How well the spread of a plan's futures, and its expected cost,
tell failure is the area under the ROC curve (0.5 is chance), of the last plan of each task.
Writes results/bench-planning-push.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import math
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import foreframe
from foreframe import pretrained
from foreframe.planning import Commands, CrossEntropy, Gradient, Mppi
from foreframe.runtime.progress import progress
from foreframe.simulate import Simulator
from foreframe.viz.clips import Track, animate

sys.path.append(str(Path(__file__).parent))
from push_policies import Chance, InTheModel, Policy, Pusher, TruePhysics
from push_tasks import BUDGET, KINDS, Task, task

ROOT = Path(__file__).resolve().parents[2]
POLICIES = ("random", "pusher", "true physics", "model")


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a task is run with."""

    run: str
    policies: tuple[str, ...]
    samples: int
    iterations: int
    true_samples: int
    futures: int
    risk: float
    planner: str
    arm_noise: float
    seed: int
    films: str


@functools.cache
def _simulator(run: str) -> Simulator:
    torch.set_num_threads(1)
    return Simulator(run)


@functools.cache
def _commands(run: str) -> Commands:
    """The commands of the recordings, without the gripper."""
    found = Commands.of(_simulator(run))
    closed = [name == "close_frames" for name in found.names]
    low, high, mean = (
        torch.where(torch.tensor(closed), torch.zeros(len(closed)), values)
        for values in (found.low, found.high, found.mean)
    )
    return dataclasses.replace(found, low=low, high=high, mean=mean)


def _policy(name: str, settings: Settings, seed: int) -> Policy:
    if name == "random":
        return Chance(seed)
    if name == "pusher":
        return Pusher()
    commands = _commands(settings.run)
    if name == "true physics":
        return TruePhysics(commands, CrossEntropy(settings.true_samples, 3), seed)
    drawn = (settings.samples, settings.iterations)
    search = {
        "cem": CrossEntropy(*drawn),
        "mppi": Mppi(*drawn),
        "gradient": Gradient(CrossEntropy(*drawn)),
    }[settings.planner]
    simulator = _simulator(settings.run)
    return InTheModel(simulator, commands, search, settings.futures, settings.risk, seed)


def run_task(settings: Settings, index: int) -> dict[str, Any]:
    """Run one task with every policy."""
    kind = KINDS[index % len(KINDS)]
    found: dict[str, Any] = {"task": index, "kind": kind}
    for name in settings.policies:
        bin_, wanted = task(kind, settings.seed, index, settings.arm_noise)
        policy, began = _policy(name, settings, index), time.monotonic()
        seen, least = [bin_.look()[0]], wanted.distance(bin_)
        found["begin_m"] = round(least, 4)
        for _ in range(BUDGET):
            bin_.act(policy(bin_, wanted))
            least = min(least, wanted.distance(bin_))
            if settings.films:
                seen.append(bin_.look()[0])
        found[name] = {
            "done": wanted.is_done(bin_) and not bin_.simulation.trouble,
            "distance_m": round(wanted.distance(bin_), 4),
            "least_m": round(least, 4),
            "seconds": round(time.monotonic() - began, 2),
            **policy.knows,
        }
        if settings.films:
            _film(Path(settings.films), index, name, wanted, seen, found[name]["done"])
    return found


def _film(
    folder: Path, index: int, name: str, wanted: Task, seen: Sequence[Any], done: bool
) -> None:
    goal = np.repeat(wanted.picture[None], len(seen), 0)
    tracks = [Track("goal", goal, None), Track(name, np.stack(seen), 1)]
    how = "done" if done else "failed"
    file = f"{wanted.kind}-{index:03d}-{name.replace(' ', '-')}-{how}.webp"
    animate(tracks, folder / file, 5.0)


def wilson(done: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927).

    >>> [round(end, 3) for end in wilson(5, 10)]
    [0.237, 0.763]
    """
    if not count:
        return 0.0, 1.0
    z, share = 1.959964, done / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = (
        z
        / (1 + z * z / count)
        * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    )
    return middle - half, middle + half


def area(values: Sequence[float], failed: Sequence[bool]) -> float | None:
    """Return the area under the ROC curve of a value that should be large where it failed.

    >>> area([0.1, 0.2, 0.3], [False, False, True])
    1.0
    """
    bad = [v for v, f in zip(values, failed, strict=True) if f]
    good = [v for v, f in zip(values, failed, strict=True) if not f]
    if not bad or not good:
        return None
    wins = sum((b > g) + 0.5 * (b == g) for b in bad for g in good)
    return wins / (len(bad) * len(good))


def summary(tasks: Sequence[dict[str, Any]], policies: Sequence[str]) -> dict[str, Any]:
    """Return shares of success with intervals, and how well a plan knew that it would fail."""
    found: dict[str, Any] = {}
    for name in policies:
        of_kind = {}
        for kind in (*KINDS, "all"):
            rows = [t[name] for t in tasks if kind in (t["kind"], "all")]
            done = sum(row["done"] for row in rows)
            low, high = wilson(done, len(rows))
            of_kind[kind] = {
                "tasks": len(rows),
                "success": round(done / max(1, len(rows)), 4),
                "low": round(low, 4),
                "high": round(high, 4),
                "median_m": round(float(np.median([r["distance_m"] for r in rows] or [0])), 4),
            }
            if name == "model" and rows:
                failed = [not row["done"] for row in rows]
                for what in ("spread", "expected"):
                    told = area([row[what] for row in rows], failed)
                    of_kind[kind][f"{what}_tells_failure"] = told and round(told, 3)
        of_kind["seconds_per_task"] = round(float(np.mean([t[name]["seconds"] for t in tasks])), 2)
        found[name] = of_kind
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", nargs="?", default=str(pretrained.folder("push")))
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--policies", nargs="+", default=POLICIES, choices=POLICIES)
    parser.add_argument("--planner", default="cem", choices=("cem", "mppi", "gradient"))
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--iterations", type=int, default=4)
    parser.add_argument("--true-samples", type=int, default=24)
    parser.add_argument("--futures", type=int, default=3)
    parser.add_argument("--risk", type=float, default=0.5)
    parser.add_argument("--arm-noise", type=float, default=0.003)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--films", default="", help="a folder for a film of each task")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "bench-planning-push.json")
    options = parser.parse_args()
    settings = Settings(
        *(
            tuple(value) if isinstance(value, list) else value
            for value in (getattr(options, f.name) for f in dataclasses.fields(Settings))
        )
    )
    found: list[dict[str, Any]] = []
    with (
        multiprocessing.get_context("spawn").Pool(options.workers) as pool,
        progress("acting", options.tasks, "tasks") as advance,
    ):
        each = functools.partial(run_task, settings)
        for result in pool.imap(each, range(options.tasks)):
            found.append(result)
            advance(1)
    table = summary(found, settings.policies)
    for name, rows in table.items():
        cells = "   ".join(
            f"{kind} {row['success']:.2f} ({row['low']:.2f}..{row['high']:.2f})"
            for kind, row in rows.items()
            if kind in (*KINDS, "all")
        )
        print(f"{name:<14}{cells}   {rows['seconds_per_task']} s per task")
    told = table.get("model", {}).get("all", {})
    print({k: v for k, v in told.items() if k.endswith("failure")})
    written = {
        "settings": dataclasses.asdict(settings),
        "machine": foreframe.info(),
        "load": os.getloadavg()[0],
        "policies": table,
        "tasks": found,
    }
    options.out.write_text(json.dumps(written, indent=1) + "\n")


if __name__ == "__main__":
    main()
