"""NumPy archives: frames and actions of one episode per file, under the names people give them.

Frames may be [T, H, W, C], [T, C, H, W], [T, 3 K, H, W] (K stacked pictures, the last one current)
or grey [T, H, W]; C is 1, 3 or 4. One scale of pixels and one lag hold for all files. The lag is
that of `--lag`; else actions between frames (T - 1 of them) lead on, and a first action of zeros in
every file says that row k led to frame k.

Letters: T frames, H height, W width, C channels, K stacked pictures.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..pictures import as_pictures
from ..sources.findings import AmbiguousSource, Findings
from ..sources.folders import files_under, is_leftover, split_of_path
from ..sources.options import SourceOptions
from ..sources.pixels import (
    ChannelLayout,
    PixelSample,
    PixelScale,
    channel_layout,
    is_depth,
    pixel_scale,
)
from ..sources.recording import Column, Recording, Role, one_a_frame, side_by_side
from ..sources.targets import TARGETS, target_column, targets_among
from ..sources.times import cuts_at_gaps, rate_of, seconds_of, tells_time
from ._archives import Archive, Member, numbers_of

Array = NDArray[Any]
Span = tuple[Path, int, int]

_FRAMES = (
    "frames", "aux1_image", "image", "images", "img", "imgs", "rgb", "pixels", "video",
    "observation", "observations", "obs",
)  # fmt: skip
_ACTIONS = ("action", "actions")
_STATES = ("endeffector_pos", "endeffector_positions", "state", "states")
_LABELS = ("label", "labels", "label_images")
_SAMPLED = 16  # files whose pixels are looked at before anything is read
_MOST = 0.5


def recognises(path: Path) -> bool:
    return path.suffix == ".npz" or (
        path.is_dir() and any(f.suffix == ".npz" and not is_leftover(f) for f in path.glob("*.npz"))
    )


def open_recordings(path: Path, options: SourceOptions) -> Archives:
    options.refuse("an archive holds its own actions", "actions_file", "layout")
    files = [f for f in files_under(path) if f.suffix == ".npz"] if path.is_dir() else [path]
    if not files:
        raise InputError(f"{path} has no .npz files; expected one episode per file")
    with Archive.open(files[0], options) as archive:
        members = dict(archive.members)
    keys = list(members)
    frames = _camera(files[0], members, options)
    chosen: dict[Role, tuple[str, ...]] = {
        "action": () if options.no_actions else options.some("actions", keys, _ACTIONS, files[0]),
        "state": options.some("states", keys, _STATES, files[0]),
    }
    labels = options.one("labels", keys, _LABELS, files[0])
    files, looked, findings = _all_looked(files, frames, chosen, options)
    files, looked, findings = _without_lost_rows(files, looked, options, findings)
    common = [key for key in keys if all(key in seen.single for seen in looked)]
    targets = targets_among(common, (*chosen["action"], *chosen["state"]))
    chosen |= {role: (key,) for role, key in targets.items()}
    layout = channel_layout(looked[0].frames.shape, f"{files[0]}: {frames}")
    scale = _scale(files, frames, options)
    lag, why = _lag(files, looked, options) if chosen["action"] else (1, "no actions")
    findings = findings.decided("camera", frames, _why_camera(frames, options), "--camera")
    findings = findings.decided("channels", layout.kind, layout.reason)
    findings = findings.decided("pixel range", scale, scale.reason, "--pixel-range")
    if chosen["action"]:
        findings = findings.decided("lag", lag, why, "--lag")
    findings = _columns_said(findings, members, frames, chosen, labels)
    spans, seconds, findings = _spans(files, looked, options, findings)
    source = Archives(
        path, tuple(spans), frames, chosen, labels, layout, scale, lag, options, findings,
        rate_of(seconds), {},
    )  # fmt: skip
    return dataclasses.replace(source, columns=source.described())


@dataclass(frozen=True)
class Archives:
    """One episode per file, or per stretch of a file without a gap in time.

    `keys` are those of the vector columns.
    """

    root: Path
    spans: tuple[Span, ...]
    frames_key: str
    keys: Mapping[Role, tuple[str, ...]]
    labels_key: str | None
    layout: ChannelLayout
    scale: PixelScale
    lag: int
    options: SourceOptions
    findings: Findings
    frames_per_second: float | None
    columns: Mapping[str, Column]

    def described(self) -> dict[str, Column]:
        """Return the columns as the first file has them."""
        file = self.spans[0][0]
        found = {}
        with Archive.open(file, self.options) as archive:
            for role, keys in self.keys.items():
                members = {k: numbers_of(file, k, archive.member(k)) for k in keys}
                widths = {k: int(np.prod(m.shape[1:], dtype=int)) for k, m in members.items()}
                if role in TARGETS:
                    found[str(role)] = target_column(role, self.lag)
                elif widths:
                    column = side_by_side(role, widths, self.lag if role == "action" else 1)
                    kinds = [_kind(m) for k, m in members.items() for _ in range(widths[k])]
                    found[str(role)] = dataclasses.replace(column, kinds=tuple(kinds))
            if self.labels_key:
                shape = archive.member(self.labels_key).shape
                size = as_pictures(np.zeros((1, *shape[1:]), np.uint8), str(file)).shape[1:]
                found["label"] = Column("label", "uint8", size, lag=0)
        return found

    def __len__(self) -> int:
        return len(self.spans)

    def files_read(self, index: int) -> tuple[Path, ...]:
        return (self.spans[index][0],)

    def read(self, index: int) -> Recording:
        file, first, last = self.spans[index]
        values = {}
        with Archive.open(file, self.options) as archive:
            member = archive.member(self.frames_key)
            if len(member.shape) != len(self._shape):
                raise InputError(
                    f"{file}: {self.frames_key} has shape {list(member.shape)}; "
                    f"expected {len(self._shape)} axes as in "
                    f"{self.spans[0][0].name}"
                )
            count = member.shape[0]
            for role, keys in self.keys.items():
                lag = 1 if role == "state" else self.lag
                rows = [_rows(archive, file, k, count, role, lag) for k in keys]
                if rows:
                    values[str(role)] = np.concatenate(rows, 1)[first:last]
            if self.labels_key:
                labels = as_pictures(archive.read(self.labels_key), f"{file}: {self.labels_key}")
                values["label"] = labels[first:last]
        name = (
            file.relative_to(self.root).with_suffix("").as_posix()
            if file != self.root
            else file.stem
        )
        whole = (first, last) == (0, count)
        split = split_of_path(self.root, file) if file != self.root else None
        where = name if whole else f"{name}/{first}"
        return Recording(where, self._frames(file, first, last), values, split, session=name)

    @property
    def _shape(self) -> tuple[int, ...]:
        return (0,) * (3 if self.layout.axis is None else 4)

    def _frames(self, file: Path, first: int, last: int) -> Iterator[Array]:
        """Pictures `first` ... `last` - 1, a few at a time."""
        where, at = f"{file}: {self.frames_key}", 0
        with Archive.open(file, self.options) as archive:
            shape = archive.member(self.frames_key).shape
            layout = channel_layout(shape, where)
            for block in archive.blocks(self.frames_key):
                shown = self.scale.to_bytes(layout.to_rgb(block, self.scale.high), where)
                yield from shown[max(first - at, 0) : max(last - at, 0)]
                at += len(block)


@dataclass(frozen=True)
class _Looked:
    """What is known of a file without its pictures; `single` members have a number per frame."""

    frames: Member
    actions: Array | None
    seconds: Array
    single: tuple[str, ...]


def _look(
    file: Path, frames: str, keys: Mapping[Role, Sequence[str]], options: SourceOptions
) -> _Looked:
    with Archive.open(file, options) as archive:
        member = numbers_of(file, frames, archive.member(frames))
        options.check_memory(member.nbytes, f"{file}: {frames}")
        actions = [archive.read(k) for k in keys["action"] if k in archive.members]
        flat = [a.reshape(len(a), -1)[:2] for a in actions if a.ndim and a.dtype.kind in "biuf"]
        lengths = {len(a) for a in actions if a.ndim}
        seconds = np.zeros(0)
        for key, found in archive.members.items():
            if found.shape == member.shape[:1] and found.dtype.kind in "iuf" and "time" in key:
                rows = archive.read(key)
                seconds = seconds_of(rows, key) if tells_time(key, rows) else seconds
    short = lengths == {member.shape[0] - 1}
    tells = bool(flat) and not short and any(a.any() for a in actions)  # all zeros tell nothing
    first = np.concatenate(flat, 1) if tells else None
    count = member.shape[0]
    single = tuple(key for key, found in archive.members.items() if _is_single(found, count))
    return _Looked(member, np.zeros((0, 0)) if short else first, seconds, single)


def _all_looked(
    files: Sequence[Path],
    frames: str,
    keys: Mapping[Role, Sequence[str]],
    options: SourceOptions,
) -> tuple[list[Path], list[_Looked], Findings]:
    """What is known of every file; with --skip-bad, without those that cannot be opened."""
    findings, kept, looked = Findings().reads(files), [], []
    for file in files:
        try:
            looked.append(_look(file, frames, keys, options))
            kept.append(file)
        except InputError as error:
            if not options.skip_bad or not len(files) > 1:
                raise
            findings = findings.ignores(file.name, f"broken: {error}")
    if not kept:
        raise InputError(
            f"{files[0]} and {len(files) - 1} others cannot be read; expected archives"
        )
    return kept, looked, findings


def _without_lost_rows(
    files: list[Path], looked: list[_Looked], options: SourceOptions, findings: Findings
) -> tuple[list[Path], list[_Looked], Findings]:
    """Leave out files that have one action less than frames, where others have one per frame.

    Raises:
        InputError: there are such files, and neither --skip-bad nor --lag says what to do.
    """
    short = [file for file, seen in zip(files, looked, strict=True) if _is_short(seen)]
    if not short or len(short) == len(files) or options.lag is not None:
        return files, looked, findings
    said = (
        f"{len(short)} of {len(files)} files have one action less than frames, such as {short[0]}, "
        "and the others one per frame: an action may be missing anywhere"
    )
    if not options.skip_bad:
        raise InputError(
            f"{said}; expected the same in all files: mend them, say --skip-bad to leave them "
            "out, or --lag 1 if their actions lead from frame to frame"
        )
    for file in short:
        findings = findings.ignores(file.name, "broken: it has one action less than frames")
    kept = [(f, seen) for f, seen in zip(files, looked, strict=True) if not _is_short(seen)]
    return [f for f, _ in kept], [seen for _, seen in kept], findings


def _is_short(seen: _Looked) -> bool:
    return seen.actions is not None and not seen.actions.size


def _lag(
    files: Sequence[Path], looked: Sequence[_Looked], options: SourceOptions
) -> tuple[int, str]:
    """The one lag of all files, and what decided it."""
    if options.lag is not None:
        return options.lag, "--lag"
    if any(map(_is_short, looked)):
        return 1, "one action less than frames in every file: each leads on to the next frame"
    with_rows = [
        seen.actions for seen in looked if seen.actions is not None and len(seen.actions) > 1
    ]
    zero = [rows for rows in with_rows if not rows[0].any()]
    padded = [rows for rows in zero if rows[1].any()]
    said = f"{len(zero)} of {len(with_rows)} files begin with an action of zeros"
    if not zero or len(zero) <= _MOST * len(with_rows):
        return 1, said
    if len(padded) == len(with_rows):
        return 0, said + ", which led to the first frame"
    raise AmbiguousSource(
        files[0].parent,
        (f"{said}, which led to the first frames", "actions that lead on, from rest"),
        "--lag 0 or --lag 1",
    )


def _camera(file: Path, members: Mapping[str, Member], options: SourceOptions) -> str:
    pictures = [k for k, m in members.items() if len(m.shape) >= 3 and m.dtype.kind in "biuf"]
    if options.camera:
        return options.one("camera", list(members), (), file) or ""
    usual = [k for k in _FRAMES if k in members]
    if not usual:
        usual = [k for k in pictures if not is_depth(k) and k not in _LABELS]
        if len(usual) > 1:
            raise AmbiguousSource(file, [f"pictures from {k}" for k in usual], "--camera")
    if not usual:
        raise InputError(
            f"{file} has {', '.join(members)}; expected frames under one of {', '.join(_FRAMES)}: "
            "name them with --camera"
        )
    return usual[0]


def _why_camera(frames: str, options: SourceOptions) -> str:
    return (
        "--camera" if options.camera else "its name" if frames in _FRAMES else "the only pictures"
    )


def _scale(files: Sequence[Path], frames: str, options: SourceOptions) -> PixelScale:
    """One scale for all files: every file's pixels count, unless they are bytes."""
    samples = []
    for number, file in enumerate(files):
        with Archive.open(file, options) as archive:
            member = archive.member(frames)
            if member.dtype == np.uint8 and number >= _SAMPLED:
                continue
            if member.dtype == np.uint8:
                samples.append(PixelSample("uint8", 0.0, 255.0))
                continue
            blocks = [PixelSample.of(block) for block in archive.blocks(frames)]
            low, high = min(b.low for b in blocks), max(b.high for b in blocks)
            samples.append(PixelSample(member.dtype.name, low, high))
    return pixel_scale(samples, f"{files[0].parent}: {frames}", options.pixel_range)


