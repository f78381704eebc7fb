"""Folders of videos or GIFs, an episode each, with a table of conditions beside, in a mirrored
folder, or one for all.

mp4, avi, mov, mkv, webm (PyAV, extra `video`), gif. Tables are those of `images`. As many rows as
pictures go with them one by one; otherwise by time, where the table tells it. An episode is cut at
pauses of the table's clock, or of the video's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..sources.findings import AmbiguousSource, Findings
from ..sources.folders import files_under, split_of_path
from ..sources.options import SourceOptions
from ..sources.pixels import PixelScale, pixel_scale
from ..sources.recording import Column, Recording
from ..sources.times import cuts_at_gaps, rate_of
from ._pairing import Pairing, by_time, one_by_one
from ._placing import fitting, shared_rows, table_of, tables_in
from ._streams import Stream, one_camera
from ._table_roles import Roles, roles, said_columns, seconds_from, times_of
from ._tables import TABLES, Table
from ._videos import VIDEOS, VideoHeader, deep_sample, look_at, pictures

Array = NDArray[Any]

GENERAL = True
_SAME_RATE = 0.02
_LAG = "rows of a table lead on from their picture"


def recognises(path: Path) -> bool:
    return bool(files_of(path))


def open_recordings(path: Path, options: SourceOptions) -> Videos:
    options.refuse("videos have one layout", "layout")
    return videos(path, files_of(path), options, _split)


def videos(
    path: Path,
    files: Sequence[Path],
    options: SourceOptions,
    split: Callable[[Path, Path], str | None],
) -> Videos:
    """Return the source of these files; `split(path, file)` says a file's split."""
    root = path if path.is_dir() else path.parent
    files = [file for file in files if not (options.labels and file.stem.endswith(options.labels))]
    if not files:
        raise InputError(f"{path} has no videos; expected {', '.join(VIDEOS)}")
    files, findings = _of_one_camera(root, files, options)
    looked, findings = _looked(files, options, findings)
    scale, findings = _shown(looked, options, findings)
    shared = [
        t
        for f in tables_in(root)
        if (t := fitting(f, ())) and len(files) > 1 and shared_rows(t, files[0], [files[0].name])
    ]
    tables = {
        file: _table(root, file, header, len(looked), shared, options)
        for file, header in looked.items()
    }
    found, findings = _roles(root, looked, tables, options, findings)
    spans, clocks, findings = _spans(root, looked, tables, found, options, findings)
    lag = 1 if options.lag is None else options.lag
    if found.keys.get("action"):
        findings = findings.decided(
            "lag", lag, "--lag" if options.lag is not None else _LAG, "--lag"
        )
    splits = {file: split(root, file) for file in files}
    findings = findings.reads(looked).reads(t.file for t in tables.values() if t is not None)
    rate, findings = _rate(clocks, findings)
    return Videos(path, tuple(spans), found, lag, options.labels, splits, scale, findings, rate)


@dataclass(frozen=True)
class Span:
    """A stretch of a video: which of its pictures, with the rows of its table and the times."""

    file: Path
    name: str
    pictures: tuple[int, ...]
    table: Table | None
    rows: tuple[int, ...]
    seconds: Array
    count: int


@dataclass(frozen=True)
class Videos:
    """A stretch of a file per episode.

    With `labels`, the label images are the video whose name has that behind it.
    """

    root: Path
    spans: tuple[Span, ...]
    found: Roles
    lag: int
    labels: str | None
    splits: Mapping[Path, str | None]
    scale: PixelScale | None
    findings: Findings
    frames_per_second: float | None

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        found = self.found.columns(self.lag)
        if self.labels:
            first = next(iter(pictures(self._labels(self.spans[0].file))))
            found["label"] = Column("label", "uint8", first.shape, lag=0)
        return found

    def __len__(self) -> int:
        return len(self.spans)

    def files_read(self, index: int) -> tuple[Path, ...]:
        span = self.spans[index]
        table = [span.table.file] if span.table else []
        return (span.file, *table, *([self._labels(span.file)] if self.labels else []))

    def read(self, index: int) -> Recording:
        span = self.spans[index]
        values: dict[str, Array] = {}
        if self.found.any:
            if span.table is None:
                raise InputError(
                    f"{span.file} has no table beside it, as others have; expected one of its name: add it, say --skip-bad to "
                    "leave such videos out, or --no-actions to read pictures alone"
                )
            rows = span.rows
            if self.lag == 0 and rows[-1] == -1:
                rows = (-1, *rows[:-1])
            values = self.found.values(span.table, rows)
        if self.labels:
            drawn = list(pictures(self._labels(span.file)))
            values["label"] = np.stack([drawn[i] for i in span.pictures])
        return Recording(
            span.name,
            self._frames(span),
            values,
            self.splits[span.file],
            times_s=span.seconds,
            session=str(span.file),
        )

    def _frames(self, span: Span) -> Iterator[Array]:
        """The chosen pictures; an error if the video holds fewer than its index says."""
        wanted, count = set(span.pictures), 0
        for count, picture in enumerate(pictures(span.file, self.scale), start=1):
            if count - 1 in wanted:
                yield picture
            if count - 1 == span.pictures[-1]:
                return
        raise InputError(
            f"{span.file} ends after {count} pictures; expected {span.count}: fetch it again, or say --skip-bad to leave it out"
        )

    def _labels(self, file: Path) -> Path:
        return file.with_stem(file.stem + (self.labels or ""))


