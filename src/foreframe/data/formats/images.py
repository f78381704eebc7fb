"""Folders of numbered pictures, with a table of conditions in each or beside it.

Any folder that holds pictures is an episode; names sort as numbers. Its table (CSV, JSON, npy, npz) is the only one in the
folder, or has the folder's name; see `roles` for which columns are what. Where a column tells the time, an episode is cut at
gaps. A folder called train, val or test says the split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..pictures import PICTURES, number_of, read_picture
from ..recording import Column, Recording, Role, finite, side_by_side
from ..tables import TABLES, read_table
from . import Choice

Array = NDArray[Any]

GENERAL = True

_SPLITS = {"train": "train", "val": "validate", "validate": "validate", "validation": "validate", "test": "test"}
_TIMES = ("timestamp", "timestamps", "time", "t", "seconds", "timestamp_s")
_COUNTERS = ("index", "frame", "frame_index", "frame_number", "step", "episode_index", "row")
_GAP_TIMES = 5.0


def recognises(path: Path) -> bool:
    return path.is_dir() and next((f for f in path.rglob("*") if f.suffix.lower() in PICTURES), None) is not None


def open(path: Path, choice: Choice) -> Folders:  # noqa: A001 - the word every world and format uses
    choice.refuse("folders of pictures have one camera each: import them one by one", "camera")
    if not path.is_dir():
        raise InputError(f"{path} is no folder; expected folders of numbered pictures")
    pieces, notes = [], []
    labels = choice.labels
    for folder in [path, *sorted((p for p in path.rglob("*") if p.is_dir()), key=_natural)]:
        if labels and folder.name == labels:
            continue
        files = [f for f in folder.iterdir() if f.suffix.lower() in PICTURES]
        if files:
            pieces.append(_episode(path, folder, sorted(files, key=lambda f: (number_of(f), f.name)), labels))
    if not pieces:
        raise InputError(f"{path} has no pictures; expected folders of numbered {', '.join(PICTURES)}")
    tables = {folder: read_table(table) if (table := table_of(folder)) else {} for folder, _, _ in pieces}
    first = tables[pieces[0][0]]
    keys = roles(first, choice, path)
    spans = []
    for folder, found, drawn in pieces:
        cuts = gaps_in_time(_times(tables[folder]), choice.max_gap_s)
        bounds = [0, *sorted(cuts), len(found)]
        if cuts:
            notes.append(f"{folder.name}: cut at {len(cuts)} gaps in time")
        spans += [Span(folder, found, drawn, a, b) for a, b in zip(bounds, bounds[1:]) if b - a > 1]
    notes.append(said(keys))
    widths = {key: rows.shape[1] for key, rows in first.items()}
    return Folders(path, tuple(spans), keys, widths, notes, _rate(_times(first)))


@dataclass(frozen=True)
class Span:
    """Pictures `first` ... `last` - 1 of a folder, with the label images of the same places."""

    folder: Path
    pictures: tuple[Path, ...]
    labels: tuple[Path, ...]
    first: int
    last: int


@dataclass(frozen=True)
class Folders:
    """A span of a folder an episode."""

    root: Path
    spans: tuple[Span, ...]
    keys: Mapping[Role, tuple[str, ...]]
    widths: Mapping[str, int]
    notes: Sequence[str]
    frames_per_second: float | None

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        found = columns_of(self.keys, self.widths)
        if self.spans[0].labels:
            found["label"] = Column("label", "uint8", read_picture(self.spans[0].labels[0]).shape, lag=0)
        return found

    def __len__(self) -> int:
        return len(self.spans)

    def read(self, index: int) -> Recording:
        span = self.spans[index]
        rows = slice(span.first, span.last)
        table = table_of(span.folder)
        values = values_of(self.keys, read_table(table), str(table)) if table and any(self.keys.values()) else {}
        for name, v in values.items():
            if len(v) != len(span.pictures):
                raise InputError(
                    f"{table} has {len(v)} rows; expected {len(span.pictures)}, one a picture of {span.folder}"
                )
            values[name] = v[rows]
        if span.labels:
            values["label"] = np.stack([read_picture(file) for file in span.labels[rows]])
        name = str(span.folder.relative_to(self.root)) if span.folder != self.root else span.folder.name
        where = f"{name}/{span.first}" if (span.first, span.last) != (0, len(span.pictures)) else name
        frames = (read_picture(file) for file in span.pictures[rows])
        return Recording(where, frames, values, split_of(self.root, span.folder))


def table_of(path: Path) -> Path | None:
    """The table of a folder of pictures, or of a video: of the same name beside it, or the only one in the folder."""
    beside = [path.with_name((path.name if path.is_dir() else path.stem) + suffix) for suffix in TABLES]
    inside = [f for f in path.iterdir() if f.suffix.lower() in TABLES] if path.is_dir() else []
    if len(inside) > 1:
        raise InputError(f"{path} has tables {', '.join(sorted(f.name for f in inside))}; expected one an episode")
    return next((f for f in [*inside, *beside] if f.is_file()), None)


def roles(table: Mapping[str, Array], choice: Choice, where: Path) -> dict[Role, tuple[str, ...]]:
    """Which columns are actions and which states.

    Unless chosen: actions are those whose names begin with "action", states those that begin with "state" or
    "observation". Without any "action", all that are neither states nor times nor counters are actions.
    """
    free = [key for key in table if key.lower() not in (*_TIMES, *_COUNTERS)]
    states = [key for key in free if key.lower().startswith(("state", "observation"))]
    named = [key for key in free if key.lower().startswith("action")]
    actions = named or [key for key in free if key not in states]
    chosen_states = choice.some("states", table, states, where)
    chosen_actions = choice.some("actions", table, [key for key in actions if key not in chosen_states], where)
    both = sorted({*chosen_actions} & {*choice.states})
    if both:
        raise InputError(f"{', '.join(both)} were chosen as --actions and --states; expected one of them")
    return {"action": chosen_actions, "state": tuple(k for k in chosen_states if k not in chosen_actions)}


def said(keys: Mapping[Role, tuple[str, ...]]) -> str:
    return "; ".join(f"{role}s {', '.join(names) or 'none'}" for role, names in keys.items())


def columns_of(keys: Mapping[Role, tuple[str, ...]], widths: Mapping[str, int]) -> dict[str, Column]:
    return {
        str(role): side_by_side(role, {name: widths[name] for name in names}) for role, names in keys.items() if names
    }


def values_of(keys: Mapping[Role, tuple[str, ...]], table: Mapping[str, Array], where: str) -> dict[str, Array]:
    """The rows of each role's columns, one a frame."""
    found = {}
    for role, names in keys.items():
        for name in names:
            if name not in table:
                raise InputError(f"{where} has columns {', '.join(table)}; expected {name} as in the first episode")
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


def _times(table: Mapping[str, Array]) -> Array:
    return next((rows[:, 0] for key, rows in table.items() if key.lower() in _TIMES), np.zeros(0))


def _rate(seconds: Array) -> float | None:
    steps = np.diff(seconds)
    return round(float(1 / np.median(steps)), 3) if len(steps) and np.median(steps) > 0 else None


def _natural(path: Path) -> tuple[Any, ...]:
    return tuple((number_of(Path(part)), part) for part in path.parts)


def _episode(
    root: Path, folder: Path, files: list[Path], labels: str | None
) -> tuple[Path, tuple[Path, ...], tuple[Path, ...]]:
    if not labels:
        return folder, tuple(files), ()
    there = folder / labels if (folder / labels).is_dir() else folder.parent / labels
    drawn = sorted((f for f in there.glob("*") if f.suffix.lower() in PICTURES), key=lambda f: (number_of(f), f.name))
    if [number_of(f) for f in drawn] != [number_of(f) for f in files]:
        raise InputError(
            f"{there} has {len(drawn)} label images for the {len(files)} pictures of {folder}; expected one each, of the same numbers"
        )
    return folder, tuple(files), tuple(drawn)
