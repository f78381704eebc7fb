"""How fast training and sampling are, beside both systems as published, in one process.

    python benchmarks/speed.py [--quick] [--only NAME ...] [--threads 1] [--device cpu] [--rounds 3]

Yardsticks: `published_svg.py` and `published_pose.py`, which tests/test_yardsticks.py holds to the
same loss, gradients and futures in float64. Rounds alternate between a yardstick and ours; ratios
are of the same round, printed as their median with the lowest and highest. Writes
results/bench-speed.json with versions and the machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from published_pose import PublishedPose
from published_svg import PublishedSvg
from torch import Tensor, nn

import foreframe
from foreframe import Noise, Session, models
from foreframe.clips import ClipSpec
from foreframe.nn.precision import cast_weights
from foreframe.runtime import hardware
from foreframe.training.step import ModelWithLoss, Weights

ROOT = Path(__file__).resolve().parents[1]
SVG = ClipSpec((3, 64, 64), (7,), names=tuple("abcdefg"), mean=(0.0,) * 7, std=(1.0,) * 7)
POSE = ClipSpec((3, 32, 64), (3, 32, 64))
AS_PUBLISHED = {"skip_frame": -2, "posterior_sees_first_frame": False}
FORCED, FREE, HALF = tuple(range(12)), (), (3, 5, 8, 9, 11)
Work = Callable[[], Any]


@dataclass(frozen=True)
class Row:
    """A line of the table: what is done, the yardstick, and the ratios that are wanted."""

    what: str
    yardstick: str
    make: Callable[[Setting], tuple[Work, Work]]  # -> the yardstick's work, ours
    gate: float
    aim: float


@dataclass(frozen=True)
class Setting:
    device: torch.device
    quick: bool

    def pick(self, usual: int, quick: int) -> int:
        return quick if self.quick else usual


def svg_training(
    forced: tuple[int, ...], half: bool, once: bool = False
) -> Callable[[Setting], tuple[Work, Work]]:
    def make(setting: Setting) -> tuple[Work, Work]:
        batch = setting.pick(20, 2)
        theirs = PublishedSvg(encode_once=once).to(setting.device).train()
        frames, conditions = _clips(SVG, batch, 12, setting.device)
        noise = torch.randn(11, batch, 64, device=setting.device)
        published = _step(
            theirs.optimisers(),
            lambda: theirs.loss(frames.float() / 255, conditions, noise, 1e-4, forced),
        )
        return published, _ours_step("svg", SVG, AS_PUBLISHED, frames, conditions, 2, forced, half)

    return make


def pose_training(setting: Setting) -> tuple[Work, Work]:
    batch, steps = 2, setting.pick(16, 3)
    theirs = PublishedPose().to(setting.device).train()
    frames, labels = _clips(POSE, batch, steps, setting.device)
    noise = torch.randn(steps - 1, batch, 12, 32, 64, device=setting.device)
    forced = tuple(range(steps))
    published = _step(
        theirs.optimisers(), lambda: theirs.loss(frames.float() / 255, labels, noise, 1e-4, forced)
    )
    return published, _ours_step("pose", POSE, {}, frames, labels, 1, forced, half=True)


def svg_samples(setting: Setting) -> tuple[Work, Work]:
    """So many futures of one clip, ten frames each."""
    count = setting.pick(100, 8)
    theirs, (frames, conditions) = (
        PublishedSvg().to(setting.device).eval(),
        _clips(SVG, 1, 12, setting.device),
    )
    seen = frames[:, :2].float() / 255
    noises = torch.randn(count, 11, 1, 64, device=setting.device)
    session = _session("svg", SVG, AS_PUBLISHED, setting.device)

    def ours() -> None:
        with _autocast(setting.device, True):
            session.reset(seen, conditions[:, :2], Noise([0], count))
            _wait(session.play(conditions[:, 2:]))

    return lambda: _wait(theirs.futures(seen, conditions, iter(noises))), ours


def svg_act(setting: Setting, compiled: bool = False) -> tuple[Work, Work]:
    """One frame after the other, as somebody who steers asks for them."""
    steps = setting.pick(30, 4)
    theirs, (frames, conditions) = (
        PublishedSvg().to(setting.device).eval(),
        _clips(SVG, 1, 2 + steps, setting.device),
    )
    seen = frames[:, :2].float() / 255
    noise = torch.randn(2 + steps, 1, 64, device=setting.device)
    session = _session("svg", SVG, AS_PUBLISHED, setting.device)
    if compiled:
        hardware.compile_parts(session.model, frozen=True)

    def ours() -> None:
        with _autocast(setting.device, True):
            session.reset(seen, conditions[:, :2], Noise([0]))
            for t in range(2, 2 + steps):
                _wait(session.act(conditions[:, t]))

    return lambda: _wait(theirs.futures(seen, conditions, iter([noise]))), ours


def pose_rollout(setting: Setting, compiled: bool = False) -> tuple[Work, Work]:
    frames = setting.pick(64, 4)
    theirs, (first, labels) = (
        PublishedPose().to(setting.device).eval(),
        _clips(POSE, 1, frames, setting.device),
    )
    seen, noise = (
        first[:, :1].float() / 255,
        torch.randn(frames - 1, 1, 12, 32, 64, device=setting.device),
    )
    session = _session("pose", POSE, {}, setting.device)
    if compiled:
        hardware.compile_parts(session.model, frozen=True)

    def ours() -> None:
        with _autocast(setting.device, True):
            session.reset(seen, labels[:, :1], Noise([0]))
            _wait(session.play(labels[:, 1:]))

    return lambda: _wait(theirs.future(seen[:, 0], labels, noise)), ours


ROWS = {
    "svg-forced": Row(
        "train svg, B 20, forced, bf16", "two encodes, fp32", svg_training(FORCED, True), 5.5, 7.0
    ),
    "svg-forced-once": Row(
        "train svg, B 20, forced, bf16", "one encode, fp32", svg_training(FORCED, True, True), 0, 0
    ),
    "svg-forced-fp32": Row(
        "train svg, B 20, forced, fp32", "two encodes, fp32", svg_training(FORCED, False), 1.9, 2.1
    ),
    "svg-free": Row(
        "train svg, B 20, free-running, bf16",
        "two encodes, fp32",
        svg_training(FREE, True),
        2.3,
        2.8,
    ),
    "svg-half": Row(
        "train svg, B 20, half forced, bf16",
        "two encodes, fp32",
        svg_training(HALF, True),
        4.0,
        4.5,
    ),
    "svg-samples": Row(
        "100 futures x 10 frames, bf16", "one by one, fp32", svg_samples, 10.0, 15.0
    ),
    "svg-act": Row("an interactive step of svg, bf16", "frame by frame, fp32", svg_act, 4.0, 6.0),
    "svg-act-compiled": Row(
        "an interactive step of svg, bf16, --compile",
        "frame by frame, fp32",
        partial(svg_act, compiled=True),
        4.0,
        6.0,
    ),
    "pose-forced": Row(
        "train pose, 2 x 16 frames, bf16", "as published, fp32", pose_training, 2.8, 3.5
    ),
    "pose-rollout": Row("rollout of pose, bf16", "as published, fp32", pose_rollout, 2.5, 4.0),
    "pose-rollout-compiled": Row(
        "rollout of pose, bf16, --compile",
        "as published, fp32",
        partial(pose_rollout, compiled=True),
        2.5,
        4.0,
    ),
}
MEMORY = {"svg-forced": (2.0, 3.0), "pose-forced": (2.0, 3.0)}


def _clips(spec: ClipSpec, batch: int, steps: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Clips as the store gives them.

    Bytes [B, T, C, H, W], channels last in memory, and conditions.
    """
    torch.manual_seed(0)
    _, height, width = spec.frame
    frames = torch.randint(0, 256, (batch, steps, height, width, 3), dtype=torch.uint8).movedim(
        -1, 2
    )
    return frames.to(device), torch.rand(batch, steps, *spec.condition).to(device)


