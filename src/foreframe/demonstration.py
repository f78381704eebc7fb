"""The whole pipeline in one call: make data, train, evaluate, draw and report."""

from __future__ import annotations

import dataclasses
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import data, evaluation, training
from .data import worlds
from .errors import InputError
from .evaluation.drawing import sample
from .reporting import report
from .runtime.files import read_json, write_json
from .runtime.outputs import claim_output
from .runtime.schemas import stamped, unstamped
from .training.listing import usual_spec
from .training.measuring import seconds_per_step

RECIPE = "push-tiny"
QUICK_S = 90.0

_WORLD = "push"
_EXTENT, _SCHEMA = "demo.json", "foreframe.demo/1"
_START_S = 6.0  # imports and the first pictures of every part
_SHARE_OF_DATA = 0.25
_FEWEST, _MOST = 24, 80  # recordings of a quick demo
_SCORING_STEPS = 35  # scores, animations and the page take as long as so many optimiser steps
_OVERHEAD = 1.2  # of a training over its steps: validation, saving, logging
_FEWEST_STEPS = 60


@dataclass(frozen=True)
class Extent:
    """How much a demo makes and trains.

    Attributes:
        trajectories: recordings to make.
        steps: optimiser steps.
        futures: true futures of each recording that is not trained on.
    """

    trajectories: int = 280
    steps: int = 1100
    futures: int = 4


@dataclass(frozen=True)
class Speed:
    """What a machine takes.

    Attributes:
        step_s: seconds of an optimiser step.
        recording_s: seconds to make a recording, in one process.
        processes: how many make recordings.
    """

    step_s: float
    recording_s: float
    processes: int

    def seconds(self, extent: Extent) -> float:
        """Return about how long a demo of this extent takes."""
        made = extent.trajectories * (1 + 0.2 * extent.futures / 3)  # a future is a third as long
        steps = extent.steps * _OVERHEAD + _SCORING_STEPS * extent.trajectories / 60
        return _START_S + made * self.recording_s / self.processes + steps * self.step_s

    def fit(self, seconds: float) -> Extent:
        """Return the extent of a demo that takes about so many seconds.

        >>> Speed(0.1, 0.5, 2).fit(90)
        Extent(trajectories=80, steps=494, futures=0)
        >>> Speed(1.0, 8.0, 2).fit(90)
        Extent(trajectories=24, steps=60, futures=0)
        """
        count = int(_SHARE_OF_DATA * seconds * self.processes / self.recording_s)
        extent = Extent(min(max(count, _FEWEST), _MOST), 0, 0)
        left = seconds - self.seconds(extent)
        steps = int(left / (_OVERHEAD * self.step_s))
        return dataclasses.replace(extent, steps=max(steps, _FEWEST_STEPS))


def demo(out: str | Path = "runs/demo", quick: bool = False) -> evaluation.Evaluation:
    """Make robot-pushing data, train a small model, score it against baselines and write a page.

    The same call resumes where it was stopped: finished data and training are kept.

    Args:
        out: the run, with `data/` (the clip store), `eval.json` and `report.html` in it.
        quick: measure this machine first, and make and train as little as fits into ninety seconds;
            that costs about 3 dB of PSNR over copying.

    Returns:
        The scores, which `eval.json` holds too.

    Raises:
        InputError: MuJoCo is not installed; `out` holds something else, or a demo that was begun
            the other way.
    """
    worlds.require_physics()
    out = Path(out)
    claim_output(out, "demo", (_EXTENT, "data/manifest.json", "data.partial/source.json"))
    extent = _extent(out, quick)
    futures = None if extent.futures else 0
    store = data.make(_WORLD, out / "data", trajectories=extent.trajectories, futures=futures).path
    training.train(RECIPE, store, out, changes={"training.steps": _steps(out, extent)})
    scores = evaluation.evaluate(out, store)
    sample(out, store)
    report(out)
    return scores


def _extent(out: Path, quick: bool) -> Extent:
    """Return what the demo in a folder makes, and note it there; a quick one measures first."""
    file, what = out / _EXTENT, "the extent of a demo"
    if file.exists():
        noted = unstamped(read_json(file, what), str(file), what, _SCHEMA)
        if not quick:
            raise InputError(
                f"{out} holds a quick demo; expected --quick to go on with it, or another --out "
                "for the whole one"
            )
        return Extent(*(int(noted[field.name]) for field in dataclasses.fields(Extent)))
    begun = (out / "data").exists() or (out / "data.partial").exists()
    if not quick:
        if not begun:
            minutes = _measured().seconds(Extent()) / 60
            print(f"about {minutes:.0f} min on this machine; --quick takes 90 s", flush=True)
        return Extent()
    if begun:
        raise InputError(
            f"{out} holds a whole demo; leave --quick out to go on with it, or choose another --out"
        )
    extent = _fitted()
    out.mkdir(parents=True, exist_ok=True)
    write_json(file, stamped(dataclasses.asdict(extent), _SCHEMA))
    return extent


def _steps(out: Path, extent: Extent) -> int:
    """Return the steps of the training; a demo that was trained longer since then keeps its own."""
    identity = out / "identity.json"
    if not identity.exists():
        return extent.steps
    config = read_json(identity, "what a run is made of")["config"]
    return max(int(config["training"]["steps"]), extent.steps)


def _fitted() -> Extent:
    """Measure the machine, say what fits into the time of a quick demo, and return it."""
    speed = _measured()
    extent = speed.fit(QUICK_S)
    minutes = speed.seconds(Extent()) / 60
    print(
        f"measured here: {speed.step_s:.2f} s per step, {speed.recording_s:.2f} s per recording; "
        f"{extent.trajectories} recordings and {extent.steps} steps take about "
        f"{speed.seconds(extent):.0f} s.\n"
        f"The whole demo (without --quick) would take about {minutes:.0f} min here, and is "
        "about 3 dB better.",
        flush=True,
    )
    return extent


def _measured() -> Speed:
    config = training.resolve(RECIPE)
    source: Any = worlds.world_module(_WORLD).simulate(2, 1)
    source.read(0)  # imports what simulates
    began = time.monotonic()
    source.read(1)
    recording = time.monotonic() - began
    return Speed(seconds_per_step(config, usual_spec(config)), recording, os.cpu_count() or 1)
