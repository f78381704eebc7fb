"""Reading a store back, to know that it is still what was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..runtime.digests import digest
from ..runtime.progress import progress
from .store import ClipStore, Episode


def validate(store: str | Path) -> dict[str, Any]:
    """Read every episode of every column and compare its digest with the manifest's.

    Args:
        store: a clip store.

    Returns: `store`, `content`, `episodes` and `bytes` that were read, and `damaged`: which
        episode's which column is not what was written, or holds numbers that are not finite.

    Raises:
        InputError: not a store, or a column of another size than its manifest says.
    """
    opened = ClipStore(store)
    opened.mean_frame()
    damaged, read = [], 0
    with progress("validating", len(opened.episodes), "episodes") as advance:
        for episode in opened.episodes:
            for name in opened.columns:
                found, size = _fault(opened, episode, name)
                read += size
                damaged += [found] if found else []
            faults, size = _faults_of_futures(opened, episode)
            damaged, read = damaged + faults, read + size
            advance(1)
    return {
        "store": str(opened.path),
        "content": opened.content,
        "episodes": len(opened.episodes),
        "bytes": read,
        "damaged": damaged,
    }


def _fault(store: ClipStore, episode: Episode, name: str) -> tuple[str | None, int]:
    """What is wrong with a column of an episode, and its size in bytes."""
    rows = np.ascontiguousarray(store.column(name)[episode.start : episode.start + episode.length])
    if digest(rows.tobytes()) != episode.digests.get(name):
        return (
            f"episode {episode.name}: {name}, frames {episode.start} on, is not what was written",
            rows.nbytes,
        )
    told = store.columns[name].is_condition  # truth may say that something is not there
    if told and rows.dtype.kind == "f" and not np.isfinite(rows).all():
        return f"episode {episode.name}: {name} holds numbers that are not finite", rows.nbytes
    return None, rows.nbytes


def _faults_of_futures(store: ClipStore, episode: Episode) -> tuple[list[str], int]:
    """What is wrong with an episode's true futures, and their size in bytes."""
    faults, size = [], 0
    for name in store.future_columns.columns if store.future_columns else ():
        values = store.future_values(episode, name)
        if values is None or episode.futures is None:
            continue
        size += values.nbytes
        if digest(values.tobytes()) != episode.futures["digests"].get(name):
            faults.append(f"episode {episode.name}: the futures' {name} is not what was written")
    return faults, size