def _rows(archive: Archive, file: Path, key: str, count: int, role: Role, lag: int) -> Array:
    numbers_of(file, key, archive.member(key))
    rows = archive.read(key)
    where = f"{file}: {key}"
    if role == "state" and rows.ndim and len(rows) == count - 1:
        raise InputError(f"{where} has {len(rows)} rows; expected {count}, one per frame")
    if not rows.ndim:
        raise InputError(f"{where} is one number; expected {count} rows, one per frame")
    return one_a_frame(rows, count, where, lag)


def _columns_said(
    findings: Findings,
    members: Mapping[str, Member],
    frames: str,
    keys: Mapping[Role, Sequence[str]],
    labels: str | None,
) -> Findings:
    for role, names in keys.items():
        for name in names:
            width = int(np.prod(members[name].shape[1:], dtype=int))
            findings = findings.takes(name, role, members[name].dtype, width)
    if labels:
        findings = findings.takes(labels, "label", members[labels].dtype)
    taken = {frames, labels, *(n for names in keys.values() for n in names)}
    for name, member in members.items():
        if name in taken:
            continue
        if len(member.shape) >= 3:
            findings = findings.leaves_out(name, "other pictures", f"--camera {name}")
        elif member.shape and member.dtype.kind in "biuf":
            findings = findings.leaves_out(name, "not called action or state", f"--states {name}")
        else:
            findings = findings.leaves_out(name, f"{member.dtype} {list(member.shape)}: no rows")
    return findings


def _spans(
    files: Sequence[Path], looked: Sequence[_Looked], options: SourceOptions, findings: Findings
) -> tuple[list[Span], Array, Findings]:
    spans, cut = [], 0
    for file, found in zip(files, looked, strict=True):
        cuts = cuts_at_gaps(found.seconds, options.max_gap_s)
        cut += len(cuts)
        bounds = [0, *cuts, found.frames.shape[0]]
        spans += [(file, a, b) for a, b in zip(bounds, bounds[1:], strict=False)]
    seconds = looked[0].seconds
    if not len(seconds):
        options.refuse("these archives do not tell the time", "max_gap_s")
    if cut:
        findings = findings.decided("cuts", cut, "gaps in the times", "--max-gap-s")
    return spans, seconds, findings


def _is_single(member: Member, frames: int) -> bool:
    """Whether a member holds one number per frame, or per step between frames."""
    shape = member.shape
    fits = bool(shape) and shape[0] in (frames, frames - 1) and np.prod(shape[1:]) == 1
    return bool(fits and member.dtype.kind in "biuf")


def _kind(member: Member) -> str:
    return {"b": "boolean", "i": "integer", "u": "integer"}.get(member.dtype.kind, "real")
