"""Folders of pictures, with a table of conditions in each, beside it, above it, or one for all.

Any folder that holds pictures is an episode; names sort naturally, and what they say of cameras and
episodes is heeded (`_streams`). Its table is found by `_placing`, its rows go with pictures by
`_pairing`, its columns are told apart by `_table_roles`. Where times are known an episode is cut at
gaps. A folder called train, val or test says the split.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..pictures import PICTURES, deep_sample, look_at, number_of, read_picture
from ..sources.findings import Findings
from ..sources.folders import files_under, natural_key, split_of, split_of_path
from ..sources.options import SourceOptions
from ..sources.pixels import PixelScale, pixel_scale
from ..sources.recording import Column, Recording
from ..sources.times import cuts_at_gaps, rate_of
from ._pairing import Pairing, pair
from ._placing import fitting, shared_rows, table_of, tables_in
from ._streams import Stream, one_camera, streams_of
from ._table_roles import (
    Roles,
    episode_column,
    file_columns,
    roles,
    said_columns,
    seconds_from,
    split_column,
    times_of,
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
    shared = _shared(path, list(pictures))
    streams, findings = _streams(path, pictures, shared, options)
    scale, findings = _pixels(path, streams, options, findings)
    inside: dict[Path, list[Path]] = {}
    for folder in pictures:
        for above in (p for p in folder.parents if p.is_relative_to(path)):
            inside.setdefault(above, []).append(folder)
    own = [_own_table(path, stream, pictures, inside, options) for stream in streams]
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
    spans, seconds, findings = _spans(path, planned, found, options, findings)
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
class Span:
    """Pictures of an episode with their rows and times.

    Attributes:
        name: of the episode.
        folder: where the pictures are.
        pictures: in order.
        table: the file of its conditions.
        rows: of that table, after `part` was taken; -1 is a row of zeros.
        part: whether only the rows that belong to `folder` count.
        seconds: of each picture, if the table tells them.
        split: what a folder or the table says.
        session: what the span is a piece of.
    """

    name: str
    folder: Path
    pictures: tuple[Path, ...]
    labels: tuple[Path, ...]
    table: Table | None
    rows: tuple[int, ...]
    seconds: Array | None
    split: str | None
    session: str


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
                    f"{span.folder} has no table of conditions, as other episodes have; expected one in it or beside it: "
                    "add it, say --skip-bad to leave such episodes out, or --no-actions to read pictures alone"
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


def _shared(root: Path, folders: Sequence[Path]) -> list[Table]:
    """Tables that tell of several episodes.

    They name pictures of other folders, or have a column of episodes.
    """
    found = []
    above = {p for f in folders for p in (f, *f.parents) if p == root or p.is_relative_to(root)}
    beside = {p for a in above for p in a.iterdir() if p.is_dir() and p not in above}
    for folder in sorted((above | beside) - set(folders), key=natural_key):
        for file in tables_in(folder):
            table = fitting(file, ())
            if table and (episode_column(table) or file_columns(table)):
                found.append(table)
    return found


def _streams(
    root: Path, pictures: Mapping[Path, list[Path]], shared: Sequence[Table], options: SourceOptions
) -> tuple[list[Stream], Findings]:
    findings, found = Findings(), []
    for folder in sorted(pictures, key=natural_key):
        files = sorted(pictures[folder], key=natural_key)
        inside = [t for f in tables_in(folder) if (t := fitting(f, (len(files), len(files) - 1)))]
        named = {
            w.strip().replace("\\", "/").split("/")[-1]
            for t in (*inside, *shared)
            for c in file_columns(t)
            for w in t.words[c]
        }
        if named & {f.name for f in files}:
            found.append(Stream(folder, tuple(files)))
            continue
        streams, said = streams_of(folder, files)
        found += streams
        findings += said
    named_by_table = any(len(file_columns(t)) > 1 for t in shared)
    if named_by_table:
        return found, findings
    try:
        deep = [s.camera or s.folder.name for s in found if look_at(s.files[0]).deep]
    except InputError:
        deep = []
    streams, said = one_camera(
        root, found, replace(options, camera=_camera_of(found, shared, options)), deep
    )
    return streams, findings + said


def _camera_of(
    found: Sequence[Stream], shared: Sequence[Table], options: SourceOptions
) -> str | None:
    """The chosen camera, unless it is a column of a table that names files."""
    inside = [t for s in found for f in tables_in(s.folder) if (t := fitting(f, ()))][:8]
    columns = {c for t in (*shared, *inside) for c in file_columns(t)} if options.camera else set()
    return None if options.camera in columns else options.camera


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
                f"{deep[0]} is grey of {samples[0].dtype} from {low:g} to {high:g}, as maps of depth are; expected pictures of 8 "
                f"bits: choose another --camera, or say --pixel-range, the numbers that are black and white (such as {low:g} {high:g})"
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
                f"{root} has tables ({', '.join(str(f.relative_to(root)) for f in near[:4])}) but none that belongs to a folder of "
                "pictures; expected one in each folder, beside it under its name, or one that names pictures or episodes: "
                "say --no-actions to read pictures alone"
            )
        return roles(Table(root, {}, {}), options, root), findings
    stream, table = first
    count = len(stream.files)
    found = roles(table, options, root, (count, count - 1, table.length))
    findings += said_columns(table, found)
    return found, findings.decided("table", table.file.name, table.dialect or "its place")


def _spans(
    root: Path,
    planned: Sequence[tuple[Stream, Table | None]],
    found: Roles,
    options: SourceOptions,
    findings: Findings,
) -> tuple[list[Span], Array, Findings]:
    spans: list[Span] = []
    cuts, lone, rates = 0, [], np.zeros(0)
    for stream, table in planned:
        try:
            paired = _paired(stream, table, found, options)
        except InputError as error:
            if not options.skip_bad:
                raise
            findings = findings.ignores(_name(root, stream), f"broken: {error}")
            continue
        findings = (
            findings.decided("pairing", paired.reason, "what fits")
            if table is not None and not spans
            else findings
        )
        if paired.unused:
            findings = findings.warn(f"{_name(root, stream)}: {paired.unused}")
        seconds = _seconds(table, paired)
        rates = seconds if seconds is not None and not len(rates) else rates
        gaps = set(cuts_at_gaps(seconds, options.max_gap_s)) if seconds is not None else set()
        cuts += len(gaps)
        bounds = [
            0,
            *sorted(gaps | set(paired.breaks) | _changes(table, paired)),
            len(paired.pictures),
        ]
        for a, b in zip(bounds, bounds[1:], strict=False):
            if b - a < 2:
                lone += (
                    [f"{_name(root, stream)} ({stream.files[paired.pictures[a]].name})"]
                    if b > a
                    else []
                )
                continue
            spans.append(_span(root, stream, table, paired, seconds, (a, b), options))
    if cuts:
        findings = findings.decided("cuts", cuts, "gaps in the times", "--max-gap-s")
    if lone:
        findings = findings.warn(
            f"{len(lone)} episodes or pieces of one picture were left out, since one picture shows no movement: {', '.join(lone[:6])}"
        )
    if not spans:
        raise InputError(
            f"{root} has no two pictures that follow each other; expected episodes of several pictures"
        )
    if not len(rates):
        options.refuse("no table tells the time of these pictures", "max_gap_s")
    return spans, rates, findings


def _paired(stream: Stream, table: Table | None, found: Roles, options: SourceOptions) -> Pairing:
    if table is None or not (found.any or file_columns(table) or times_of(table)):
        return Pairing(tuple(range(len(stream.files))), (-1,) * len(stream.files), "pictures alone")
    names = [file.name for file in stream.files]
    paired = pair(names, table, options, stream.folder, bool(found.keys.get("state")))
    column = episode_column(table)
    if column is None:
        return paired
    key = _key(table, column)
    order = sorted(range(len(paired.rows)), key=lambda i: key.index(key[paired.rows[i]]))
    if order == list(range(len(order))):
        return paired
    return replace(
        paired,
        pictures=tuple(paired.pictures[i] for i in order),
        rows=tuple(paired.rows[i] for i in order),
        breaks=(),
    )


def _key(table: Table, column: str) -> list[Any]:
    return (
        list(table.words[column]) if column in table.words else table.numbers[column][:, 0].tolist()
    )


def _changes(table: Table | None, paired: Pairing) -> set[int]:
    """Where the column of episodes changes."""
    column = episode_column(table) if table is not None else None
    if table is None or column is None or paired.reason == "pictures alone":
        return set()
    key = [_key(table, column)[row] for row in paired.rows]
    return {i for i in range(1, len(key)) if key[i] != key[i - 1]}


def _seconds(table: Table | None, paired: Pairing) -> Array | None:
    clock = times_of(table) if table is not None else None
    if clock is None or -1 in paired.rows:
        return None
    seconds = seconds_from(*clock)
    return np.asarray(seconds[list(paired.rows)], np.float64)


def _span(
    root: Path,
    stream: Stream,
    table: Table | None,
    paired: Pairing,
    seconds: Array | None,
    bounds: tuple[int, int],
    options: SourceOptions,
) -> Span:
    a, b = bounds
    name = _name(root, stream)
    whole = (a, b) == (0, len(stream.files))
    column = episode_column(table) if table is not None else None
    split = split_of_path(root, stream.folder) if stream.folder != root else None
    if table is not None and (said := split_column(table)) and paired.rows[a] >= 0:
        split = split or split_of(table.words[said][paired.rows[a]])
    where = name if whole else f"{name}/{paired.pictures[a]}"
    if column is not None and table is not None and paired.rows[a] >= 0 and not whole:
        where = f"{name}/{_key(table, column)[paired.rows[a]]}-{paired.pictures[a]}"
    chosen = tuple(stream.files[i] for i in paired.pictures[a:b])
    return Span(
        where,
        stream.folder,
        chosen,
        _labels(stream, chosen, options.labels),
        table,
        paired.rows[a:b],
        seconds[a:b] if seconds is not None else None,
        split,
        name,
    )


def _name(root: Path, stream: Stream) -> str:
    base = str(stream.folder.relative_to(root)) if stream.folder != root else stream.folder.name
    return f"{base}/{stream.episode}" if stream.episode else base


def _labels(stream: Stream, chosen: Sequence[Path], labels: str | None) -> tuple[Path, ...]:
    if not labels:
        return ()
    inside = stream.folder / labels
    there = inside if inside.is_dir() else stream.folder.parent / labels
    drawn = {number_of(f): f for f in there.glob("*") if f.suffix.lower() in PICTURES}
    if not set(map(number_of, chosen)) <= set(drawn):
        raise InputError(
            f"{there} has {len(drawn)} label images for the {len(chosen)} pictures of {stream.folder}; expected one each, "
            "of the same numbers"
        )
    return tuple(drawn[number_of(file)] for file in chosen)
