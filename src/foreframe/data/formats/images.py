"""Folders of pictures, with a table of conditions in each, beside it, above it, or one for all.

Any folder that holds pictures is an episode; names sort naturally, and what they say of cameras and
episodes is heeded (`_image_streams`).
Its table is found by `_placing`, its rows go with pictures by `_pairing`, its columns are told
apart by `_table_roles`.
Where times are known an episode is cut at gaps (`_image_spans`).
A folder called train, val or test says the split.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..pictures import PICTURES, deep_sample, look_at, read_picture
from ..sources.findings import Findings
from ..sources.folders import files_under
from ..sources.options import SourceOptions
from ..sources.pixels import PixelScale, pixel_scale
from ..sources.recording import Column, Recording
from ..sources.times import rate_of
from ._image_spans import Span, spans_of
from ._image_streams import chosen_streams, shared_tables
from ._placing import of_the_same_name, shared_rows, table_of
from ._streams import Stream
from ._table_roles import (
    Roles,
    in_every_table,
    roles,
    said_columns,
)
from ._tables import TABLES, Table

Array = NDArray[Any]

GENERAL = True
_SAMPLED = 24  # pictures whose headers are looked at
_CAMERAS_AT_MOST = 16
_LAG = "rows of a table lead on from their picture"


def recognises(path: Path) -> bool:
    return path.is_dir() and any(f.suffix.lower() in PICTURES for f in files_under(path))


def open_recordings(path: Path, options: SourceOptions) -> Folders:
    if not path.is_dir():
        raise InputError(f"{path} is no folder; expected folders of numbered pictures")
    options.refuse("folders of pictures have one layout", "layout")
    every = list(files_under(path))
    labelled = options.labels
    pictures: dict[Path, list[Path]] = {}
    for file in every:
        if file.suffix.lower() in PICTURES and not (labelled and file.parent.name == labelled):
            pictures.setdefault(file.parent, []).append(file)
    if not pictures:
        raise InputError(
            f"{path} has no pictures; expected folders of numbered {', '.join(PICTURES)}"
        )
    shared = shared_tables(path, list(pictures))
    streams, findings = chosen_streams(path, pictures, shared, options)
    scale, findings = _pixels(path, streams, options, findings)
    inside: dict[Path, list[Path]] = {}
    for folder in pictures:
        for above in (p for p in folder.parents if p.is_relative_to(path)):
            inside.setdefault(above, []).append(folder)
    own = [_own_table(path, stream, pictures, inside, options) for stream in streams]
    usual = next((table.file for table in own if table is not None), None)
    if usual is not None:
        own = [
            of_the_same_name(table, stream.folder / usual.name, usual)
            for stream, table in zip(streams, own, strict=True)
        ]
    owners = Counter(table.file for table in own if table is not None)
    planned = [
        _planned(
            stream,
            table,
            [t for t in shared if t is table or owners[t.file] != 1],
            len(pictures) == 1,
            options,
        )
        for stream, table in zip(streams, own, strict=True)
    ]
    found, findings = _roles(path, planned, options, findings, every)
    spans, seconds, findings = spans_of(path, planned, found, options, findings)
    lag = 1 if options.lag is None else options.lag
    if found.keys.get("action"):
        findings = findings.decided(
            "lag", lag, "--lag" if options.lag is not None else _LAG, "--lag"
        )
    read = [file for stream in streams for file in stream.files]
    tables = {table.file for _, table in planned if table is not None}
    findings = findings.reads(read).reads(sorted(tables))
    return Folders(path, tuple(spans), found, lag, labelled, scale, findings, rate_of(seconds))


@dataclass(frozen=True)
class Folders:
    """A span of a folder per episode."""

    root: Path
    spans: tuple[Span, ...]
    found: Roles
    lag: int
    labels: str | None
    scale: PixelScale | None
    findings: Findings
    frames_per_second: float | None

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        found = self.found.columns(self.lag)
        if self.labels:
            shape = read_picture(self.spans[0].labels[0]).shape
            found["label"] = Column("label", "uint8", shape, lag=0)
        return found

    def __len__(self) -> int:
        return len(self.spans)

    def files_read(self, index: int) -> tuple[Path, ...]:
        span = self.spans[index]
        return (*span.pictures, *span.labels, *([span.table.file] if span.table else []))

    def read(self, index: int) -> Recording:
        span = self.spans[index]
        values: dict[str, Array] = {}
        if self.found.any:
            if span.table is None:
                raise InputError(
                    f"{span.folder} has no table of conditions, as other episodes have; "
                    "expected one in it or beside it: "
                    "add it, say --skip-bad to leave such episodes out, or --no-actions to read "
                    "pictures alone"
                )
            rows = span.rows
            if self.lag == 0 and rows[-1] == -1:
                rows = (-1, *rows[:-1])
            values = self.found.values(span.table, rows)
        if self.labels:
            values["label"] = np.stack([read_picture(file) for file in span.labels])
        counts: dict[str, int] = {}
        frames = (read_picture(file, self.scale, counts) for file in span.pictures)
        return Recording(
            span.name,
            frames,
            values,
            span.split,
            {"pictures": counts},
            times_s=span.seconds,
            session=span.session,
        )


def _pixels(
    root: Path, streams: Sequence[Stream], options: SourceOptions, findings: Findings
) -> tuple[PixelScale | None, Findings]:
    """The scale of deep pictures, None if all are bytes, by the headers of some."""
    every = [s.files[i] for s in streams for i in (0, len(s.files) // 2, len(s.files) - 1)]
    deep = []
    for file in every[:: max(1, len(every) // _SAMPLED)]:
        try:
            header = look_at(file)
        except InputError:
            continue  # reading it says what is wrong
        deep += [file] if header.deep else []
    scale = None
    if deep:
        samples = [
            deep_sample(file)
            for file in (f for s in streams for f in s.files[:: max(1, len(s.files) // 8)])
        ]
        if options.pixel_range is None:
            low, high = min(s.low for s in samples), max(s.high for s in samples)
            raise InputError(
                f"{deep[0]} is grey of {samples[0].dtype} from {low:g} to {high:g}, as maps of "
                "depth are; expected pictures of 8 "
                "bits: choose another --camera, or say --pixel-range, the numbers that are black "
                f"and white (such as {low:g} {high:g})"
            )
        scale = pixel_scale(samples, str(root), options.pixel_range)
        findings = findings.decided("pixel range", scale, scale.reason, "--pixel-range")
    elif options.pixel_range:
        raise InputError(
            f"--pixel-range: the pictures of {root} are bytes; leave --pixel-range out"
        )
    else:
        findings = findings.decided("pixel range", "0 to 255", "bytes")
    return scale, findings


def _own_table(
    root: Path,
    stream: Stream,
    pictures: Mapping[Path, list[Path]],
    inside: Mapping[Path, Sequence[Path]],
    options: SourceOptions,
) -> Table | None:
    """The table at a stream's place; `inside` are the folders of pictures below each folder."""
    if options.no_actions and not options.states:
        return None
    folder, count = stream.folder, len(stream.files)
    alone = folder != root and _is_alone(root, folder, pictures, inside)
    table = table_of(root, folder, (count, count - 1), options, alone)
    if table is None and stream.episode:
        table = table_of(root, folder / stream.episode, (count, count - 1), options, False)
    return table