def _step(optimisers: list[torch.optim.Optimizer], loss: Callable[[], Tensor]) -> Work:
    def step() -> None:
        for optimiser in optimisers:
            optimiser.zero_grad()
        found = loss()
        found.backward()
        for optimiser in optimisers:
            optimiser.step()
        _wait(found.detach())

    return step


def _ours_step(
    name: str,
    spec: ClipSpec,
    options: dict[str, Any],
    frames: Tensor,
    conditions: Tensor,
    n_past: int,
    forced: tuple[int, ...],
    half: bool,
) -> Work:
    model = _model(name, spec, options, frames.device).train()
    bound = ModelWithLoss(model, n_past, score_context=True)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    seeds = list(range(len(frames)))

    def loss() -> Tensor:
        with _autocast(frames.device, half):
            return bound(frames, conditions, seeds, Weights(beta=1e-4), forced).loss

    return _step([optimiser], loss)


def _model(name: str, spec: ClipSpec, options: dict[str, Any], device: torch.device) -> nn.Module:
    torch.manual_seed(0)
    return models.build(name, spec, options).to(device).to(memory_format=torch.channels_last)


def _session(name: str, spec: ClipSpec, options: dict[str, Any], device: torch.device) -> Session:
    model = _model(name, spec, options, device).eval()
    cast_weights(model, torch.bfloat16)
    return Session(model)  # type: ignore[arg-type]


