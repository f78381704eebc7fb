"""Evaluation: named protocols, honest figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from .. import models
from ..data.store import ClipStore
from ..data.windows import Windows
from ..errors import InputError
from ..model import Model
from ..runtime import hardware
from ..runtime.files import write_json
from ..runtime.memory import keep_freed_memory
from ..runtime.progress import progress
from ..viz import curves
from .cache import ScoreCache
from .protocol import Protocol, find_protocol
from .scores import score
from .submission import write_submission

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
) -> dict[str, Any]:
    """Score a run on every clip of a split, beside its baselines on the same clips, and draw the scores per frame.

    The same call goes on where it was stopped.

    Args:
        run: a run folder.
        data: a clip store.
        split: train, validate or test.
        protocol: foreframe, long, lab-svg or lab-pose.
        samples: futures drawn for each clip; the protocol's number by default.
        seed: of the noise.
        out: where to write the JSON; in the run by default, `eval.json` or, by another protocol, `eval-PROTOCOL.json`.
        submission: where to write predictions as the pose coursework wants them (CSV), for withheld sequences too.

    Raises:
        InputError: not a run, not a store, clips of another kind than the run was trained on; the split's frames are
            withheld and no submission is asked for.
    """
    described, store = models.describe(run), ClipStore(data)
    chosen = find_protocol(protocol)
    device = hardware.device()
    model = models.load(run).to(device)
    check_data(model, store, str(run))
    count = chosen.samples if samples is None else samples
    if count < 1:
        raise InputError(f"--samples is {count}; expected at least 1")
    handed_in = {}
    if submission is not None:
        given, n_past = clip_windows(described, store, split, chosen, withheld=True)
        handed_in["submission"] = str(
            write_submission(model, given, n_past, seed, device, Path(submission))
        )
    if all(episode.withheld for episode in store.of_split(split)):
        if submission is None:
            raise InputError(
                f"the frames of split {split!r} of {store.path} are withheld: there is nothing to score; "
                "write predictions with --submission FILE, or take another --split"
            )
        return handed_in
    windows, n_past = clip_windows(described, store, split, chosen)
    baselines = {
        "copy_last": models.build("copy_last", model.spec, {}),
        "mean_frame": _mean_frame(model, store),
    }
    still = {name: baseline.eval().to(device) for name, baseline in baselines.items()}
    identity = {
        "model": described["tensors"],
        "data": store.content,
        "split": split,
        "samples": count,
        "seed": seed,
    }
    how = {"protocol": chosen.name, "threads": torch.get_num_threads(), "device": str(device)}
    file = result_file(run, protocol, out)
    kept = ScoreCache(file.parent, identity | how)
    with progress("evaluating", len(windows), "clips") as advance, keep_freed_memory():
        found = score(model, still, windows, chosen, n_past, count, seed, device, kept, advance)
    result = {
        "protocol": {
            "name": chosen.name,
            "about": chosen.about,
            "n_past": n_past,
            "horizon": windows.length - n_past,
            "clip_starts": "first frame" if chosen.every == 0 else f"every {windows.every} frames",
            "conditions": list(windows.columns),
            "future_states_given": model.spec.uses_future_state,
            "z_from": "prior",
        },
        "data": {"store": str(store.path), "content": store.content, "source": store.source},
        "split": split,
        "clips": len(windows),
        "samples": count,
        "seed": seed,
        "run": {"folder": str(run), "model": described["model"], **described["notes"]},
        **found,
        **handed_in,
        "environment": hardware.info(),
    }
    write_json(file, result)
    draw_per_frame(result, file.with_suffix(".svg"))
    kept.forget()
    return result


def result_file(run: str | Path, protocol: str, out: str | Path | None) -> Path:
    """Where the scores of a run are written."""
    return (
        Path(out)
        if out
        else Path(run) / (EVAL if protocol == "foreframe" else f"eval-{protocol}.json")
    )


def draw_per_frame(result: dict[str, Any], path: Path) -> Path:
    """The scores of each predicted frame, beside those of the baselines."""
    lines = {
        metric: {
            "model": result["scores"][metric]["per_frame"],
            "best of samples": result["best_of"][metric]["per_frame"],
            **{name: values[metric]["per_frame"] for name, values in result["baselines"].items()},
        }
        for metric in ("psnr", "ssim")
    }
    if result["samples"] == 1:
        for metric in lines.values():
            del metric["best of samples"]
    return curves.per_frame(lines, result["protocol"]["n_past"], path)


def check_data(model: Model, store: ClipStore, run: str) -> None:
    """An error if a store's clips are not of the kind that the model takes."""
    height, width, channels = store.frame_shape
    if (channels, height, width) != model.spec.frame:
        want = "x".join(str(n) for n in model.spec.frame[1:])
        raise InputError(
            f"{store.path} has pictures of {height}x{width}, the run {run} takes {want}: import with --size {want.replace('x', ' ')}"
        )
    got = store.clip_spec(model.spec.columns).condition
    if got != model.spec.condition:
        columns = ", ".join(model.spec.columns)
        raise InputError(
            f"{store.path} has conditions of shape {list(got)}, the run {run} takes {list(model.spec.condition)} ({columns})"
        )


def clip_windows(
    described: dict[str, Any],
    store: ClipStore,
    split: str,
    protocol: Protocol,
    withheld: bool = False,
) -> tuple[Windows, int]:
    """The clips that a protocol scores for a run, and how many frames of each are context; or those it can only predict."""
    n_past = protocol.n_past or described["notes"]["n_past"]
    horizon = protocol.horizon or described["notes"]["horizon"]
    length = n_past + horizon
    longest = max(episode.length for episode in store.of_split(split))
    every = length if protocol.every is None else protocol.every or max(longest, 1)
    given = n_past if withheld else None
    return Windows(store, split, length, described["spec"]["columns"], every, given), n_past


def _mean_frame(model: Model, store: ClipStore) -> Model:
    baseline = models.build("mean_frame", model.spec, {})
    baseline.mean.copy_(torch.from_numpy(store.mean_frame()).movedim(-1, 0))  # type: ignore[operator]
    return baseline