def _planned(
    stream: Stream,
    table: Table | None,
    shared: Sequence[Table],
    only: bool,
    options: SourceOptions,
) -> tuple[Stream, Table | None]:
    """A stream with its rows: of the table at its place, or of one that tells of several episodes.

    `only` says that there is one folder of pictures.
    """
    if options.no_actions and not options.states:
        return stream, None
    folder = stream.folder
    if table is not None and table not in shared:
        own = (
            shared_rows(table, folder / stream.episode, [f.name for f in stream.files])
            if stream.episode
            else None
        )
        return stream, own or table
    names = [f.name for f in stream.files]
    place = folder / stream.episode if stream.episode else folder
    nearest_first = sorted(shared, key=lambda several: several is not table)
    for several in nearest_first:
        if options.actions_file and options.actions_file not in (
            several.file.name,
            several.file.stem,
        ):
            continue
        rows = shared_rows(several, place, names) or shared_rows(several, folder.parent, names)
        if rows is not None:
            return stream, rows
        if only:
            return stream, several
    return stream, table


def _is_alone(
    root: Path,
    folder: Path,
    pictures: Mapping[Path, list[Path]],
    inside: Mapping[Path, Sequence[Path]],
) -> bool:
    """Whether a folder's pictures, or those of cameras beside it, are the only ones below its
    parent.
    """
    parent = folder.parent
    below = inside.get(parent, ())
    if len(below) < 2:
        return True
    if parent == root or len(below) > _CAMERAS_AT_MOST:
        return False
    return all(f.parent == parent for f in below) and len({len(pictures[f]) for f in below}) == 1


def _roles(
    root: Path,
    planned: Sequence[tuple[Stream, Table | None]],
    options: SourceOptions,
    findings: Findings,
    every: Sequence[Path],
) -> tuple[Roles, Findings]:
    """The columns of the first table, and a stop if tables are near and none was taken."""
    first = next(((s, t) for s, t in planned if t is not None), None)
    if first is None:
        near = [
            f
            for f in every
            if f.suffix.lower() in TABLES and f.suffix.lower() not in (".json", ".txt")
        ]
        if near and not options.no_actions:
            raise InputError(
                f"{root} has tables ({', '.join(str(f.relative_to(root)) for f in near[:4])}) but "
                "none that belongs to a folder of "
                "pictures; expected one in each folder, beside it under its name, or one that "
                "names pictures or episodes: "
                "say --no-actions to read pictures alone"
            )
        return roles(Table(root, {}, {}), options, root), findings
    stream, table = first
    count = len(stream.files)
    found = roles(table, options, root, (count, count - 1, table.length))
    found = in_every_table(found, (own for _, own in planned if own is not None))
    findings += said_columns(table, found, options)
    return found, findings.decided("table", table.file.name, table.dialect or "its place")
