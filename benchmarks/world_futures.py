"""Floors and ceilings of the embedded worlds: what the worlds themselves score as predictions.

    python benchmarks/world_futures.py push [--episodes 32] [--futures 10] [--seed 777]
        [--arm-noise 0.013]

Episodes of a seed that no recipe trains on are played on from the end of the context, with the same
actions and other chance. What happened and the futures are exchangeable, so each in turn is the
truth for the others. Writes results/world-futures/WORLD[-ARM_NOISE].json.

Letters: M members (what happened and K futures), T frames, H height, W width, C channels.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

import foreframe
from foreframe.data.sources.recording import Fork, Recording
from foreframe.data.truth import ARM
from foreframe.data.worlds import world_module

ROOT = Path(__file__).resolve().parents[1]
Array = Any
_MOVED_M = 0.01
_LENGTHS = {"dance": 62}  # of episodes, where the usual ones are much longer than a future


def psnr(errors: Array) -> Array:
    """dB of mean squared errors of pictures in [0, 1]."""
    return -10 * np.log10(np.maximum(errors, 1e-10))


def scores(members: Array, last_seen: Array) -> dict[str, Array]:
    """Per-frame scores, [T] each, of the futures and of copying as predictions of one another.

    The fair CRPS of a distribution against itself is half the mean difference of two members.
    """
    x = members.astype(np.float32) / 255  # [M, T, H, W, C]
    copied = last_seen.astype(np.float32) / 255
    pairs = list(itertools.combinations(range(len(x)), 2))
    total = x.sum(0)
    axes = (-3, -2, -1)
    means = [(total - y) / (len(x) - 1) for y in x]
    return {
        "psnr one true": np.mean([psnr(((x[i] - x[j]) ** 2).mean(axes)) for i, j in pairs], 0),
        "psnr mean of true": np.mean(
            [psnr(((m - y) ** 2).mean(axes)) for m, y in zip(means, x, strict=True)], 0
        ),
        "psnr copy-last": psnr(((x - copied) ** 2).mean(axes)).mean(0),
        "crps true": np.mean([np.abs(x[i] - x[j]).mean(axes) for i, j in pairs], 0) / 2,
        "crps copy-last": np.abs(x - copied).mean(axes).mean(0),
    }


def of_arm(members: Array, marks: Array) -> float:
    """Return the share of the variance between members in pixels that the arm covers in any."""
    variance = (members.astype(np.float32) / 255).var(axis=0).sum(-1)
    return float(variance[(marks == ARM).any(0)].sum() / variance.sum())


def spread_mm(poses: Array, before: Array) -> float | None:
    """How far apart the places of moved objects end: root mean square distance from their mean."""
    there = np.isfinite(before[:, 0])
    ends, begin = poses[:, -1, there, :3], before[there, :3]
    moved = (np.linalg.norm(ends - begin, axis=-1) > _MOVED_M).any(0)
    if not moved.any():
        return None
    return float(1e3 * np.sqrt(ends[:, moved].var(axis=0, ddof=1).sum(-1).mean()))


def measured(recording: Recording, fork: Fork) -> dict[str, Any]:
    """The scores of one episode."""
    assert recording.futures is not None
    part = slice(fork.start, fork.start + fork.frames)
    happened = np.stack(list(recording.frames))
    members = np.concatenate([happened[None, part], recording.futures["frames"]])
    found: dict[str, Any] = scores(members, happened[fork.start - 1])
    if "object_pose" in recording.values:
        both = {
            name: np.concatenate([recording.values[name][None, part], recording.futures[name]])
            for name in ("object_pose", "segmentation")
        }
        found["spread mm"] = spread_mm(
            both["object_pose"], recording.values["object_pose"][fork.start - 1]
        )
        found["share of variance under the arm"] = of_arm(members, both["segmentation"])
    return found


def summary(episodes: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over episodes with 95 % intervals, of all frames and of the last."""
    table: dict[str, Any] = {}
    for name in episodes[0]:
        values = [e[name] for e in episodes if e[name] is not None]
        rows = np.array([np.mean(v) for v in values])
        half = 1.96 * rows.std(ddof=1) / np.sqrt(len(rows))
        table[name] = {"mean": round(float(rows.mean()), 4), "interval": round(float(half), 4)}
        if np.ndim(values[0]):
            table[name]["last frame"] = round(float(np.mean([v[-1] for v in values])), 4)
            table[name]["per frame"] = np.mean(values, 0).round(4).tolist()
        if name.startswith("spread"):
            table[name] |= {"median": round(float(np.median(rows)), 2), "episodes": len(rows)}
    return table


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("world")
    parser.add_argument("--episodes", type=int, default=32)
    parser.add_argument("--futures", type=int, default=10)
    parser.add_argument("--seed", type=int, default=777)
    parser.add_argument("--arm-noise", type=float)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "world-futures")
    options = parser.parse_args()
    module = world_module(options.world)
    chosen = {"arm_noise": options.arm_noise, "length": _LENGTHS.get(options.world)}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    fork = dataclasses.replace(module.FORK, count=options.futures)
    source = module.simulate(options.episodes, options.seed, **chosen)
    source = source.with_futures(fork, frozenset(range(options.episodes)))
    began, found = time.monotonic(), []
    for index in range(options.episodes):
        found.append(measured(source.read(index), fork))
        print(f"{index + 1}/{options.episodes}, {time.monotonic() - began:.0f} s", flush=True)
    name = options.world + (f"-{options.arm_noise}" if options.arm_noise is not None else "")
    result = {
        "world": options.world,
        "settings": dict(source.settings),
        "fork": dataclasses.asdict(fork),
        "episodes": options.episodes,
        "seed": options.seed,
        "scores": summary(found),
        "seconds": round(time.monotonic() - began),
        "machine": foreframe.info(),
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    for score, values in result["scores"].items():
        print(score, {key: value for key, value in values.items() if key != "per frame"})


if __name__ == "__main__":
    main()
