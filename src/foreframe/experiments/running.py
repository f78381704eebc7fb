"""Experiments: one question, several arms that differ in one thing, several seeds, one page.

An experiment is a YAML file here: its `question`; a recipe with changes for stores whose conditions are `vectors` and for
those that have `labels`, with the `protocol` that scores it if it is not ours; and `arms`, each a name with further changes.
A new file is a new experiment.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..data.store import ClipStore
from ..errors import InputError
from ..evaluation.evaluating import evaluate, result_file
from ..metrics.seeds import over_seeds
from ..plugins import EXPERIMENTS
from ..reporting.comparison import compare
from ..runtime.files import claim_output, read_json, write_json
from ..runtime.locks import lock_folder
from ..runtime.progress import progress
from ..runtime.workers import in_order
from ..training import resolve, train

_SAMPLES = 5
_RESULT = "experiment.json"


@dataclass(frozen=True)
class Experiment:
    """What is asked, and how it is answered on one store."""

    name: str
    question: str
    about: str
    recipe: str
    protocol: str
    arms: Mapping[str, Mapping[str, Any]]


def experiment(
    name: str,
    data: str | Path,
    out: str | Path | None = None,
    seeds: int = 3,
    workers: int | None = None,
    changes: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Train every arm of an experiment with several seeds, score them, and write tables, curves and a page.

    The same command goes on where it was stopped.

    Args:
        name: annealing, forcing or learning-rate.
        data: a clip store.
        out: folder for the runs (`ARM/seed-N`), `experiment.json`, `table.md`, curves and `index.html`;
            `runs/NAME-STORE` by default.
        seeds: how many; arms with the same seed see the same clips in the same order.
        workers: runs at a time; one a core by default.
        changes: dotted names to values for every arm, such as `{"training.steps": 2000}`; `--training.steps 2000` in a shell.

    Returns:
        For each arm the mean over seeds of each figure with its 95 % interval, and its difference from the first arm's.

    Raises:
        InputError: an unknown experiment, not a store, or `out` holds something else.
    """
    if seeds < 1:
        raise InputError(f"--seeds is {seeds}; expected at least 1")
    store = ClipStore(data)
    chosen = _read(name, store, changes or {})
    folder = Path(out) if out else Path("runs") / f"{name}-{store.path.name}"
    described = {
        "experiment": name,
        "recipe": chosen.recipe,
        "arms": chosen.arms,
        "data": store.content,
    }
    described |= {"protocol": chosen.protocol}
    claim_output(folder, "experiment", ("arms.json",))
    folder.mkdir(parents=True, exist_ok=True)
    with lock_folder(folder, "experiment"):
        _claim(folder, described)
        jobs = [
            _Job(chosen, arm, seed, str(data), folder)
            for seed in range(seeds)
            for arm in chosen.arms
        ]
        with progress(f"experiment {name}", len(jobs), "runs") as advance:
            cores = os.cpu_count() or 1
            count = min(workers or cores, len(jobs))
            threads = max(1, cores // count) if count > 1 else None
            for job in in_order(functools.partial(_do, threads), jobs, count, start="spawn"):
                advance(1, f"{job.arm}, seed {job.seed}")
        result = _summary(chosen, store, folder, seeds)
        write_json(folder / _RESULT, result)
        compare(
            result,
            {arm: [job.run for job in jobs if job.arm == arm] for arm in chosen.arms},
            folder,
        )
    return result


def _read(name: str, store: ClipStore, changes: Mapping[str, Any]) -> Experiment:
    """An experiment as it is done on a store: its recipe, and all changes of each arm."""
    import yaml

    values = yaml.safe_load(EXPERIMENTS.text(name))
    labelled = any(column.role == "label" for column in store.columns.values())
    base = values["labels" if labelled else "vectors"]
    arms = {arm: {**base["changes"], **own, **changes} for arm, own in values["arms"].items()}
    for arm in arms.values():
        steps = resolve(base["recipe"], None, arm).training.steps
        arm.update(
            {f"training.{key}": max(1, steps // 6) for key in ("validate_every", "save_every")}
            | arm
        )
    about, protocol = " ".join(values["about"].split()), base.get("protocol", "foreframe")
    return Experiment(name, values["question"], about, base["recipe"], protocol, arms)


def _claim(folder: Path, described: Mapping[str, Any]) -> None:
    file = folder / "arms.json"
    if file.exists() and read_json(file, "the arms of an experiment") != described:
        raise InputError(
            f"{folder} is another experiment; choose another --out, or remove it first"
        )
    write_json(file, described)


@dataclass(frozen=True)
class _Job:
    experiment: Experiment
    arm: str
    seed: int
    data: str
    folder: Path

    @property
    def run(self) -> Path:
        return self.folder / self.arm.replace(" ", "-").replace(",", "") / f"seed-{self.seed}"

    @property
    def scores(self) -> Path:
        return result_file(self.run, self.experiment.protocol, None)

    def do(self) -> _Job:
        """Train to the end and score, unless that was done."""
        changes = {**self.experiment.arms[self.arm], "training.seed": self.seed}
        train(self.experiment.recipe, self.data, self.run, changes=changes)
        if not self.scores.exists():
            evaluate(self.run, self.data, protocol=self.experiment.protocol, samples=_SAMPLES)
        return self


def _do(threads: int | None, job: _Job) -> _Job:
    """In a worker: one job with its share of the cores."""
    import torch

    if threads:
        torch.set_num_threads(threads)
    return job.do()


def _summary(chosen: Experiment, store: ClipStore, folder: Path, seeds: int) -> dict[str, Any]:
    found: dict[str, dict[str, list[float]]] = {}
    clips = 0
    for arm in chosen.arms:
        scores = [
            read_json(_Job(chosen, arm, seed, "", folder).scores, "scores") for seed in range(seeds)
        ]
        found[arm] = {name: [pick(score) for score in scores] for name, pick in _FIGURES.items()}
        clips = scores[0]["clips"]
    first = next(iter(found.values()))
    arms = {
        arm: {
            name: {
                **over_seeds(values),
                "seeds": values,
                "above_first": over_seeds(
                    [a - b for a, b in zip(values, first[name], strict=True)]
                ),
            }
            for name, values in figures.items()
        }
        for arm, figures in found.items()
    }
    return {
        "folder": str(folder),
        "experiment": chosen.name,
        "question": chosen.question,
        "about": chosen.about,
        "recipe": chosen.recipe,
        "protocol": chosen.protocol,
        "changes": {arm: dict(values) for arm, values in chosen.arms.items()},
        "data": {"store": str(store.path), "content": store.content, "source": store.source},
        "seeds": seeds,
        "samples": _SAMPLES,
        "clips": clips,
        "arms": arms,
    }


_FIGURES = {
    "psnr": lambda s: s["scores"]["psnr"]["mean"],
    "ssim": lambda s: s["scores"]["ssim"]["mean"],
    "best_of_psnr": lambda s: s["best_of"]["psnr"]["mean"],
    "posterior_minus_prior_psnr": lambda s: s["latent"]["posterior_minus_prior_psnr"],
    "rate_nats_per_frame": lambda s: s["latent"]["rate_nats_per_frame"],
    "active_dimensions": lambda s: s["latent"]["active_dimensions"],
    "above_copy_last_psnr": lambda s: s["above_copy_last"]["mean"],
}
