"""Compare runs and predictions on the same clips, evaluating what has no scores yet."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from .. import models
from ..data.store import ClipStore
from ..data.windows import Windows
from ..errors import InputError
from ..evaluation.costs import Costs, costs_of
from ..evaluation.evaluating import clip_windows, evaluate, result_file
from ..evaluation.external.clip_lists import clips_of
from ..evaluation.external.evaluating import KIND, evaluate_predictions, reopened
from ..evaluation.predicting import sample_futures
from ..evaluation.protocol import find_protocol
from ..evaluation.results import Evaluation, read_evaluation
from ..noise import Noise, clip_seeds
from ..runtime import hardware
from ..training.folder import training_time
from .comparison_files import write_comparison
from .run_comparison import Entry, RunComparison, compared

Predict = Callable[[Sequence[int], int], Tensor]
"""Clips' numbers and how many samples: [B, N, S, C, H, W] in [0, 1]."""


@dataclasses.dataclass(frozen=True)
class _Setting:
    """What all entries are scored on, and how."""

    store: ClipStore
    split: str
    protocol: str
    samples: int | None
    seed: int
    out: Path


def compare(
    runs: Sequence[str | Path],
    data: str | Path,
    out: str | Path,
    split: str = "test",
    protocol: str = "foreframe",
    samples: int | None = None,
    seed: int = 0,
) -> RunComparison:
    """Compare runs and predictions on the same clips, and write tables, curves and a page.

    Differences are paired clip by clip, with 95 % intervals over episodes. Scores that are there
    are taken, if they are of these clips; the others are made.

    Args:
        runs: run folders, `eval.json` files, and predictions (see `evaluate_predictions`); the
            first is the one that others are compared with.
        data: a clip store.
        out: folder for the comparison.
        split: train, validate or test.
        protocol: {protocols}.
        samples: futures of each clip; the protocol's number by default, all there are of
            predictions.
        seed: of the noise.

    Returns:
        What was found, which `comparison.json` holds too.

    Raises:
        InputError: fewer than two entries, none of a known kind, or entries of other clips.
    """
    if len(runs) < 2:
        raise InputError(f"{len(runs)} runs were given; expected at least two to compare")
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; expected a folder: choose another --out")
    setting = _Setting(ClipStore(data), split, protocol, samples, seed, folder)
    paths = [Path(run) for run in runs]
    _check_there(paths)
    names = _names(paths)
    # runs first: predictions take context and horizon from them
    scored = {p: _evaluated(p, n, setting, ()) for p, n in zip(paths, names) if not _predicted(p)}
    known = tuple(scored.values())
    scored |= {p: _evaluated(p, n, setting, known) for p, n in zip(paths, names) if _predicted(p)}
    entries = [_entry(path, name, scored[path], setting) for path, name in zip(paths, names)]
    _check_data(entries, setting.store)
    windows = _windows(entries[0].evaluation, setting)
    found = compared(entries, windows.sessions(), str(folder))
    predict = {entry.name: p for entry in entries if (p := _predictor(entry, setting, windows))}
    write_comparison(found, windows, predict)
    return found


def _check_there(paths: Sequence[Path]) -> None:
    for path in paths:
        if not path.exists():
            raise InputError(
                f"{path} does not exist; expected a run folder, an eval.json, or predictions "
                "(.npz, .npy or a folder)"
            )


def _names(paths: Sequence[Path]) -> list[str]:
    """A name for each: of the folder or file, with its parent's where two are the same."""
    short = [_name(path) for path in paths]
    long = [str(path) if short.count(name) > 1 else name for path, name in zip(paths, short)]
    if len(set(long)) != len(long):
        raise InputError(f"{next(n for n in long if long.count(n) > 1)} was given twice")
    return long


def _name(path: Path) -> str:
    resolved = path.resolve()
    if resolved.suffix == ".json":
        stem = resolved.name.removesuffix(".json")
        return resolved.parent.name if stem.startswith("eval") else stem.split(".eval")[0]
    return resolved.name if resolved.is_dir() else resolved.stem


def _is_run(path: Path) -> bool:
    return (path / models.WEIGHTS).is_file()


def _predicted(path: Path) -> bool:
    return not _is_run(path) and path.suffix != ".json"


