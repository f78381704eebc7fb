"""Publish a run: rounded weights, clips to start from, and a card with their scores."""

from __future__ import annotations

import shutil
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
from ..outcome_head import FILE as OUTCOMES
from ..outcome_head import load_outcome_head
from ..runtime.files import atomic_write, is_inside, read_text, write_json
from ..runtime.outputs import claim_output, keep_apart_both_ways
from ..runtime.unfinished import UnfinishedFolder, unfinished
from ..simulate.simulator import CLIPS
from ..simulate.starts import JOINTS
from ..state_head import FILE as HEAD
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
    """Write a model folder that others can load, evaluate and drive.

    It holds weights in half precision, clips, scores and a card; the scores are those of the
    rounded weights. It is written whole or not at all; a model that is in `out` is replaced then.

    Args:
        run: a run folder.
        data: the store that it is scored on and that the clips come from.
        out: the new folder.
        episodes: number of test episodes to add, to start drives from.
        frames: number of frames of each.
        protocol: of the scores: {protocols}.
        samples: futures for each scored clip; the protocol's own number if left out.

    Raises:
        InputError: not a run, not a store; `out` holds something else, or is in what is read.
    """
    run, out = Path(run), Path(out)
    if min(episodes, frames) < 1:
        raise InputError(
            f"--episodes is {episodes}, --frames {frames}; expected at least 1 of each"
        )
    for source, what in ((run, "the run"), (Path(data), "the store")):
        keep_apart_both_ways(out, source, what)
    _check_replaceable(out)
    described, store = models.describe(run), ClipStore(data)
    identity = {
        "published": described["tensors"],
        "data": store.content,
        "chosen": [episodes, frames, protocol, samples],
    }
    with unfinished(out, "model") as making:
        making.claim_or_clear(identity)
        if (making.folder / CARD).exists():  # all was there, or it is what was replaced
            shutil.rmtree(making.folder)
            making.folder.mkdir()
        _write(run, store, making, episodes, frames, protocol, samples)
        making.replace()
    return out / CARD


def _check_replaceable(out: Path) -> None:
    """Check that what is at `out` is nothing but a published model.

    Raises:
        InputError: it is something else, or holds more.
    """
    claim_output(out, "model", (models.CONFIG,))
    own = {models.CONFIG, models.WEIGHTS, HEAD, OUTCOMES, CARD, SCORES, CLIPS}
    more = sorted(path.name for path in out.glob("*") if path.name not in own)
    if more:
        raise InputError(
            f"{out} holds {', '.join(more[:3])} beside a model; expected a new folder, or what "
            "`foreframe publish` wrote: choose another OUT"
        )


def _write(
    run: Path,
    store: ClipStore,
    making: UnfinishedFolder,
    episodes: int,
    frames: int,
    protocol: str,
    samples: int | None,
) -> None:
    """Write everything into the folder; the card comes last."""
    folder, name = making.folder, making.out.name
    described, model = models.describe(run), models.load(run)
    models.save(
        model, described["model"], described["options"], folder, described["notes"], torch.float16
    )
    for head in (load_head(run), load_outcome_head(run)):
        if head is not None:
            head.save(folder)
    _excerpt(store, model.spec.columns, episodes, frames, folder / CLIPS)
    scores = _scored(folder, name, store, protocol, samples)
    recipe = run / "recipe.yaml"
    card = page(
        "card.md",
        name=name,
        described=described,
        parameters=sum(p.numel() for p in model.parameters()),
        megabytes=(folder / models.WEIGHTS).stat().st_size / 1e6,
        source={
            key: value for key, value in store.source.items() if not str(value).startswith("/")
        },
        scores=scores,
        cell=cell,
        recipe=read_text(recipe, "the settings of a run") if is_inside(recipe, run) else "",
    )
    atomic_write(folder / CARD, card)


def _scored(
    model: Path, name: str, store: ClipStore, protocol: str, samples: int | None
) -> Evaluation:
    """Return the model's scores, written beside it without the folders of this machine."""
    scores = evaluate(model, store.path, protocol=protocol, samples=samples, out=model / SCORES)
    (model / SCORES).with_suffix(".svg").unlink()
    scores = replace(
        scores,
        run=replace(scores.run, folder=name),
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
