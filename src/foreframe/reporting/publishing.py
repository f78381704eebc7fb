"""Publish a run: rounded weights, a few clips to start from, and a card with the scores of exactly
these weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import models
from ..data.building import build
from ..data.sources.recording import Recording, Recordings
from ..data.store import ClipStore, Episode
from ..errors import InputError
from ..evaluation import Evaluation, evaluate
from ..runtime.files import atomic_write, claim_output, write_json
from ..simulate.simulator import CLIPS
from ..simulate.starts import JOINTS
from ..state_head import load_head
from .page import cell, page

CARD, SCORES = "README.md", "eval.json"


def publish(
    run: str | Path,
    data: str | Path,
    out: str | Path,
    episodes: int = 8,
    frames: int = 60,
    protocol: str = "foreframe",
    samples: int | None = None,
) -> Path:
    """Write a model folder that others can load, evaluate and drive: weights in half precision,
    clips, scores, card.

    The scores on the card are those of the rounded weights.

    Args:
        run: a run folder.
        data: the store that it is scored on and that the clips come from.
        out: the new folder.
        episodes: number of test episodes to add, to start drives from.
        frames: number of frames of each.
        protocol: of the scores: {protocols}.
        samples: futures for each scored clip; the protocol's own number if left out.

    Raises:
        InputError: not a run, not a store, or `out` holds something else.
    """
    run, out = Path(run), Path(out)
    if min(episodes, frames) < 1:
        raise InputError(
            f"--episodes is {episodes}, --frames {frames}; expected at least 1 of each"
        )
    claim_output(out, "model", (models.CONFIG,))
    described, model = models.describe(run), models.load(run)
    out.mkdir(parents=True, exist_ok=True)
    models.save(
        model, described["model"], described["options"], out, described["notes"], torch.float16
    )
    if head := load_head(run):
        head.save(out)
    store = ClipStore(data)
    _excerpt(store, model.spec.columns, episodes, frames, out / CLIPS)
    scores = _scored(out, store, protocol, samples)
    weights = out / models.WEIGHTS
    recipe = run / "recipe.yaml"
    card = page(
        "card.md",
        name=out.name,
        described=described,
        parameters=sum(p.numel() for p in model.parameters()),
        megabytes=weights.stat().st_size / 1e6,
        source={
            key: value for key, value in store.source.items() if not str(value).startswith("/")
        },
        scores=scores,
        cell=cell,
        recipe=recipe.read_text() if recipe.exists() else "",
    )
    return atomic_write(out / CARD, card)


def _scored(model: Path, store: ClipStore, protocol: str, samples: int | None) -> Evaluation:
    """The model's scores, written beside it without the folders of this machine."""
    scores = evaluate(model, store.path, protocol=protocol, samples=samples, out=model / SCORES)
    (model / SCORES).with_suffix(".svg").unlink()
    scores = replace(
        scores,
        run=replace(scores.run, folder=model.name),
        data=replace(scores.data, store=store.path.name),
    )
    write_json(model / SCORES, scores.to_dict())
    return scores


def _excerpt(
    store: ClipStore, conditions: Sequence[str], episodes: int, frames: int, out: Path
) -> ClipStore:
    """Write a small store of the first frames of test episodes, with the columns drives need."""
    kept = [*conditions, *([JOINTS] if JOINTS in store.columns else [])]
    there = store.of_split("test")
    spread = np.unique(
        np.linspace(0, len(there) - 1, min(episodes, len(there))).round().astype(int)
    )

    def recording(episode: Episode) -> Recording:
        rows = slice(episode.start, episode.start + min(frames, episode.seen))
        values: dict[str, Any] = {name: np.array(store.column(name)[rows]) for name in kept}
        return Recording(episode.name, list(store.column("frames")[rows]), values, "test")

    source = Recordings(
        {name: store.columns[name] for name in kept},
        store.frames_per_second,
        [recording(there[i]) for i in spread],
    )
    identity = {**store.source, "excerpt": {"episodes": len(source), "frames": frames}}
    return build(
        source, out, identity, store.frame_shape, ["test"] * len(source), 1, "choosing clips"
    )
