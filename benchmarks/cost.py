"""What a training step costs, from measured points: time and memory over batch, frames and picture
size; and two processes beside one.

    python benchmarks/cost.py [--quick] [--only NAME ...]

For each model: seconds a step and the peak of its memory at a few points, and the least-squares fit
seconds = fixed + per_frame * frames in the batch (a frame of that size). Weak scaling: clips a
second of two processes with twice the batch over those of one. Writes into results/bench-cost.json.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from speed import POSE, SVG, _clips, _ours_step, _resident, _seconds

import foreframe
from foreframe import models
from foreframe.clips import ClipSpec

ROOT = Path(__file__).resolve().parents[1]
POINTS = [(2, 6), (4, 6), (4, 12), (8, 12)]  # clips, frames each
LARGE = dataclasses.replace(SVG, frame=(3, 128, 128))
KINDS: dict[str, tuple[str, ClipSpec, int]] = {
    "compact": ("compact", SVG, 2),
    "compact-128": ("compact", LARGE, 2),
    "svg": ("svg", SVG, 2),
    "pose": ("pose", POSE, 1),
    "pose_compact": ("pose_compact", POSE, 1),
}
_SCALING = "weak-scaling"


def point(name: str, batch: int, frames: int) -> tuple[float, float]:
    """Seconds a step, and MB at its peak above the model: in a process of its own."""
    words = [sys.executable, __file__, "--point", name, str(batch), str(frames)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    seconds, megabytes = json.loads(done.stdout.splitlines()[-1])
    return seconds, megabytes


def measure(name: str, batch: int, frames: int) -> list[float]:
    model, spec, n_past = KINDS[name]
    pictures, conditions = _clips(spec, batch, frames, torch.device("cpu"))
    step = _ours_step(
        model, spec, {}, pictures, conditions, n_past, tuple(range(frames)), half=True
    )
    Path("/proc/self/clear_refs").write_text("5")
    before = _resident("VmRSS")
    step()
    peak = _resident("VmHWM") - before
    return [min(_seconds(step) for _ in range(3)), peak / 1024]


def cost(name: str, points: list[tuple[int, int]]) -> dict[str, Any]:
    model, spec, _ = KINDS[name]
    rows = [(batch, frames, *point(name, batch, frames)) for batch, frames in points]
    count = np.array([batch * frames for batch, frames, *_ in rows], float)
    seconds, memory = (np.array([row[k] for row in rows]) for k in (2, 3))
    fits = [
        np.linalg.lstsq(np.stack([np.ones_like(count), count], 1), y, rcond=None)[0]
        for y in (seconds, memory)
    ]
    return {
        "parameters": sum(p.numel() for p in models.build(model, spec, {}).parameters()),
        "size": list(spec.frame),
        "points": [
            {"clips": b, "frames": f, "seconds": round(s, 4), "peak_mb": round(m, 1)}
            for b, f, s, m in rows
        ],
        "seconds": {"fixed": round(fits[0][0], 4), "per_frame": round(fits[0][1], 5)},
        "peak_mb": {"fixed": round(fits[1][0], 1), "per_frame": round(fits[1][1], 2)},
    }


def weak_scaling(steps: int, rounds: int) -> dict[str, Any]:
    """Clips a second of one process at batch 4 and of two at batch 8, one after the other, so many
    times.
    """
    found = []
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        with contextlib.redirect_stderr(io.StringIO()):
            foreframe.data.make("push", store, trajectories=6)
        for number in range(rounds):
            found.append(
                [_clips_a_second(store, Path(folder) / f"run-{number}", n, steps) for n in (1, 2)]
            )
    efficiencies = sorted(two / one / 2 for one, two in found)
    return {
        "clips a second, one process": round(statistics.median(one for one, _ in found), 1),
        "clips a second, two processes": round(statistics.median(two for _, two in found), 1),
        "efficiency": round(statistics.median(efficiencies), 3),
        "efficiencies": [round(value, 3) for value in efficiencies],
    }


def _clips_a_second(store: Path, out: Path, devices: int, steps: int) -> float:
    """From the time that later steps take: what comes before the first is not counted."""
    times = []
    for last in (10, 10 + steps):
        words = [sys.executable, "-m", "foreframe", "train", "push-tiny", "--data", str(store)]
        words += [
            "--out",
            f"{out}-{devices}-{last}",
            "--devices",
            str(devices),
            "--training.batch",
            str(4 * devices),
        ]
        words += ["--training.steps", str(last), "--training.validate_every", "9999"]
        began = time.perf_counter()
        subprocess.run(words, capture_output=True, check=True)
        times.append(time.perf_counter() - began)
    return steps * 4 * devices / (times[1] - times[0])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", choices=[*KINDS, _SCALING], default=[*KINDS, _SCALING])
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "bench-cost.json")
    parser.add_argument("--point", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.point:
        name, batch, frames = options.point
        print(json.dumps(measure(name, int(batch), int(frames))))
        return
    found: dict[str, Any] = json.loads(options.out.read_text()) if options.out.exists() else {}
    found["machine"] = foreframe.info()
    for name in options.only:
        if name == _SCALING:
            found[name] = weak_scaling(*((10, 1) if options.quick else (60, 3)))
        else:
            found[name] = cost(name, POINTS[:2] if options.quick else POINTS)
        print(name, json.dumps(found[name], indent=None), flush=True)
        options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
