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
from ..sources.findings import Findings
from ..sources.folders import files_under, split_of_path
from ..sources.options import SourceOptions
from ..sources.pixels import PixelScale, pixel_scale
from ..sources.recording import Column, Recording
from ._placing import fitting, shared_rows, tables_in
from ._streams import Stream, one_camera
from ._table_roles import Roles
from ._video_spans import Span, common_rate, spans_of
from ._video_tables import roles_in, table_beside
from ._videos import VIDEOS, VideoHeader, deep_sample, look_at, pictures

Array = NDArray[Any]

GENERAL = True
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
        file: table_beside(root, file, header, len(looked), shared, options)
        for file, header in looked.items()
    }
    found, findings = roles_in(root, looked, tables, options, findings)
    spans, clocks, findings = spans_of(root, looked, tables, found, options, findings)
    lag = 1 if options.lag is None else options.lag
    if found.keys.get("action"):
        findings = findings.decided(
            "lag", lag, "--lag" if options.lag is not None else _LAG, "--lag"
        )
    splits = {file: split(root, file) for file in files}
    findings = findings.reads(looked).reads(t.file for t in tables.values() if t is not None)
    rate, findings = common_rate(clocks, findings)
    return Videos(path, tuple(spans), found, lag, options.labels, splits, scale, findings, rate)


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

    def read(self, index: int) -> Recording:
        span = self.spans[index]
        values: dict[str, Array] = {}
        if self.found.any:
            if span.table is None:
                raise InputError(
                    f"{span.file} has no table beside it, as others have; "
                    "expected one of its name: add it, say --skip-bad to "
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
            f"{span.file} ends after {count} pictures; expected {span.count}: "
            "fetch it again, or say --skip-bad to leave it out"
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
                f"{deep[0]} is grey of {samples[0].dtype} ({low:g} to {high:g} in its first "
                "picture), as maps of depth are; expected "
                "pictures of 8 bits: leave it out, or say --pixel-range, the numbers that are "
                "black and white (such as 0 65535)"
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