def _evaluated(path: Path, name: str, setting: _Setting, known: Sequence[Evaluation]) -> Evaluation:
    if path.suffix == ".json":
        return read_evaluation(path)
    file = setting.out / "scores" / f"{name.replace('/', '_')}.json"
    common = {"split": setting.split, "protocol": setting.protocol, "samples": setting.samples}
    if _is_run(path):
        there = _there(result_file(path, setting.protocol, None), path, setting)
        if there is not None:
            return there
        return evaluate(path, setting.store.path, seed=setting.seed, out=file, **common)  # type: ignore[arg-type]
    lengths = {} if not known else _lengths(known[0], setting.protocol)
    return evaluate_predictions(path, setting.store.path, out=file, **lengths, **common)  # type: ignore[arg-type]


def _lengths(known: Evaluation, protocol: str) -> dict[str, int]:
    """Context and horizon of a run, where the protocol leaves them to it."""
    chosen, used = find_protocol(protocol), known.protocol
    lengths = {"n_past": used.n_past, "horizon": used.horizon}
    return {name: n for name, n in lengths.items() if getattr(chosen, name) is None}


def _there(file: Path, run: Path, setting: _Setting) -> Evaluation | None:
    """The scores that a run has already, if they are of these weights, clips and samples."""
    if not file.is_file():
        return None
    try:
        found = read_evaluation(file)
    except InputError:
        return None
    count = find_protocol(setting.protocol).samples if setting.samples is None else setting.samples
    same = (
        found.data.content == setting.store.content
        and found.run.weights == models.describe(run)["tensors"]
        and (found.split, found.seed, found.samples) == (setting.split, setting.seed, count)
        and len(found.per_clip) == found.clips
    )
    return found if same else None


def _check_data(entries: Sequence[Entry], store: ClipStore) -> None:
    for entry in entries:
        if entry.evaluation.data.content != store.content:
            raise InputError(
                f"{entry.name} was scored on {entry.evaluation.data.store} with the content "
                f"{entry.evaluation.data.content[:12]}; {store.path} has {store.content[:12]}: "
                "score it on this store"
            )


def _windows(first: Evaluation, setting: _Setting) -> Windows:
    """The clips of all entries."""
    used = first.protocol
    lengths = _lengths(first, used.name)
    windows, _ = clips_of(
        setting.store,
        first.split,
        find_protocol(used.name),
        lengths.get("n_past"),
        lengths.get("horizon"),
    )
    return windows


def _entry(path: Path, name: str, evaluation: Evaluation, setting: _Setting) -> Entry:
    run = Path(evaluation.run.folder)
    if not _same_model(run, evaluation):
        return Entry(name, str(path), evaluation)
    return Entry(name, str(path), evaluation, _costs(run, evaluation, setting), training_time(run))


def _same_model(run: Path, evaluation: Evaluation) -> bool:
    """Whether the run of some scores is there, and has the weights that were scored."""
    return _is_run(run) and models.describe(run)["tensors"] == evaluation.run.weights


def _costs(run: Path, evaluation: Evaluation, setting: _Setting) -> Costs:
    model = models.load(run).to(hardware.device())
    chosen = find_protocol(evaluation.protocol.name)
    windows, n_past = clip_windows(models.describe(run), setting.store, evaluation.split, chosen)
    return costs_of(model, windows, n_past, evaluation.samples)


def _predictor(entry: Entry, setting: _Setting, windows: Windows) -> Predict | None:
    """What predicts clips again for pictures, if the run or the predictions are still there."""
    evaluation = entry.evaluation
    source, used = Path(evaluation.run.folder), evaluation.protocol
    if evaluation.run.model == KIND:
        made = reopened(evaluation, windows)
        return None if made is None else made.read
    if not _same_model(source, evaluation):
        return None
    described, model = models.describe(source), models.load(source).to(hardware.device())
    own, _ = clip_windows(described, setting.store, evaluation.split, find_protocol(used.name))

    def predict(clips: Sequence[int], samples: int) -> Tensor:
        noise = Noise(clip_seeds(evaluation.seed, clips), samples)
        clip = own.clips(clips).to(hardware.device())
        with torch.no_grad():
            return sample_futures(model, clip, used.n_past, noise).cpu()

    return predict
