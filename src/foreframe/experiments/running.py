"""Run an experiment: train every arm with every seed, score the runs, and write what was found."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..data.store import ClipStore
from ..errors import InputError
from ..evaluation.cache import ScoreCache
from ..evaluation.evaluating import evaluate, result_file
from ..evaluation.results import read_evaluation
from ..plugins import EXPERIMENTS
from ..reporting.comparison import Comparison, compare
from ..reporting.experiment_results import ExperimentResult, summarise
from ..reporting.page import log_of
from ..runtime.files import read_json, write_json
from ..runtime.locks import lock_folder
from ..runtime.outputs import claim_output
from ..runtime.progress import progress
from ..runtime.schemas import stamped, unstamped
from ..runtime.workers import in_order
from ..training import resolve, train

_SAMPLES = 5
_RESULT = "experiment.json"
_ARMS = "foreframe.arms/1"


@dataclass(frozen=True)
class Experiment:
    """An experiment as it is done on one store.

    Attributes:
        name: of its file.
        question: what it asks.
        about: what else there is to know of it.
        recipe: that all arms start from.
        protocol: that scores the runs.
        arms: the changes of each arm.
    """

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
) -> ExperimentResult:
    """Train and score every arm of an experiment, and write tables, curves and a page.

    The same command resumes where it was stopped.

    Args:
        name: name of the experiment: {experiments}.
        data: a clip store.
        out: folder for the runs (`ARM/seed-N`), `experiment.json`, `table.md`, curves and
            `index.html`; by default `runs/NAME-STORE`.
        seeds: number of seeds; arms with the same seed see the same clips in the same order.
        workers: number of runs at a time; by default one per core.
        changes: values by dotted name for every arm, such as `{"training.steps": 2000}`;
            `--training.steps 2000` on the command line.

    Returns:
        For each arm, the mean over seeds of each figure with its 95 % interval, and its difference
        from the first arm's.

    Raises:
        InputError: the experiment is unknown; `data` is not a store; `out` holds something else.
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
        return _write(chosen, store, jobs, folder, seeds)


def _write(
    chosen: Experiment, store: ClipStore, jobs: Sequence[_Job], folder: Path, seeds: int
) -> ExperimentResult:
    """Summarise the finished runs, and write the result, its table, curves and page."""
    runs = {arm: [job for job in jobs if job.arm == arm] for arm in chosen.arms}
    scores = {arm: [read_evaluation(job.scores) for job in own] for arm, own in runs.items()}
    columns, arms = summarise(scores)
    result = ExperimentResult(
        folder=str(folder),
        experiment=chosen.name,
        question=chosen.question,
        about=chosen.about,
        recipe=chosen.recipe,
        protocol=chosen.protocol,
        changes={arm: dict(values) for arm, values in chosen.arms.items()},
        data=next(iter(scores.values()))[0].data,
        seeds=seeds,
        samples=_SAMPLES,
        clips=next(iter(scores.values()))[0].clips,
        columns=columns,
        arms=arms,
    )
    write_json(folder / _RESULT, stamped(result.to_dict(), "foreframe.experiment/1"))
    table = Comparison(
        {arm: [log_of(job.run) for job in own] for arm, own in runs.items()},
        scores,
        {arm: own[0].run for arm, own in runs.items()},
    )
    compare(result, table, folder)
    return result


def _read(name: str, store: ClipStore, changes: Mapping[str, Any]) -> Experiment:
    """Read an experiment as it is done on a store: its recipe, and all changes of each arm."""
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
    if file.exists():
        what = "the arms of an experiment"
        if unstamped(read_json(file, what), str(file), what, _ARMS) != described:
            raise InputError(
                f"{folder} is another experiment; choose another --out, or remove it first"
            )
    write_json(file, stamped(described, _ARMS))


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
        ScoreCache.forget_all(self.run)
        return self


def _do(threads: int | None, job: _Job) -> _Job:
    """Do one job in a worker, with its share of the cores."""
    import torch

    if threads:
        torch.set_num_threads(threads)
    return job.do()
