"""Publish a run: rounded weights, clips to start from, and a card with their scores and a picture.

A published model is a folder, and the same folder on the hub.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import hub, models
from ..data.building import build
from ..data.sources.recording import Recording, Recordings
from ..data.store import ClipStore, Episode
from ..data.windows import Windows
from ..errors import InputError
from ..evaluation import Evaluation, evaluate
from ..evaluation.drawing import futures
from ..metrics import find_metric
from ..outcome_head import FILE as OUTCOMES
from ..outcome_head import load_outcome_head
from ..runtime.files import atomic_write, is_inside, read_json, read_text, write_json
from ..runtime.outputs import claim_output, keep_apart_both_ways
from ..runtime.schemas import stamped
from ..runtime.unfinished import unfinished
from ..simulate.simulator import CLIPS
from ..simulate.starts import JOINTS
from ..state_head import FILE as HEAD
from ..state_head import load_head
from ..viz.clips import animate
from .page import cell, page

CARD, SCORES, PICTURE, PUBLICATION = "README.md", "eval.json", "futures.webp", "publication.json"

_SCHEMA = "foreframe.publication/1"
_OWN = (models.CONFIG, models.WEIGHTS, HEAD, OUTCOMES, CARD, SCORES, PICTURE, PUBLICATION)
_PUSHED = (*_OWN, f"{CLIPS}/*")  # of these, what is on the hub and not in the folder is removed
_UNTOLD = ("chosen", "files", "shard")  # of a store's source: long, or of how it was read
_SHOWN_SAMPLES, _SHOWN_RATE = 4, 5.0


def publish(
    run: str | Path,
    data: str | Path | None = None,
    out: str | Path | None = None,
    episodes: int = 8,
    frames: int = 60,
    protocol: str = "foreframe",
    samples: int | None = None,
    push: str | None = None,
    license: str = "unknown",  # noqa: A002 - the word of model cards
) -> Path:
    """Write a model folder that others can load, evaluate and drive, and push it to the hub.

    It holds weights in half precision, clips, scores, a picture and a card; the scores are those of
    the rounded weights. It is written whole or not at all; a model that is in `out` is replaced
    then. What is there already is not written again, and a push that was stopped goes on with the
    same call.

    Args:
        run: a run folder.
        data: the store that it is scored on and that the clips come from; by default the one that
            the run was trained on.
        out: the new folder; by default beside the run, with `-published` behind its name.
        episodes: number of test episodes to add, to start drives from.
        frames: number of frames of each.
        protocol: of the scores: {protocols}.
        samples: futures for each scored clip; the protocol's own number if left out.
        push: `org/name` of a model repository on the hub to push the folder to; it is made if it is
            not there.
        license: the licence of the weights on the card, as the hub spells it: mit, cc-by-4.0.

    Returns:
        The card.

    Raises:
        InputError: not a run, not a store; `out` holds something else, or is in what is read; the
            hub refuses the push.
        ForeframeError: the hub cannot be reached; the folder is whole all the same.
    """
    run = Path(run)
    out = Path(out) if out is not None else run.with_name(f"{run.name}-published")
    if min(episodes, frames) < 1:
        raise InputError(
            f"--episodes is {episodes}, --frames {frames}; expected at least 1 of each"
        )
    address = hub.model_at(push) if push else None
    if address:
        hub.check_push(address)  # before the work, not after it
    described = models.describe(run)
    store = ClipStore(data if data is not None else _trained_on(run))
    for source, what in ((run, "the run"), (store.path, "the store")):
        keep_apart_both_ways(out, source, what)
    _check_replaceable(out)
    identity = {
        "published": described["tensors"],
        "data": store.content,
        "chosen": [episodes, frames, protocol, samples],
        "title": address.repository if address else out.name,
        "license": license,
    }
    if not _is_published(out, identity):
        with unfinished(out, "model") as making:
            making.claim_or_clear(identity)
            if (making.folder / CARD).exists():  # all was there, or it is what was replaced
                shutil.rmtree(making.folder)
                making.folder.mkdir()
            _write(run, store, making.folder, identity)
            making.replace()
    if address:
        hub.push(out, address, _PUSHED)
    return out / CARD


def _trained_on(run: Path) -> str:
    """Return the store that a run was trained on.

    Raises:
        InputError: the run does not say it, or it was trained on several.
    """
    file = run / "environment.json"
    found = read_json(file, "where a run was trained") if file.is_file() else {}
    where = found.get("data") if isinstance(found, dict) else None
    if not isinstance(where, str) or not Path(where).is_dir():
        raise InputError(f"{run} names no store that it was trained on; expected --data STORE")
    return where


def _is_published(out: Path, identity: dict[str, Any]) -> bool:
    """Return whether a folder is already what would be written."""
    file = out / PUBLICATION
    there = read_json(file, "what a published model is made of") if file.is_file() else None
    return bool(there == stamped(identity, _SCHEMA))


def _check_replaceable(out: Path) -> None:
    """Check that what is at `out` is nothing but a published model.

    Raises:
        InputError: it is something else, or holds more.
    """
    claim_output(out, "model", (models.CONFIG,))
    more = sorted(path.name for path in out.glob("*") if path.name not in {*_OWN, CLIPS})
    if more:
        raise InputError(
            f"{out} holds {', '.join(more[:3])} beside a model; expected a new folder, or what "
            "`foreframe publish` wrote: choose another OUT"
        )


def _write(run: Path, store: ClipStore, folder: Path, identity: dict[str, Any]) -> None:
    """Write everything into the folder; the card comes last."""
    title, (episodes, frames, protocol, samples) = identity["title"], identity["chosen"]
    described, model = models.describe(run), models.load(run)
    models.save(
        model, described["model"], described["options"], folder, described["notes"], torch.float16
    )
    for head in (load_head(run), load_outcome_head(run)):
        if head is not None:
            head.save(folder)
    clips = _excerpt(store, model.spec.columns, episodes, frames, folder / CLIPS)
    scores = _scored(folder, title.rpartition("/")[2], store, protocol, samples)
    recipe = run / "recipe.yaml"
    write_json(folder / PUBLICATION, stamped(identity, _SCHEMA))
    card = page(
        "card.md",
        name=title,
        license=identity["license"],
        described=described,
        parameters=sum(p.numel() for p in model.parameters()),
        megabytes=(folder / models.WEIGHTS).stat().st_size / 1e6,
        source=_told(store),
        dataset=_told(store).get("path") or store.source.get("world") or scores.data.store,
        scores=scores,
        picture=_picture(folder, clips, described),
        cell=cell,
        recipe=read_text(recipe, "the settings of a run") if is_inside(recipe, run) else "",
    )
    atomic_write(folder / CARD, card)


def _told(store: ClipStore) -> dict[str, Any]:
    """Return what a card tells of a store's source: nothing of this machine, and no long lists."""
    return {
        key: value
        for key, value in store.source.items()
        if key not in _UNTOLD and value not in (None, {}) and not str(value).startswith("/")
    }


def _picture(folder: Path, clips: ClipStore, described: dict[str, Any]) -> str:
    """Draw futures of the first clip that is long enough, and return the picture's name."""
    model, trained = models.load(folder), models.trained_clip(described)
    length = min(trained.n_past + trained.horizon, max(e.seen for e in clips.episodes))
    if length <= trained.n_past:
        return ""  # too short to predict anything
    columns = model.spec.columns
    windows = Windows(clips, "test", length, columns, numbers=model.spec.names, stride=length)
    tracks = futures(
        model, windows, 0, trained.n_past, _SHOWN_SAMPLES, 0, find_metric("psnr"), posterior=False
    )
    animate(tracks, folder / PICTURE, clips.frames_per_second or _SHOWN_RATE)
    return PICTURE


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
