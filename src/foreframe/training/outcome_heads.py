"""Fit the head that predicts rewards and ends beside a run, where its stores tell them.

Letters: R rows, T frames, D inputs, K targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from .. import models
from ..clips import ClipSpec
from ..data.mixtures import Mixture
from ..data.store import ClipStore, Episode
from ..data.windows import Windows
from ..model import Model
from ..outcome_head import TARGETS, OutcomeHead, Rows, codes_of, inputs_of
from ..runtime import hardware

_MOST_FRAMES = 12_000  # of a split; of more, an even spread of episodes is taken


def fit_outcome_head(stores: Mixture, spec: ClipSpec, run: Path) -> None:
    """Write an `OutcomeHead` into a run, if every store has a column of rewards or of ends."""
    targets = [role for role in TARGETS if all(_column(s, role) for s in stores.stores)]
    if not targets:
        return
    model = models.load(run).to(hardware.device()).eval()
    train = _rows(model, stores, "train", spec, targets)
    held_out = _rows(model, stores, "validate", spec, targets)
    if train is not None:
        OutcomeHead.fit(train, held_out or train, targets).save(run)


def _column(store: ClipStore, role: str) -> str:
    """Return the column of a role; empty if the store has none."""
    return next((name for name, column in store.columns.items() if column.role == role), "")


def _rows(
    model: Model, stores: Mixture, split: str, spec: ClipSpec, targets: Sequence[str]
) -> Rows | None:
    """Return what the episodes of a split tell; None if there are none."""
    every = [
        (store, episode)
        for store in stores.stores
        for episode in store.episodes
        if episode.split == split and episode.seen > 1
    ]
    step = max(1, -(-sum(episode.seen for _, episode in every) // _MOST_FRAMES))
    windows = {
        id(store): Windows(store, split, 1, spec.columns, visible=0, numbers=spec.names)
        for store, _ in every
    }
    parts = [_of_episode(model, windows[id(s)], e, targets) for s, e in every[::step]]
    if not parts:
        return None
    return Rows(
        np.concatenate([part.inputs for part in parts]),
        np.concatenate([part.targets for part in parts]),
    )


def _of_episode(model: Model, windows: Windows, episode: Episode, targets: Sequence[str]) -> Rows:
    """Return what the actions of an episode led to, the last one too where it is recorded."""
    store, begin = windows.store, episode.start
    named = [_column(store, role) for role in targets]
    lags = [store.columns[name].lag for name in (*windows.columns, *named)]
    count = episode.seen - (0 in lags)
    known = windows.conditions(episode, 0, count + 1)
    frames = torch.from_numpy(np.array(store.column("frames")[begin : begin + count]))
    codes = codes_of(model, frames.movedim(-1, 1), torch.from_numpy(known[:count]))
    rows = [store.column(name)[begin + 1 - store.columns[name].lag :][:count] for name in named]
    return Rows(inputs_of(codes, known[1:]), np.concatenate(rows, 1))
