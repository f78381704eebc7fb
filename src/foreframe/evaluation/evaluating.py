"""Score a run under a named protocol, beside its baselines."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import models
from ..baselines import Baseline, TrainingStatistics
from ..clips import Batch
from ..data.store import ClipStore
from ..data.windows import Windows
from ..errors import InputError
from ..metrics import Metric
from ..model import Model
from ..noise import Noise, clip_seeds
from ..plugins import BASELINES
from ..runtime import hardware
from ..runtime.files import write_json
from ..runtime.memory import keep_freed_memory
from ..runtime.progress import progress
from ..viz import curves, palette
from .cache import ScoreCache, code_digest, identity_of
from .predicting import sample_futures
from .protocol import Protocol, find_protocols
from .results import (
    Evaluation,
    ScoredData,
    ScoredRun,
    UsedProtocol,
    read_evaluation,
    title_of,
)
from .scores import POSTERIOR, Futures, Task, measure_together
from .submission import write_submission
from .summary import summarise
from .verdict import judge
from .weights import equip, read_weights

__all__ = ["EVAL", "check_data", "clip_windows", "draw_per_frame", "evaluate", "result_file"]

EVAL = "eval.json"  # by the protocol foreframe, in a run


def evaluate(
    run: str | Path,
    data: str | Path,
    split: str = "test",
    protocol: str = "foreframe",
    samples: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    submission: str | Path | None = None,
    weights: tuple[str, ...] = (),
) -> Evaluation:
    """Score a run on every clip of a split, beside its baselines on the same clips, and draw the
    scores per frame.

    Every metric that is found is scored: {metrics}. The same call resumes where it was stopped.

    Args:
        run: a run folder.
        data: a clip store.
        split: train, validate or test.
        protocol: {protocols}; several with commas between them score the same predictions, as far
            as their clips are the same.
        samples: futures drawn for each clip; the protocol's number by default.
        seed: of the noise.
        out: where to write the JSON; in the run by default, `eval.json` or, by another protocol,
            `eval-PROTOCOL.json`. Of several protocols, the first one's.
        submission: where to write predictions as the pose coursework wants them (CSV), for withheld
            sequences too.
        weights: files of the weights that LPIPS and FVD need: state dicts (.pt, .pth, .safetensors).

    Returns:
        The scores under the first protocol, which `eval.json` holds too; those under the others are
        in `restated`. Where the split's frames are withheld only the submission is written, and
        `clips` is 0.

    Raises:
        InputError: not a run, not a store, clips of another kind than the run was trained on;
            episodes too short for a protocol; the split's frames are withheld and no submission is
            asked for; a file that holds no weights.
    """
    protocols, given_weights = find_protocols(protocol), read_weights(weights)
    described, store, chosen = models.describe(run), ClipStore(data), protocols[0]
    device = hardware.device()
    model = models.load(run).to(device)
    check_data(model, store, str(run))
    if samples is not None and samples < 1:
        raise InputError(f"--samples is {samples}; expected at least 1")
    written = None
    if submission is not None:
        given, n_past = clip_windows(described, store, split, chosen, withheld=True)
        written = str(write_submission(model, given, n_past, seed, device, Path(submission)))
    if withheld := all(episode.withheld for episode in store.of_split(split)):
        _check_withheld(store, split, written)
    baselines = _baselines(model, store, device)
    jobs = []
    for each in protocols:
        equipped = equip(each, given_weights)
        windows, n_past = clip_windows(described, store, split, each, withheld)
        count = each.samples if samples is None else samples
        task = Task(
            futures=_sampling(model, n_past, seed, count),
            model=model,
            baselines=baselines,
            windows=windows,
            protocol=equipped.protocol,
            n_past=n_past,
            samples=count,
            seed=seed,
            device=device,
            sets=equipped.sets,
        )
        result = Evaluation(
            protocol=used_protocol(task, model.spec.uses_future_state),
            data=ScoredData(str(store.path), store.content, store.source),
            split=split,
            clips=0 if withheld else len(windows),
            samples=count,
            seed=seed,
            run=ScoredRun(str(run), described["model"], described["notes"], described["tensors"]),
            environment=hardware.info(),
            submission=written,
            missing={**equipped.missing, **_too_short(task)},
            weights=equipped.used,
        )
        first = each is chosen
        jobs.append(Job(result, task, result_file(run, each.name, out if first else None)))
    if withheld:
        return jobs[0].result
    found, *others = scored_together(jobs)
    return dataclasses.replace(found, restated=tuple(others))


def _sampling(model: Model, n_past: int, seed: int, count: int) -> Futures:
    """Draws `count` futures of clips, whose noise depends on their numbers alone."""

    def futures(clip: Batch, indices: Sequence[int]) -> Tensor:
        return sample_futures(model, clip, n_past, Noise(clip_seeds(seed, indices), count))

    return futures


def _too_short(task: Task) -> dict[str, str]:
    """Why metrics of sets are not computed whose weights are there."""
    left = [metric for metric in task.sets if metric not in task.set_metrics]
    return {
        metric.name: f"too few frames: {metric.title} needs videos of at least {metric.least_frames}"
        for metric in left
    }


def _check_withheld(store: ClipStore, split: str, written: str | None) -> None:
    if written is None:
        raise InputError(
            f"the frames of split {split!r} of {store.path} are withheld: there is nothing to score; "
            "write predictions with --submission FILE, or take another --split"
        )


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
                known, run=job.result.run, submission=job.result.submission
            )
        else:
            named = dataclasses.replace(job.result, identity=identity)
            waiting.setdefault(job.task.clips_drawn, []).append(Job(named, job.task, job.file))
    for same_clips in waiting.values():
        measured = _measured(same_clips)
        found |= {job.file: result for job, result in zip(same_clips, measured, strict=True)}
    for file, result in found.items():
        write_json(file, result.to_dict())
        draw_per_frame(result, file.with_suffix(".svg"))
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
    for cache in kept:
        cache.forget()
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


def used_protocol(task: Task, future_states: bool) -> UsedProtocol:
    """Return the protocol as it comes out for a run."""
    windows, chosen = task.windows, task.protocol
    best_by = chosen.best_by()
    return UsedProtocol(
        name=chosen.name,
        about=chosen.about,
        n_past=task.n_past,
        horizon=windows.length - task.n_past,
        clip_starts="first frame" if chosen.every == 0 else f"every {windows.stride} frames",
        conditions=tuple(windows.columns),
        future_states_given=future_states,
        best_by=best_by.title if best_by else "",
        words=chosen.in_words(),
    )


def result_file(run: str | Path, protocol: str, out: str | Path | None) -> Path:
    """Return the file that the scores of a run are written to."""
    if out:
        return Path(out)
    return Path(run) / (EVAL if protocol == "foreframe" else f"eval-{protocol}.json")


def draw_per_frame(result: Evaluation, path: Path) -> Path:
    """Draw the scores of each predicted frame, beside those of the world and of the baselines."""
    panels = {metric.label: _lines(result, metric) for metric in result.metrics()}
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


def check_data(model: Model, store: ClipStore, run: str) -> None:
    """Raise an InputError if a store's clips are not of the kind that the model takes."""
    height, width, channels = store.frame_shape
    if (channels, height, width) != model.spec.frame:
        want = "x".join(str(n) for n in model.spec.frame[1:])
        raise InputError(
            f"{store.path} has pictures of {height}x{width}, the run {run} takes {want}: "
            f"import with --size {want.replace('x', ' ')}"
        )
    got = store.clip_spec(model.spec.columns).condition
    if got != model.spec.condition:
        columns = ", ".join(model.spec.columns)
        raise InputError(
            f"{store.path} has conditions of shape {list(got)}, "
            f"the run {run} takes {list(model.spec.condition)} ({columns})"
        )


