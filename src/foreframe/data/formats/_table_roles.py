"""Tables beside pictures: where they are, which of their columns are what, and where their times break.

Letters: T rows, K columns of a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..sources.options import SourceOptions
from ..sources.recording import Column, Role, finite, side_by_side
from ._tables import TABLES

Array = NDArray[Any]

_SPLITS = {
    "train": "train",
    "val": "validate",
    "validate": "validate",
    "validation": "validate",
    "test": "test",
}
_TIMES = ("timestamp", "timestamps", "time", "t", "seconds", "timestamp_s")
_COUNTERS = ("index", "frame", "frame_index", "frame_number", "step", "episode_index", "row")
_GAP_TIMES = 5.0


def table_of(path: Path) -> Path | None:
    """The table of a folder of pictures, or of a video: of the same name beside it, or the only one in the folder."""
    beside = [
        path.with_name((path.name if path.is_dir() else path.stem) + suffix) for suffix in TABLES
    ]
    inside = [f for f in path.iterdir() if f.suffix.lower() in TABLES] if path.is_dir() else []
    if len(inside) > 1:
        raise InputError(
            f"{path} has tables {', '.join(sorted(f.name for f in inside))}; expected one an episode"
        )
    return next((f for f in [*inside, *beside] if f.is_file()), None)


def roles(
    table: Mapping[str, Array], options: SourceOptions, where: Path
) -> dict[Role, tuple[str, ...]]:
    """Which columns are actions and which states.

    Unless chosen: actions are those whose names begin with "action", states those that begin with "state" or
    "observation". Without any "action", all that are neither states nor times nor counters are actions.
    """
    free = [key for key in table if key.lower() not in (*_TIMES, *_COUNTERS)]
    states = [key for key in free if key.lower().startswith(("state", "observation"))]
    named = [key for key in free if key.lower().startswith("action")]
    actions = named or [key for key in free if key not in states]
    chosen_states = options.some("states", table, states, where)
    chosen_actions = options.some(
        "actions", table, [key for key in actions if key not in chosen_states], where
    )
    both = sorted({*chosen_actions} & {*options.states})
    if both:
        raise InputError(
            f"{', '.join(both)} were chosen as --actions and --states; expected one of them"
        )
    return {
        "action": chosen_actions,
        "state": tuple(k for k in chosen_states if k not in chosen_actions),
    }


def said(keys: Mapping[Role, tuple[str, ...]]) -> str:
    return "; ".join(f"{role}s {', '.join(names) or 'none'}" for role, names in keys.items())


def columns_of(
    keys: Mapping[Role, tuple[str, ...]], widths: Mapping[str, int]
) -> dict[str, Column]:
    return {
        str(role): side_by_side(role, {name: widths[name] for name in names})
        for role, names in keys.items()
        if names
    }


def values_of(
    keys: Mapping[Role, tuple[str, ...]], table: Mapping[str, Array], where: str
) -> dict[str, Array]:
    """The rows of each role's columns, one a frame."""
    found = {}
    for role, names in keys.items():
        for name in names:
            if name not in table:
                raise InputError(
                    f"{where} has columns {', '.join(table)}; expected {name} as in the first episode"
                )
        if names:
            found[str(role)] = finite(np.concatenate([table[name] for name in names], 1), where)
    return found


def split_of(root: Path, path: Path) -> str | None:
    """The split that a folder on the way from `root` is called by."""
    return next((_SPLITS[part] for part in path.relative_to(root).parts if part in _SPLITS), None)


def gaps_in_time(seconds: Array, max_gap_s: float | None) -> set[int]:
    """Where a new episode begins: the time since the last frame is over `max_gap_s`, or five times the usual, or negative.

    >>> sorted(gaps_in_time(np.array([0, 0.1, 0.2, 3.0, 3.1]), None))
    [3]
    """
    steps = np.diff(seconds)
    if not len(steps):
        return set()
    limit = max_gap_s or _GAP_TIMES * float(np.median(steps))
    return {int(i) + 1 for i in np.flatnonzero((steps > limit) | (steps < 0))}


def times_of(table: Mapping[str, Array]) -> Array:
    return next((rows[:, 0] for key, rows in table.items() if key.lower() in _TIMES), np.zeros(0))


def rate_of(seconds: Array) -> float | None:
    steps = np.diff(seconds)
    return round(float(1 / np.median(steps)), 3) if len(steps) and np.median(steps) > 0 else None
