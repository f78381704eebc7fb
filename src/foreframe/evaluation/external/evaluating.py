"""Score predictions that another tool made, with the same metrics, floors, ceilings and verdict."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from ...clips import Batch
from ...data.store import ClipStore
from ...data.windows import Windows
from ...errors import InputError
from ...runtime import hardware
from ...runtime.progress import progress
from ..evaluating import EVAL, beside, fitted_baselines, used_protocol
from ..measuring import Task
from ..protocol import Protocol, find_protocols
from ..provenance import ScoredData, ScoredRun, UsedProtocol
from ..results import Evaluation
from ..scoring import Job, scored_together
from ..weights import Equipped, equip, read_weights
from .clip_lists import clips_of
from .exported_clips import ExportedClips, read_exported
from .files import digest_of
from .reading import Expected, Predictions, open_predictions

KIND = "predictions"  # what stands for the model's name in results


def evaluate_predictions(
    predictions: str | Path,
    data: str | Path,
    split: str = "test",
    protocol: str = "foreframe",
    n_past: int | None = None,
    horizon: int | None = None,
    samples: int | None = None,
    layout: str | None = None,
    pixel_range: tuple[float, float] | None = None,
    out: str | Path | None = None,
    weights: tuple[str, ...] = (),
    clips: str | Path | None = None,
) -> Evaluation:
    """Score predictions of another tool on every clip of a split, as `evaluate` scores a run.

    Predictions are [clip, sample, time, height, width, channel], or without the samples; channels
    may come first. They are of the predicted frames alone, for the clips that `list_clips` lists,
    in this order. A file is mapped and read clip by clip.

    Args:
        predictions: an .npz (one array, or the one called `predictions`), an .npy, or a folder that
            holds for each clip a video, a folder of pictures, or a folder of samples of either
            kind.
        data: a clip store.
        split: train, validate or test.
        protocol: {protocols}; several with commas between them, of clips of the same lengths.
        n_past: context frames; needed where the protocol leaves them to the run.
        horizon: predicted frames; needed where the protocol leaves them to the run.
        samples: how many of the samples to score at most, the first; all by default.
        layout: the axes as letters, as in `BNTCHW`; found by their sizes by default.
        pixel_range: the numbers that are black and white, as in `-1 1`; found by default.
        out: where to write the JSON; beside the predictions by default. Of several protocols, the
            first one's.
        weights: files of the weights that LPIPS and FVD need: state dicts (.pt, .pth or
            .safetensors).
        clips: the npz of `export_clips` that they were predicted from. Its lengths are taken where
            none are given, and its conditions are kept with the scores; without it they are
            unknown.

    Returns:
        The scores under the first protocol; those under the others are in `restated`.

    Raises:
        InputError: predictions of another shape or number of clips, of NaN, of no known range, or
            that cannot be read; not a store.
    """
    store, path, given = ClipStore(data), Path(predictions), read_weights(weights)
    protocols = find_protocols(protocol)
    exported = None if clips is None else read_exported(clips)
    opened: dict[tuple[int, int], Predictions] = {}
    jobs = []
    for each in protocols:
        lengths = _lengths(each, n_past, horizon, exported)
        windows, seen = clips_of(store, split, each, *lengths)
        if exported is not None:
            exported.check(Path(str(clips)), windows, seen)
        size = (len(windows), windows.length)
        if size not in opened:
            opened[size] = _opened(path, windows, seen, layout, pixel_range)
        found, equipped = opened[size], equip(each, given)
        task = _task(found, windows, seen, equipped, _samples(found, samples))
        result = Evaluation(
            protocol=_given(used_protocol(task, False), exported),
            data=ScoredData(str(store.path), store.content, store.source),
            split=split,
            clips=len(windows),
            samples=task.samples,
            seed=0,
            run=ScoredRun(str(path), KIND, found.notes, found.digest),
            environment=hardware.info(),
            missing={**equipped.missing, **task.too_short()},
            weights=equipped.used,
        )
        where = out if each is protocols[0] else beside(out, each.name)
        jobs.append(Job(result, task, predictions_result(path, each.name, where)))
    first, *others = scored_together(jobs)
    return dataclasses.replace(first, restated=tuple(others))


def predictions_result(predictions: str | Path, protocol: str, out: str | Path | None) -> Path:
    """Return the file that the scores of predictions are written to."""
    if out:
        return Path(out)
    path = Path(predictions)
    end = EVAL if protocol == "foreframe" else f"eval-{protocol}.json"
    return path.with_name(f"{path.name.removesuffix(path.suffix)}.{end}")


def reopened(evaluation: Evaluation, windows: Windows) -> Predictions | None:
    """Return the predictions that were scored; None if they are gone, or changed since then."""
    path, notes = Path(evaluation.run.folder), evaluation.run.notes
    if not path.exists() or digest_of(path) != evaluation.run.weights:
        return None
    layout = str(notes["layout"]).split()[0]
    return _opened(path, windows, evaluation.protocol.n_past, layout, tuple(notes["range"]))


def _lengths(
    protocol: Protocol, n_past: int | None, horizon: int | None, exported: ExportedClips | None
) -> tuple[int | None, int | None]:
    """Context and horizon that were given; of the exported clips where the protocol has none."""
    if exported is None:
        return n_past, horizon
    seen = exported.n_past if protocol.n_past is None else None
    ahead = exported.horizon if protocol.horizon is None else None
    return (seen if n_past is None else n_past), (ahead if horizon is None else horizon)


def _given(used: UsedProtocol, exported: ExportedClips | None) -> UsedProtocol:
    """The protocol with the conditions that the predictions were made from, as far as is said."""
    if exported is None:
        return dataclasses.replace(used, conditions_known=False)
    return dataclasses.replace(
        used, conditions=exported.conditions, future_states_given=exported.future_states
    )


def _opened(
    path: Path,
    windows: Windows,
    n_past: int,
    layout: str | None,
    pixel_range: tuple[float, float] | None,
) -> Predictions:
    height, width, channels = windows.store.frame_shape
    expected = Expected(len(windows), n_past, windows.length - n_past, height, width, channels)
    with progress("reading", len(windows), "clips") as advance:
        return open_predictions(path, expected, layout, pixel_range, advance)


def _samples(opened: Predictions, wanted: int | None) -> int:
    if wanted is not None and wanted < 1:
        raise InputError(f"--samples is {wanted}; expected at least 1")
    return min(wanted or opened.samples, opened.samples)


def _task(
    opened: Predictions, windows: Windows, n_past: int, equipped: Equipped, samples: int
) -> Task:
    device = hardware.device()

    def futures(clip: Batch, indices: Sequence[int]) -> Tensor:
        return opened.read(indices, samples).to(device)

    return Task(
        futures=futures,
        model=None,
        baselines=fitted_baselines(windows.spec, windows.store, device),
        windows=windows,
        protocol=equipped.protocol,
        n_past=n_past,
        samples=samples,
        seed=0,
        device=device,
        sets=equipped.sets,
    )
