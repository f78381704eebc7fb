"""Score a run under a named protocol, beside its baselines."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import models
from ..baselines import Baseline, TrainingStatistics
from ..clips import Batch, ClipSpec
from ..data.store import ClipStore
from ..data.windows import Windows
from ..errors import InputError, InputWarning
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
from .protocol import Protocol, find_protocol
from .results import (
    Evaluation,
    ScoredData,
    ScoredRun,
    UsedProtocol,
    read_evaluation,
    title_of,
)
from .scores import POSTERIOR, Task, measure
from .submission import write_submission
from .summary import summarise
from .verdict import judge

__all__ = [
    "EVAL",
    "check_data",
    "clip_windows",
    "draw_per_frame",
    "evaluate",
    "fitted_baselines",
    "protocol_clips",
    "result_file",
    "scored",
    "used_protocol",
]

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
) -> Evaluation:
    """Score a run on every clip of a split, beside its baselines on the same clips, and draw the
    scores per frame.

    Every metric that is found is scored: {metrics}. The same call resumes where it was stopped.

    Args:
        run: a run folder.
        data: a clip store.
        split: train, validate or test.
        protocol: {protocols}.
        samples: futures drawn for each clip; the protocol's number by default.
        seed: of the noise.
        out: where to write the JSON; in the run by default, `eval.json` or, by another protocol,
            `eval-PROTOCOL.json`.
        submission: where to write predictions as the pose coursework wants them (CSV), for withheld
            sequences too.

    Returns: The scores, which `eval.json` holds too. Where the split's frames are withheld only the
        submission is written, and `clips` is 0.

    Raises: InputError: not a run, not a store, clips of another kind than the run was trained on;
        the split's frames are
            withheld and no submission is asked for.
    """
    described, store, chosen = models.describe(run), ClipStore(data), find_protocol(protocol)
    device = hardware.device()
    model = models.load(run).to(device)
    check_data(model, store, str(run))
    count = chosen.samples if samples is None else samples
    if count < 1:
        raise InputError(f"--samples is {count}; expected at least 1")
    written = None
    if submission is not None:
        given, n_past = clip_windows(described, store, split, chosen, withheld=True)
        written = str(write_submission(model, given, n_past, seed, device, Path(submission)))
    if withheld := all(episode.withheld for episode in store.of_split(split)):
        _check_withheld(store, split, written)
    windows, n_past = clip_windows(described, store, split, chosen, withheld)

    def futures(clip: Batch, indices: Sequence[int]) -> Tensor:
        return sample_futures(model, clip, n_past, Noise(clip_seeds(seed, indices), count))

    task = Task(
        futures=futures,
        model=model,
        baselines=fitted_baselines(model.spec, store, device),
        windows=windows,
        protocol=chosen,
        n_past=n_past,
        samples=count,
        seed=seed,
        device=device,
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
    )
    return result if withheld else scored(result, task, result_file(run, protocol, out))


def _check_withheld(store: ClipStore, split: str, written: str | None) -> None:
    if written is None:
        raise InputError(
            f"the frames of split {split!r} of {store.path} are withheld: there is nothing to score; "
            "write predictions with --submission FILE, or take another --split"
        )


def scored(result: Evaluation, task: Task, file: Path) -> Evaluation:
    """Return the evaluation with its scores, written and drawn; scores that `file` holds of the
    same predictions are taken from it."""
    identity = identity_of(
        {
            "model": result.run.weights,
            "data": result.data.content,
            "split": result.split,
            "samples": task.samples,
            "seed": task.seed,
            "protocol": task.protocol.name,
            "clips": (task.n_past, task.windows.length, dict(result.run.notes)),
            "metrics": [metric.name for metric in task.protocol.all_metrics()],
            "baselines": list(task.baselines),
            "threads": torch.get_num_threads(),
            "device": str(task.device),
            "code": code_digest(),
        }
    )
    if (known := _known(file, identity)) is not None:
        result = dataclasses.replace(known, run=result.run, submission=result.submission)
    else:
        result = _measured(dataclasses.replace(result, identity=identity), task, file.parent)
    write_json(file, result.to_dict())
    draw_per_frame(result, file.with_suffix(".svg"))
    return result


def _measured(result: Evaluation, task: Task, folder: Path) -> Evaluation:
    kept = ScoreCache(folder, str(result.identity))
    with progress("evaluating", result.clips, "clips") as advance, keep_freed_memory():
        found = summarise(task, measure(task, kept, advance))
    values = {f.name: getattr(found, f.name) for f in dataclasses.fields(found)}
    result = dataclasses.replace(result, **values)
    kept.forget()
    return dataclasses.replace(result, verdict=judge(result))


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
    """Return the protocol as it comes out for what is scored."""
    windows, chosen = task.windows, task.protocol
    return UsedProtocol(
        name=chosen.name,
        about=chosen.about,
        n_past=task.n_past,
        horizon=windows.length - task.n_past,
        clip_starts="first frame" if chosen.every == 0 else f"every {windows.stride} frames",
        conditions=tuple(windows.columns),
        future_states_given=future_states,
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
    """Raise an InputError if a store's clips are not of the kind that the model takes.

    Numbers of a condition that lie in another order are matched by name, with an `InputWarning`.
    """
    height, width, channels = store.frame_shape
    if (channels, height, width) != model.spec.frame:
        want = "x".join(str(n) for n in model.spec.frame[1:])
        raise InputError(
            f"{store.path} has pictures of {height}x{width}, the run {run} takes {want}: "
            f"import with --size {want.replace('x', ' ')}"
        )
    got = store.clip_spec(model.spec.columns, model.spec.names).condition
    if got != model.spec.condition:
        columns = ", ".join(model.spec.columns)
        raise InputError(
            f"{store.path} has conditions of shape {list(got)}, "
            f"the run {run} takes {list(model.spec.condition)} ({columns})"
        )
    _say_other_order(model.spec, store, run)


def _say_other_order(spec: ClipSpec, store: ClipStore, run: str) -> None:
    """Warn if the numbers of a condition lie in another order in the store than the run takes."""
    there = store.clip_spec(spec.columns).names
    if spec.names and there != spec.names:
        warnings.warn(
            f"{store.path} has the numbers {', '.join(there)}, the run {run} takes "
            f"{', '.join(spec.names)}: they are matched by name, in the run's order",
            InputWarning,
            stacklevel=3,
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
    spec, given = described["spec"], n_past if withheld else None
    clips = protocol_clips(
        store, split, protocol, n_past + horizon, spec["columns"], spec.get("names", ()), given
    )
    return clips, n_past


def protocol_clips(
    store: ClipStore,
    split: str,
    protocol: Protocol,
    length: int,
    columns: Sequence[str] = (),
    numbers: Sequence[str] = (),
    visible: int | None = None,
) -> Windows:
    """Return the clips of a length that a protocol scores; the other arguments are those of
    `Windows`."""
    longest = max(episode.length for episode in store.of_split(split))
    every = length if protocol.every is None else protocol.every or max(longest, 1)
    return Windows(store, split, length, columns, every, visible, numbers=numbers)


def fitted_baselines(spec: ClipSpec, store: ClipStore, device: torch.device) -> dict[str, Model]:
    """Return all baselines that are found, fitted to the training split."""
    mean = torch.from_numpy(store.mean_frame()).movedim(-1, 0)
    found = {}
    for name in BASELINES.names():
        baseline = models.build(name, spec, {})
        if isinstance(baseline, Baseline):
            baseline.fit(TrainingStatistics(mean))
        found[name] = baseline.eval().to(device)
    return found