def clip_windows(
    described: Mapping[str, Any],
    store: ClipStore,
    split: str,
    protocol: Protocol,
    withheld: bool = False,
) -> tuple[Windows, int]:
    """Return the clips that a protocol scores for a run, and how many frames of each are context.

    With `withheld` also clips whose future is withheld, which can be predicted but not scored.
    """
    n_past = protocol.n_past or described["notes"]["n_past"]
    horizon = protocol.horizon or described["notes"]["horizon"]
    length = n_past + horizon
    check_length(protocol, length, store, split)
    longest = max(episode.length for episode in store.of_split(split))
    every = length if protocol.every is None else protocol.every or max(longest, 1)
    given = n_past if withheld else None
    return Windows(store, split, length, described["spec"]["columns"], every, given), n_past


def check_length(protocol: Protocol, length: int, store: ClipStore, split: str) -> None:
    """Raise an InputError if no episode of a split is long enough for a protocol's clips."""
    longest = max(store.of_split(split), key=lambda episode: episode.length)
    if longest.length < length:
        raise InputError(
            f"protocol {protocol.name} needs clips of {length} frames (context + horizon), but the "
            f"longest episode of split {split!r} in {store.path} has {longest.length} "
            f"({longest.name}): take another --protocol or --split"
        )


def _baselines(model: Model, store: ClipStore, device: torch.device) -> dict[str, Model]:
    """All baselines that are found, fitted to the training split."""
    mean = torch.from_numpy(store.mean_frame()).movedim(-1, 0)
    found = {}
    for name in BASELINES.names():
        baseline = models.build(name, model.spec, {})
        if isinstance(baseline, Baseline):
            baseline.fit(TrainingStatistics(mean))
        found[name] = baseline.eval().to(device)
    return found
