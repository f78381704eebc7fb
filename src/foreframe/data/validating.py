"""Read a store back: is it what was written, and do its numbers agree with each other?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..runtime.digests import digest
from ..runtime.progress import progress
from .store import ClipStore, Episode
from .writing import mean_picture, measure, training_rows

Array = NDArray[Any]

_CLOSE = 1e-6  # of a statistic, relative to the largest number of its column
_CLOSE_PICTURE = 1e-5


def validate(store: str | Path) -> dict[str, Any]:
    """Read every episode of every column, and compare it with what the manifest says of it.

    Digests say that it is what was written. Beyond them, names of episodes are their own, withheld
    frames are black, numbers are finite, and the statistics and the mean picture are those of the
    training split.

    Args:
        store: a clip store.

    Returns:
        `store`, `content`, `episodes` and `bytes` that were read, and `damaged`: in words, what is
        not what was written or contradicts something else.

    Raises:
        InputError: not a store, or its manifest contradicts itself or the size of a column.
    """
    opened = ClipStore(store)
    damaged, read = _names(opened), 0
    with progress("validating", len(opened.episodes), "episodes") as advance:
        for episode in opened.episodes:
            for name in opened.columns:
                found, size = _fault(opened, episode, name)
                read += size
                damaged += [found] if found else []
            faults, size = _faults_of_futures(opened, episode)
            damaged, read = damaged + faults, read + size
            advance(1)
    damaged += _contradictions(opened)
    return {
        "store": str(opened.path),
        "content": opened.content,
        "episodes": len(opened.episodes),
        "bytes": read,
        "damaged": damaged,
    }


def _names(store: ClipStore) -> list[str]:
    seen: set[str] = set()
    twice = []
    for episode in store.episodes:
        twice += [episode.name] if episode.name in seen else []
        seen.add(episode.name)
    return [f"episode {name} is there twice" for name in twice]


def _fault(store: ClipStore, episode: Episode, name: str) -> tuple[str | None, int]:
    """What is wrong with a column of an episode, and its size in bytes."""
    rows = np.ascontiguousarray(store.column(name)[episode.start : episode.start + episode.length])
    what = f"episode {episode.name}: {name}"
    if digest(rows.tobytes()) != episode.digests.get(name):
        return f"{what}, frames {episode.start} on, is not what was written", rows.nbytes
    column = store.columns[name]
    told = column.is_condition or column.is_target  # truth may say that something is not there
    if told and rows.dtype.kind == "f" and not np.isfinite(rows).all():
        return f"{what} holds numbers that are not finite", rows.nbytes
    if name == "frames" and rows[episode.seen :].any():
        return f"{what}: its {episode.withheld} withheld frames are not black", rows.nbytes
    return None, rows.nbytes


def _faults_of_futures(store: ClipStore, episode: Episode) -> tuple[list[str], int]:
    """What is wrong with an episode's true futures, and their size in bytes."""
    faults, size = [], 0
    for name in store.future_columns.columns if store.future_columns else ():
        values = store.future_values(episode, name)
        if values is None or episode.futures is None:
            continue
        size += values.nbytes
        if digest(values.tobytes()) != episode.futures.digests.get(name):
            faults.append(f"episode {episode.name}: the futures' {name} is not what was written")
    return faults, size


def _contradictions(store: ClipStore) -> list[str]:
    """Where statistics and mean picture are not those of the frames that they are said to be of."""
    training = training_rows(store.manifest["episodes"])
    found = []
    for name, column in store.columns.items():
        if column.role not in ("action", "state") or not len(training):
            continue
        rows, said = store.column(name)[training], store.statistics(name)
        scale = max(1e-12, float(np.abs(rows).max(initial=0)))
        for what, values in measure(rows).items():
            if not np.allclose(said[what], values, rtol=0, atol=_CLOSE * scale):
                found.append(f"the statistics of {name}: {what} is not that of its training split")
    picture = mean_picture(store.column("frames"), training)
    if len(training) and not np.allclose(store.mean_frame(), picture, rtol=0, atol=_CLOSE_PICTURE):
        found.append("the mean picture is not that of the training split")
    return found