def _autocast(device: torch.device, half: bool) -> contextlib.AbstractContextManager[Any]:
    return torch.autocast(device.type, torch.bfloat16, enabled=half)


def _wait(result: Tensor) -> None:
    if result.device.type == "cuda":
        torch.cuda.synchronize(result.device)


def _seconds(work: Work) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measured(row: Row, setting: Setting, rounds: int) -> dict[str, Any]:
    theirs, ours = row.make(setting)
    ours()  # what is done once is not timed
    if setting.device.type == "cuda" or setting.quick:
        theirs()
    times = [(_seconds(theirs), _seconds(ours)) for _ in range(rounds)]
    ratios = [published / own for published, own in times]
    return {
        "what": row.what,
        "yardstick": row.yardstick,
        "ratio": round(statistics.median(ratios), 2),
        "ratios": [round(ratio, 2) for ratio in sorted(ratios)],
        "yardstick_s": round(statistics.median(t for t, _ in times), 3),
        "ours_s": round(statistics.median(o for _, o in times), 3),
        "gate": row.gate,
        "aim": row.aim,
    }


def peak_memory(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return the most memory that a training step takes, each measured in a separate process."""
    found = {}
    for number, who in enumerate(("yardstick_mb", "ours_mb")):
        words = [
            sys.executable,
            __file__,
            "--peak",
            name,
            str(number),
            "--threads",
            str(options.threads),
        ]
        done = subprocess.run(
            [*words, *(["--quick"] if options.quick else [])],
            capture_output=True,
            text=True,
            check=True,
        )
        found[who] = float(done.stdout.splitlines()[-1])
    gate, aim = MEMORY[name]
    ratio = round(found["yardstick_mb"] / found["ours_mb"], 2)
    return {
        "what": f"peak memory, {ROWS[name].what}",
        "yardstick": ROWS[name].yardstick,
        "ratio": ratio,
        **found,
        "gate": gate,
        "aim": aim,
    }


def _peak(name: str, number: int, setting: Setting) -> float:
    """MB that a step takes at its most, above what was there before it.

    Linux keeps the peak, and can be told to forget it.
    """
    work = ROWS[name].make(setting)[number]
    Path("/proc/self/clear_refs").write_text("5")
    before = _resident("VmRSS")
    work()
    return round((_resident("VmHWM") - before) / 1024, 1)


def _resident(what: str) -> int:
    line = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(what)
    )
    return int(line.split()[1])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=[*ROWS, "memory"], default=["memory", *ROWS])
    parser.add_argument(
        "--quick", action="store_true", help="tiny batches: tries the script, measures nothing"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "bench-speed.json")
    parser.add_argument("--peak", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    setting = Setting(torch.device(options.device), options.quick)
    if options.peak:
        print(_peak(options.peak[0], int(options.peak[1]), setting))
        return
    threads = f"{options.threads} thread{'s' * (options.threads > 1)}"
    key = f"{options.device}, {threads}{', quick' * options.quick}"
    known = json.loads(options.out.read_text()) if options.out.exists() else {}
    table = known.setdefault(key, {})
    for name in options.only:
        rows = (
            {f"memory-{n}": peak_memory(n, options) for n in MEMORY}
            if name == "memory"
            else {name: measured(ROWS[name], setting, options.rounds)}
        )
        for label, found in rows.items():
            table[label] = found | {"machine": foreframe.info(), "load": os.getloadavg()[0]}
            spread = (
                f"{found['ratios'][0]:.2f} to {found['ratios'][-1]:.2f}"
                if "ratios" in found
                else ""
            )
            wanted = f"gate {found['gate']:g}, aim {found['aim']:g}" if found["gate"] else ""
            print(
                f"{found['what']:<48}{found['yardstick']:<22}"
                f"{found['ratio']:>6.2f}x  {spread:<16}{wanted}",
                flush=True,
            )
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main()
