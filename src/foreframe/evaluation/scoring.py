"""Score predictions of one origin under one or more protocols, and keep the results."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ..errors import InputError
from ..metrics import Metric
from ..runtime.files import write_json
from ..runtime.memory import keep_freed_memory
from ..runtime.progress import progress
from ..viz import curves, palette
from .cache import ScoreCache, code_digest, identity_of
from .measuring import POSTERIOR, Task, measure_together
from .results import Evaluation, read_evaluation, title_of
from .summary import summarise
from .verdict import judge


@dataclass(frozen=True)
class Job:
    """An evaluation to make.

    Attributes:
        result: what is known before anything is scored.
        task: what to score.
        file: where the result goes.
    """

    result: Evaluation
    task: Task
    file: Path


def scored(result: Evaluation, task: Task, file: Path) -> Evaluation:
    """Return the evaluation with its scores, written and drawn; scores that `file` holds of the
    same predictions are taken from it."""
    return scored_together([Job(result, task, file)])[0]


def scored_together(jobs: Sequence[Job]) -> list[Evaluation]:
    """Return evaluations of one model's predictions with their scores, written and drawn.

    Predictions of the same clips are made once. Scores that a file holds of the same predictions
    are taken from it.
    """
    found: dict[Path, Evaluation] = {}
    waiting: dict[tuple[int, int, int], list[Job]] = {}
    for job in jobs:
        identity = _identity(job)
        if (known := _known(job.file, identity)) is not None:
            found[job.file] = dataclasses.replace(
                known,
                protocol=job.result.protocol,
                run=job.result.run,
                submission=job.result.submission,
            )
        else:
            named = dataclasses.replace(job.result, identity=identity)
            waiting.setdefault(job.task.clips_drawn, []).append(Job(named, job.task, job.file))
    for same_clips in waiting.values():
        measured = _measured(same_clips)
        found |= {job.file: result for job, result in zip(same_clips, measured, strict=True)}
    for file, result in found.items():
        draw_per_frame(result, file.with_suffix(".svg"))
        write_json(file, result.to_dict())  # the last: with it the evaluation counts as done
        ScoreCache(file.parent, str(result.identity)).forget()
    return [found[job.file] for job in jobs]


def _identity(job: Job) -> str:
    """A digest of everything that the scores depend on."""
    result, task = job.result, job.task
    return identity_of(
        {
            "model": result.run.weights,
            "data": result.data.content,
            "split": result.split,
            "samples": task.samples,
            "seed": task.seed,
            "protocol": task.protocol.name,
            "words": task.protocol.in_words(),
            "clips": (task.n_past, task.windows.length, dict(result.run.notes)),
            "metrics": [metric.name for metric in task.protocol.all_metrics()],
            "weights": {name: used.sha256 for name, used in result.weights.items()},
            "baselines": list(task.baselines),
            "threads": torch.get_num_threads(),
            "device": str(task.device),
            "code": code_digest(),
        }
    )


def _measured(jobs: Sequence[Job]) -> list[Evaluation]:
    """The evaluations with the figures of what was measured, all on the same clips."""
    kept = [ScoreCache(job.file.parent, str(job.result.identity)) for job in jobs]
    with progress("evaluating", jobs[0].result.clips, "clips") as advance, keep_freed_memory():
        tasks = [(job.task, cache) for job, cache in zip(jobs, kept, strict=True)]
        tallies = measure_together(tasks, advance)
    results = []
    for job, tally in zip(jobs, tallies, strict=True):
        figures = summarise(job.task, tally)
        values = {f.name: getattr(figures, f.name) for f in dataclasses.fields(figures)}
        result = dataclasses.replace(job.result, **values)
        results.append(dataclasses.replace(result, verdict=judge(result)))
    return results


def _known(file: Path, identity: str) -> Evaluation | None:
    """The evaluation in a file, if it is of exactly these predictions."""
    if not file.is_file():
        return None
    try:
        found = read_evaluation(file)
    except InputError:
        return None  # damaged: it is written anew
    return found if found.identity == identity else None


def draw_per_frame(result: Evaluation, path: Path) -> Path:
    """Draw the scores of each predicted frame, beside those of the world and of the baselines."""
    panels = {metric.heading: _lines(result, metric) for metric in result.metrics()}
    return curves.per_frame(panels, result.protocol.n_past, path)


def _lines(result: Evaluation, metric: Metric) -> list[curves.Line]:
    model = result.scores[metric.name]
    lines = [curves.Line("model", model.per_frame, palette.MODEL, band=model.band)]
    if result.samples > 1 and metric.name in result.best_of:
        best = result.best_of[metric.name].per_frame
        lines.append(curves.Line("best of samples", best, palette.BEST))
    if result.world is not None and metric.name in result.world.scores:
        world = result.world.scores[metric.name]
        title = "the world itself"
        lines.append(curves.Line(title, world.per_frame, palette.WORLD, band=world.band))
    plain = (name for name in result.baselines if name != POSTERIOR)
    colours = dict(zip(plain, palette.BASELINES * len(result.baselines), strict=False))
    for name, scores in result.baselines.items():
        if metric.name in scores:
            values, colour = scores[metric.name].per_frame, colours.get(name, palette.POSTERIOR)
            lines.append(curves.Line(title_of(name), values, colour, name == POSTERIOR))
    return lines
