"""The rows of a LeRobotDataset v3 that the episodes of a store become.

An action of LeRobot is taken at the frame of its row, and leads to the next.
`lag` says which frame a row of a store leads to, so rows that led to their own frame move up by
one; the last frame then has no action, and repeats the one before.

Letters: T frames, K numbers.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..sources.recording import Column, Role, names_of
from ..store import ClipStore, Episode
from ._lerobot_tables import EPISODE, TIME

Array = NDArray[Any]

_FEATURES: dict[Role, str] = {
    "state": "observation.state",
    "action": "action",
    "reward": "next.reward",
    "done": "next.done",
}


def columns_of(store: ClipStore) -> dict[str, dict[str, Column]]:
    """Return the columns of a store that make each feature."""
    found = {}
    for role, feature in _FEATURES.items():
        columns = {name: column for name, column in store.columns.items() if column.role == role}
        if columns:
            found[feature] = columns
    return found


def labels_of(columns: dict[str, Column]) -> list[str]:
    """Return the names of a feature's numbers; none for a target."""
    return [
        label
        for name, column in columns.items()
        if not column.is_target
        for label in column.names or names_of(name, column.shape[0])
    ]


def rows_of(
    store: ClipStore, episode: Episode, number: int, begins: int, task: int, rate: Fraction
) -> dict[str, Array]:
    """Return the rows of an episode, feature by feature, each [T, K].

    Args:
        store: what is written.
        episode: one of its episodes.
        number: the episode's, in the data set.
        begins: the number of its first row among those of all episodes.
        task: the number of its task.
        rate: frames per second.
    """
    values = {
        feature: np.concatenate([_taken(store, name, episode) for name in columns], 1)
        for feature, columns in columns_of(store).items()
    }
    frames = np.arange(episode.seen)
    counted: dict[str, Array] = {
        TIME: (frames / float(rate)).astype(np.float32),
        "frame_index": frames,
        EPISODE: np.full(episode.seen, number),
        "index": begins + frames,
        "task_index": np.full(episode.seen, task),
    }
    return values | {name: rows[:, None] for name, rows in counted.items()}


def _taken(store: ClipStore, name: str, episode: Episode) -> Array:
    """Return the rows of a column at each frame, in the units of the recording: [T, K]."""
    column = store.columns[name]
    recorded = store.column(name)[episode.start : episode.start + episode.length]
    rows = at_frames(recorded, column, episode.seen)
    if column.role == "done":
        return rows > 0.5
    return rows + np.asarray(column.offset) if column.offset else rows


def at_frames(rows: Array, column: Column, count: int) -> Array:
    """Return what leads on from each of `count` frames, of the rows of a column [T, K].

    Nothing is earned after the last row.

    >>> at_frames(np.arange(3)[:, None], Column("action", "float32", (1,), lag=0), 3)[:, 0]
    array([1, 2, 2])
    """
    later = np.arange(count) + 1 - column.lag
    found = rows[np.minimum(later, len(rows) - 1)]
    return np.where((later < len(rows))[:, None], found, 0) if column.role == "reward" else found


def task_of(store: ClipStore, episode: Episode) -> str:
    """Return what an episode is to do, in words, where the store knows it."""
    said = episode.facts.get("language_instruction") or episode.facts.get("task")
    return str(said or store.source.get("world") or store.path.name)
