"""Folders of numbered pictures, with a table of conditions in each or beside it.

Any folder that holds pictures is an episode; names sort as numbers. Its table (CSV, JSON, npy, npz) is the only one in the
folder, or has the folder's name; see `table_roles.roles` for which columns are what. Where a column tells the time, an episode is cut at
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
from ..sources.options import SourceOptions
from ..sources.recording import Column, Recording, Role
from ._table_roles import (
    columns_of,
    gaps_in_time,
    rate_of,
    roles,
    said,
    split_of,
    table_of,
    times_of,
    values_of,
)
from ._tables import read_table

Array = NDArray[Any]

GENERAL = True


def recognises(path: Path) -> bool:
    return (
        path.is_dir()
        and next((f for f in path.rglob("*") if f.suffix.lower() in PICTURES), None) is not None
    )


def open_recordings(path: Path, options: SourceOptions) -> Folders:
    options.refuse("folders of pictures have one camera each: import them one by one", "camera")
    if not path.is_dir():
        raise InputError(f"{path} is no folder; expected folders of numbered pictures")
    pieces, notes = [], []
    labels = options.labels
    for folder in [path, *sorted((p for p in path.rglob("*") if p.is_dir()), key=_natural)]:
        if labels and folder.name == labels:
            continue
        files = [f for f in folder.iterdir() if f.suffix.lower() in PICTURES]
        if files:
            pieces.append(
                _episode(path, folder, sorted(files, key=lambda f: (number_of(f), f.name)), labels)
            )
    if not pieces:
        raise InputError(
            f"{path} has no pictures; expected folders of numbered {', '.join(PICTURES)}"
        )
    tables = {
        folder: read_table(table) if (table := table_of(folder)) else {} for folder, _, _ in pieces
    }
    first = tables[pieces[0][0]]
    keys = roles(first, options, path)
    spans = []
    for folder, found, drawn in pieces:
        cuts = gaps_in_time(times_of(tables[folder]), options.max_gap_s)
        bounds = [0, *sorted(cuts), len(found)]
        if cuts:
            notes.append(f"{folder.name}: cut at {len(cuts)} gaps in time")
        spans += [Span(folder, found, drawn, a, b) for a, b in zip(bounds, bounds[1:]) if b - a > 1]
    notes.append(said(keys))
    widths = {key: rows.shape[1] for key, rows in first.items()}
    return Folders(path, tuple(spans), keys, widths, notes, rate_of(times_of(first)))


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
            found["label"] = Column(
                "label", "uint8", read_picture(self.spans[0].labels[0]).shape, lag=0
            )
        return found

    def __len__(self) -> int:
        return len(self.spans)

    def read(self, index: int) -> Recording:
        span = self.spans[index]
        rows = slice(span.first, span.last)
        table = table_of(span.folder)
        values = (
            values_of(self.keys, read_table(table), str(table))
            if table and any(self.keys.values())
            else {}
        )
        for name, v in values.items():
            if len(v) != len(span.pictures):
                raise InputError(
                    f"{table} has {len(v)} rows; expected {len(span.pictures)}, one a picture of {span.folder}"
                )
            values[name] = v[rows]
        if span.labels:
            values["label"] = np.stack([read_picture(file) for file in span.labels[rows]])
        name = (
            str(span.folder.relative_to(self.root))
            if span.folder != self.root
            else span.folder.name
        )
        where = (
            f"{name}/{span.first}" if (span.first, span.last) != (0, len(span.pictures)) else name
        )
        frames = (read_picture(file) for file in span.pictures[rows])
        return Recording(where, frames, values, split_of(self.root, span.folder))


def _natural(path: Path) -> tuple[Any, ...]:
    return tuple((number_of(Path(part)), part) for part in path.parts)


def _episode(
    root: Path, folder: Path, files: list[Path], labels: str | None
) -> tuple[Path, tuple[Path, ...], tuple[Path, ...]]:
    if not labels:
        return folder, tuple(files), ()
    there = folder / labels if (folder / labels).is_dir() else folder.parent / labels
    drawn = sorted(
        (f for f in there.glob("*") if f.suffix.lower() in PICTURES),
        key=lambda f: (number_of(f), f.name),
    )
    if [number_of(f) for f in drawn] != [number_of(f) for f in files]:
        raise InputError(
            f"{there} has {len(drawn)} label images for the {len(files)} pictures of {folder}; expected one each, of the same numbers"
        )
    return folder, tuple(files), tuple(drawn)