def files_of(path: Path) -> list[Path]:
    """Return the videos in a folder, in natural order; or the one that `path` is."""
    if path.is_dir():
        return [file for file in files_under(path) if file.suffix.lower() in VIDEOS]
    return [path] if path.suffix.lower() in VIDEOS else []


def _split(root: Path, file: Path) -> str | None:
    return split_of_path(root, file)


def _of_one_camera(
    root: Path, files: Sequence[Path], options: SourceOptions
) -> tuple[list[Path], Findings]:
    """The videos of one camera, where folders or names say that there are several."""
    places = {file: file.with_suffix("") for file in files}
    streams = [Stream(place, (file,)) for file, place in places.items()]
    chosen, findings = one_camera(root, streams, options)
    return [stream.files[0] for stream in chosen], findings


def _looked(
    files: Sequence[Path], options: SourceOptions, findings: Findings
) -> tuple[dict[Path, VideoHeader], Findings]:
    found = {}
    for file in files:
        try:
            found[file] = look_at(file)
        except InputError as error:
            if not options.skip_bad:
                raise
            findings = findings.ignores(file.name, f"broken: {error}")
    if not found:
        raise InputError(f"none of {len(files)} videos can be read; expected one: see --debug")
    return found, findings


def _shown(
    looked: Mapping[Path, VideoHeader], options: SourceOptions, findings: Findings
) -> tuple[PixelScale | None, Findings]:
    """The scale of deep videos, None if all are of bytes.

    What is done to the pictures, in words.
    """
    deep = [file for file, header in looked.items() if header.deep]
    scale = None
    if deep:
        samples = [deep_sample(file) for file in deep]
        if options.pixel_range is None:
            low, high = min(s.low for s in samples), max(s.high for s in samples)
            raise InputError(
                f"{deep[0]} is grey of {samples[0].dtype} ({low:g} to {high:g} in its first picture), as maps of depth are; expected "
                "pictures of 8 bits: leave it out, or say --pixel-range, the numbers that are black and white (such as 0 65535)"
            )
        scale = pixel_scale(samples, str(deep[0].parent), options.pixel_range)
        findings = findings.decided("pixel range", scale, scale.reason, "--pixel-range")
    elif options.pixel_range:
        raise InputError("--pixel-range: these videos are of bytes; leave --pixel-range out")
    else:
        findings = findings.decided("pixel range", "0 to 255", "bytes")
    for file, header in looked.items():
        if header.turned:
            findings = findings.decided(
                "orientation", f"{file.name} turned: {header.turned}", "its display matrix"
            )
        if abs(header.aspect - 1) > 1e-3:
            findings = findings.decided(
                "aspect",
                f"{file.name} stretched by {header.aspect:.3f}",
                "its pixels are not square",
            )
        if not header.steady:
            findings = findings.warn(
                f"{file.name} has pictures at a variable rate; usually {header.rate} per second"
            )
    return scale, findings


def _table(
    root: Path,
    file: Path,
    header: VideoHeader,
    count: int,
    shared: Sequence[Table],
    options: SourceOptions,
) -> Table | None:
    if options.no_actions and not options.states:
        return None
    length = len(header.times_s)
    found = table_of(root, file, (length, length - 1), options, alone=count == 1 or _is_alone(file))
    if found is not None and found not in shared:
        return found
    for table in shared:
        rows = shared_rows(table, file, [file.name])
        if rows is not None:
            return rows
    return found


def _is_alone(file: Path) -> bool:
    """Whether a video is the only one in its folder."""
    return sum(f.suffix.lower() in VIDEOS for f in file.parent.iterdir()) == 1


