"""Fit the small model that predicts states beside a run that is conditioned on them.

Letters: T frames, A condition.
"""

from __future__ import annotations

from pathlib import Path

from ..clips import ClipSpec
from ..data.mixtures import Mixture
from ..data.windows import Array, Windows
from ..state_head import StateHead


def fit_state_head(stores: Mixture, spec: ClipSpec, run: Path) -> None:
    """Write a `StateHead` into a run whose conditions hold states beside other numbers.

    When such a model is driven its future states are not known, and the head predicts them.
    """
    indices = _state_indices(stores, spec) if spec.uses_future_state else []
    if 0 < len(indices) < sum(stores.stores[0].columns[name].shape[0] for name in spec.columns):
        train, held_out = (_episodes(stores, split, spec) for split in ("train", "validate"))
        StateHead.fit(train, held_out, indices).save(run)


def _state_indices(stores: Mixture, spec: ClipSpec) -> list[int]:
    """Which numbers of a condition are states."""
    indices: list[int] = []
    end = 0
    for column in (stores.stores[0].columns[name] for name in spec.columns):
        begin, end = end, end + column.shape[0]
        indices += range(begin, end) if column.role == "state" else ()
    return indices


def _episodes(stores: Mixture, split: str, spec: ClipSpec) -> list[Array]:
    """The conditions of every episode of a split, each [T, A]."""
    found: list[Array] = []
    for store in stores.stores:
        episodes = [e for e in store.episodes if e.split == split and e.length > 2]
        if episodes:
            windows = Windows(store, split, 1, spec.columns, visible=0, numbers=spec.names)
            found += [windows.conditions(episode, 0, episode.length) for episode in episodes]
    return found
