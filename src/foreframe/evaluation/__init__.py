"""Evaluation: named protocols, honest figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from .. import hardware, models
from ..data.store import ClipStore
from ..data.windows import Windows
from ..errors import InputError
from ..files import write_json
from ..model import Model
from ..progress import progress
from . import protocols
from .scores import score

__all__ = ["check_data", "clip_windows", "evaluate"]


def evaluate(
    run: str | Path,
    data: str | Path,
    split: str = "test",
    protocol: str = "foreframe",
    samples: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
) -> dict[str, Any]:
    """Score a run on every clip of a split, beside its baselines on the same clips.

    Args:
        run: a run folder.
        data: a clip store.
        split: train, validate or test.
        protocol: foreframe or lab-svg.
        samples: futures drawn for each clip; the protocol's number by default.
        seed: of the noise.
        out: where to write the JSON; `eval.json` in the run by default.

    Raises:
        InputError: not a run, not a store, clips of another kind than the run was trained on.
    """
    described, store = models.describe(run), ClipStore(data)
    chosen = protocols.named(protocol)
    device = hardware.device()
    model = models.load(run).to(device)
    check_data(model, store, str(run))
    windows, n_past = clip_windows(described, store, split, chosen)
    count = chosen.samples if samples is None else samples
    if count < 1:
        raise InputError(f"--samples is {count}; expected at least 1")
    baselines = {"copy_last": models.build("copy_last", model.spec, {}), "mean_frame": _mean_frame(model, store)}
    with progress("evaluating", len(windows), "clips") as advance:
        found = score(
            model,
            {n: m.eval().to(device) for n, m in baselines.items()},
            windows,
            chosen,
            n_past,
            count,
            seed,
            device,
            advance,
        )
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
        "environment": hardware.info(),
    }
    write_json(Path(out) if out else Path(run) / "eval.json", result)
    return result


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
    described: dict[str, Any], store: ClipStore, split: str, protocol: protocols.Protocol
) -> tuple[Windows, int]:
    """The clips that a protocol scores for a run, and how many frames of each are context."""
    n_past = protocol.n_past or described["notes"]["n_past"]
    horizon = protocol.horizon or described["notes"]["horizon"]
    length = n_past + horizon
    longest = max(episode.length for episode in store.of_split(split))
    every = length if protocol.every is None else protocol.every or max(longest, 1)
    return Windows(store, split, length, described["spec"]["columns"], every), n_past


def _mean_frame(model: Model, store: ClipStore) -> Model:
    baseline = models.build("mean_frame", model.spec, {})
    baseline.mean.copy_(torch.from_numpy(store.mean_frame()).movedim(-1, 0))  # type: ignore[operator]
    return baseline