def _roles(
    root: Path,
    looked: Mapping[Path, VideoHeader],
    tables: Mapping[Path, Table | None],
    options: SourceOptions,
    findings: Findings,
) -> tuple[Roles, Findings]:
    first = next((file for file, table in tables.items() if table is not None), None)
    if first is None:
        near = (
            [
                f
                for f in files_under(root)
                if f.suffix.lower() in TABLES and f.suffix.lower() not in (".json", ".txt", ".npz")
            ]
            if len(looked) > 1 or root in {f.parent for f in looked}
            else []
        )
        if near and not options.no_actions:
            raise InputError(
                f"{root} has tables ({', '.join(str(f.relative_to(root)) for f in near[:4])}) but none that belongs to a video; "
                "expected one of the video's name beside it, or in a folder beside that of the videos: say --no-actions to read "
                "pictures alone"
            )
        return roles(Table(root, {}, {}), options, root), findings
    table = tables[first]
    assert table is not None
    count = len(looked[first].times_s)
    lacking = [file for file, found in tables.items() if found is None]
    if lacking and not options.skip_bad:
        raise InputError(
            f"{lacking[0].name} has no table beside it, as {table.file.name} is beside {first.name} ({len(lacking)} lack one)"
        )
    found = roles(table, options, root, (count, count - 1, table.length))
    findings += said_columns(table, found)
    return found, findings.decided("table", table.file.name, table.dialect or "its place")


def _spans(
    root: Path,
    looked: Mapping[Path, VideoHeader],
    tables: Mapping[Path, Table | None],
    found: Roles,
    options: SourceOptions,
    findings: Findings,
) -> tuple[list[Span], dict[str, Array], Findings]:
    spans: list[Span] = []
    clocks: dict[str, Array] = {}
    cuts = 0
    for file, header in looked.items():
        try:
            paired, seconds = _paired(file, header, tables[file], found, options.lag)
        except InputError as error:
            if not options.skip_bad:
                raise
            findings = findings.ignores(file.name, f"broken: {error}")
            continue
        if not spans and found.any:
            findings = findings.decided("pairing", paired.reason, "what fits")
        if paired.unused:
            findings = findings.warn(f"{file.name}: {paired.unused}")
        gaps = cuts_at_gaps(seconds, options.max_gap_s)
        cuts += len(gaps)
        clocks[file.name] = seconds
        name = (
            str(file.relative_to(root).with_suffix("")) if file.is_relative_to(root) else file.stem
        )
        bounds = [0, *gaps, len(paired.pictures)]
        for a, b in zip(bounds, bounds[1:], strict=False):
            whole = (a, b) == (0, len(header.times_s))
            where = name if whole else f"{name}/{paired.pictures[a]}"
            if b - a < 2:
                findings = findings.warn(
                    f"{where} is one picture and was left out: it shows no movement"
                )
                continue
            part = (paired.pictures[a:b], tables[file], paired.rows[a:b], seconds[a:b])
            spans.append(Span(file, where, *part, len(header.times_s)))
    if cuts:
        findings = findings.decided("cuts", cuts, "pauses in the times", "--max-gap-s")
    if not spans:
        raise InputError(
            f"{root} has no video of two pictures; expected episodes of several pictures"
        )
    return spans, clocks, findings


def _paired(
    file: Path, header: VideoHeader, table: Table | None, found: Roles, lag: int | None
) -> tuple[Pairing, Array]:
    """Pictures with rows, and the time of each picture.

    Of the table's clock, if it has one, or of the video's.
    """
    count = len(header.times_s)
    if table is None or not found.any:
        return Pairing(tuple(range(count)), (-1,) * count, "pictures alone"), header.times_s
    clock = times_of(table)
    if table.length in (count, count - 1) or clock is None:
        paired = one_by_one(count, table, file, bool(found.keys.get("state")), lag)
        if clock is None or -1 in paired.rows:
            return paired, header.times_s
        return paired, seconds_from(*clock)
    paired = by_time(header.times_s, table, file)
    return paired, header.times_s[list(paired.pictures)]


def _rate(clocks: Mapping[str, Array], findings: Findings) -> tuple[float | None, Findings]:
    """The one rate of all videos.

    Raises:
        AmbiguousSource: videos of different rates.
    """
    rates = {name: rate for name, seconds in clocks.items() if (rate := rate_of(seconds))}
    if not rates:
        return None, findings
    slow, fast = min(rates, key=rates.__getitem__), max(rates, key=rates.__getitem__)
    if rates[fast] > rates[slow] * (1 + _SAME_RATE):
        raise AmbiguousSource(
            f"{len(rates)} videos of different rates",
            [f"{name} at {rates[name]:g} pictures per second" for name in (slow, fast)],
            "separate imports, one per rate (--stride brings the faster one to the slower), then train on all with --data S1,S2",
        )
    first = next(iter(rates.values()))
    return first, findings.decided("rate", f"{first:g} per second", "the times")
