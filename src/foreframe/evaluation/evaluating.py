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
from ..hub import meant_model
from ..model import Model
from ..noise import Noise, clip_seeds
from ..plugins import BASELINES
from ..runtime import hardware
from .measuring import Futures, Task
from .predicting import sample_futures
from .protocol import Protocol, find_protocols
from .provenance import ScoredData, ScoredRun, UsedProtocol
from .results import Evaluation
from .scoring import Job, draw_per_frame, scored, scored_together
from .submission import write_submission
from .weights import equip, read_weights

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
    "scored_together",
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
    weights: tuple[str, ...] = (),
) -> Evaluation:
    """Score a run on every clip of a split, beside its baselines on the same clips, and draw the
    scores per frame.

    Every metric that is found is scored: {metrics}. The same call resumes where it was stopped.

    Args:
        run: a run folder, or `org/name` on the hub.
        data: a clip store.
        split: train, validate or test.
        protocol: {protocols}; several with commas between them score the same predictions, as far
            as their clips are the same.
        samples: futures drawn for each clip; the protocol's number by default.
        seed: of the noise.
        out: where to write the JSON; in the run by default, `eval.json` or, by another protocol,
            `eval-PROTOCOL.json`. Of several protocols, the first one's; the others' files lie
            beside it.
        submission: where to write predictions as the pose coursework wants them (CSV), for withheld
            sequences too.
        weights: files of the weights that LPIPS and FVD need: state dicts (.pt, .pth or
            .safetensors).

    Returns:
        The scores under the first protocol, which `eval.json` holds too; those under the others are
        in `restated`. Where the split's frames are withheld only the submission is written, and
        `clips` is 0.

    Raises:
        InputError: not a run, not a store, clips of another kind than the run was trained on;
            episodes too short for a protocol; the split's frames are withheld and no submission is
            asked for; a file that holds no weights.
    """
    result_file(run, "foreframe", out)  # before the work
    protocols, given_weights = find_protocols(protocol), read_weights(weights)
    described, store, chosen = models.describe(run), ClipStore(data), protocols[0]
    device, episodes = hardware.device(), store.of_split(split)
    model = models.load(run).to(device)
    check_data(model, store, str(run))
    if samples is not None and samples < 1:
        raise InputError(f"--samples is {samples}; expected at least 1")
    written = None
    if submission is not None:
        given, n_past = clip_windows(described, store, split, chosen, withheld=True)
        written = str(write_submission(model, given, n_past, seed, device, Path(submission)))
    if withheld := all(episode.withheld for episode in episodes):
        _check_withheld(store, split, written)
    baselines = fitted_baselines(model.spec, store, device)
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
            missing={**equipped.missing, **task.too_short()},
            weights=equipped.used,
        )
        where = out if each is chosen else beside(out, each.name)
        jobs.append(Job(result, task, result_file(run, each.name, where)))
    if withheld:
        return jobs[0].result
    found, *others = scored_together(jobs)
    return dataclasses.replace(found, restated=tuple(others))


def _sampling(model: Model, n_past: int, seed: int, count: int) -> Futures:
    """Draws `count` futures of clips, whose noise depends on their numbers alone."""

    def futures(clip: Batch, indices: Sequence[int]) -> Tensor:
        return sample_futures(model, clip, n_past, Noise(clip_seeds(seed, indices), count))

    return futures


def _check_withheld(store: ClipStore, split: str, written: str | None) -> None:
    if written is None:
        raise InputError(
            f"the frames of split {split!r} of {store.path} are withheld: "
            "there is nothing to score; "
            "write predictions with --submission FILE, or take another --split"
        )


def used_protocol(task: Task, future_states: bool) -> UsedProtocol:
    """Return the protocol as it comes out for what is scored."""
    windows, chosen = task.windows, task.protocol
    best_by, horizon = chosen.best_by(), windows.length - task.n_past
    resolved = dataclasses.replace(
        chosen, n_past=task.n_past, horizon=horizon, samples=task.samples
    )
    words = resolved.in_words()
    if task.model is None:
        words["samples"] = f"{task.samples} for each clip, as they were given"
    return UsedProtocol(
        name=chosen.name,
        about=chosen.about,
        n_past=task.n_past,
        horizon=horizon,
        clip_starts="first frame" if chosen.every == 0 else f"every {windows.stride} frames",
        conditions=tuple(windows.columns),
        future_states_given=future_states,
        best_by=best_by.title if best_by else "",
        words=words,
    )


def result_file(run: str | Path, protocol: str, out: str | Path | None) -> Path:
    """Return the file that the scores of a run are written to.

    Raises:
        InputError: the run is on the hub, and no file was said.
    """
    if out:
        return Path(out)
    if meant_model(run):
        raise InputError(f"{run} is on the hub; expected --out FILE, where its scores are written")
    return Path(run) / (EVAL if protocol == "foreframe" else f"eval-{protocol}.json")


def beside(out: str | Path | None, protocol: str) -> Path | None:
    """Return the file for another protocol's scores beside one that was asked for.

    >>> beside("scores/eval.json", "mcvd").as_posix()
    'scores/eval-mcvd.json'
    """
    return Path(out).with_stem(f"{Path(out).stem}-{protocol}") if out else None


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
    trained = models.trained_clip(described)
    n_past = protocol.n_past or trained.n_past
    horizon = protocol.horizon or trained.horizon
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
    `Windows`.

    Raises:
        InputError: no episode is long enough.
    """
    check_length(protocol, length, store, split)
    longest = max(episode.length for episode in store.of_split(split))
    every = length if protocol.every is None else protocol.every or max(longest, 1)
    return Windows(store, split, length, columns, every, visible, numbers=numbers)


def check_length(protocol: Protocol, length: int, store: ClipStore, split: str) -> None:
    """Raise an InputError if no episode of a split is long enough for a protocol's clips."""
    longest = max(store.of_split(split), key=lambda episode: episode.length)
    if longest.length < length:
        raise InputError(
            f"protocol {protocol.name} needs clips of {length} frames (context + horizon), but the "
            f"longest episode of split {split!r} in {store.path} has {longest.length} "
            f"({longest.name}): take another --protocol or --split"
        )


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
