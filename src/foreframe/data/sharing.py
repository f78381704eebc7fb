"""Sharing a source out into splits: as it says itself, by sessions, by episodes, or by time.

Letters: T frames of a session.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .sources.findings import Findings
from .sources.recording import Column, Recording, Source, findings_of
from .splitting import SplitOptions, assign_splits
from .store import SPLITS

Array = NDArray[Any]

_SHORTEST_CUT = 12  # frames of a recording that can be cut into three
_PART = 12  # frames that validate and test get of a short recording, if a quarter of it is as long


def shared_out(source: Source, options: SplitOptions) -> tuple[SharedOut, list[str]]:
    """Return the source with the rule of its splits among its findings, and a split per episode.

    What belongs together falls into one split: the pieces of a session, or an episode where no
    sessions are known. One or two recordings are cut by time, the only way to a test split.

    Raises:
        InputError: `--split-by session` of a source that knows no sessions.
    """
    first = _first_readable(source)
    if first is None or options.listed is not None or (first.split and options.by is None):
        rule = _rule_of_source(options)
        return _whole(source, options, rule, as_said=True)
    known = first.session is not None
    if options.by == "session" and not known:
        raise InputError(
            "--split-by session needs recordings that say their session; "
            "expected --split-by episode or time for this source"
        )
    cut = options.by == "time"
    if not cut and not options.kept and (options.by == "episode" or not (known or _few(source))):
        return _whole(source, options, _rule_of_episodes(options), as_said=options.by is None)
    together = known and options.by != "episode"
    pieces = [_piece(source, i, together) for i in range(len(source))]
    said = [Part(p.number, p.split) for p in pieces if p.split and options.by is None]
    rest = [p for p in pieces if not (p.split and options.by is None)]
    parts, rule = _cut(rest, options) if cut else _drawn(rest, options, together)
    parts = sorted(said + parts, key=lambda part: (part.recording, part.stretch or ()))
    shared = SharedOut(source, tuple(parts), options.shares, rule, options.by is None, options.kept)
    return shared, [part.split for part in parts]


@dataclass(frozen=True)
class Piece:
    """What sharing out needs to know of a recording.

    Attributes:
        number: its number in the source.
        name: its name.
        session: what it is a piece of; its number where that is not known.
        frames: how many it has; 0 if it cannot be cut or read.
        split: what the source says; empty if it says nothing.
    """

    number: int
    name: str
    session: str
    frames: int
    split: str = ""


@dataclass(frozen=True)
class Part:
    """An episode of the store: a recording, or a stretch of it.

    Attributes:
        recording: its number in the source.
        split: where it goes.
        stretch: its first frame, the frame after its last, and how many the recording has; None is
            the whole.
    """

    recording: int
    split: str
    stretch: tuple[int, int, int] | None = None


@dataclass(frozen=True)
class SharedOut:
    """A source whose recordings go into splits, some of them cut by time.

    Attributes:
        source: the recordings.
        parts: the episodes of the store, in order.
        shares: of the frames, where a recording is cut.
        rule: what decided the splits.
        as_said: whether a split that the source says goes before that of the part.
        kept: splits by name that an earlier import drew.
    """

    source: Source
    parts: tuple[Part, ...]
    shares: tuple[float, float, float]
    rule: Findings
    as_said: bool
    kept: Mapping[str, str] = field(default_factory=dict)
    _readings: dict[int, _Reading] = field(default_factory=dict, compare=False, repr=False)

    @property
    def columns(self) -> Mapping[str, Column]:
        return self.source.columns

    @property
    def frames_per_second(self) -> float | None:
        return self.source.frames_per_second

    @cached_property
    def findings(self) -> Findings:
        return findings_of(self.source) + self.rule

    def __len__(self) -> int:
        return len(self.parts)

    def read(self, index: int) -> Recording:
        """Return a recording or its stretch, with its split."""
        part = self.parts[index]
        recording = self.source.read(part.recording)
        if part.stretch is None:
            said = recording.split if self.as_said else None
            split = said or self.kept.get(recording.name) or part.split
            return dataclasses.replace(recording, split=split)
        begin, end, length = part.stretch
        reading = self._continued(part.recording, begin, recording)
        return dataclasses.replace(
            recording,
            name=f"{recording.name}/{part.split}",
            frames=self._between(reading, end, length),
            values={name: rows[begin:end] for name, rows in recording.values.items()},
            facts={**reading.recording.facts, "stretch": [begin, end, length]},
            times_s=None if recording.times_s is None else recording.times_s[begin:end],
            split=part.split,
        )

    def _continued(self, number: int, begin: int, recording: Recording) -> _Reading:
        """The recording that the stretch before was read from, if that ended at `begin`."""
        reading = self._readings.pop(number, None)
        if reading is not None and reading.at == begin:
            return reading
        frames = iter(recording.frames)
        return _Reading(number, recording, itertools.islice(frames, begin, None), begin)

    def _between(self, reading: _Reading, end: int, length: int) -> Iterator[Array]:
        """Frames up to `end`, which are kept for the next stretch to go on from.

        At the end of the recording the rest is taken too, so that a wrong count is seen.
        """
        yield from itertools.islice(reading.frames, None if end == length else end - reading.at)
        self._readings.clear()
        self._readings[reading.number] = dataclasses.replace(reading, at=end)


@dataclass(frozen=True)
class _Reading:
    """A recording that is read stretch by stretch.

    Attributes:
        number: its number in the source.
        recording: what the frames are from.
        frames: the rest of its frames.
        at: the number of the next one.
    """

    number: int
    recording: Recording
    frames: Iterator[Array]
    at: int


def _whole(
    source: Source, options: SplitOptions, rule: Findings, as_said: bool
) -> tuple[SharedOut, list[str]]:
    """Every recording whole, drawn by itself."""
    splits = assign_splits(len(source), options.seed, options.shares)
    parts = tuple(Part(i, split) for i, split in enumerate(splits))
    return SharedOut(source, parts, options.shares, rule, as_said, options.kept), splits


def _rule_of_source(options: SplitOptions) -> Findings:
    if options.listed is not None:
        return Findings().decided("splits", "as listed", "--split-list", "--split-list")
    why = "its folders, masks or lists"
    what = "as the source has them; an episode that it says nothing of is drawn"
    return Findings().decided("splits", what, why, "--split-by")


def _rule_of_episodes(options: SplitOptions) -> Findings:
    shares = " / ".join(f"{share:g}" for share in options.shares)
    what = f"episodes drawn {shares} with seed {options.seed}"
    known = "no sessions are known" if options.by is None else "--split-by episode"
    return Findings().decided("splits", what, known, "--splits, --split-list or --split-by")


def _few(source: Source) -> bool:
    """Whether there are too few recordings to share them out whole."""
    return len(source) < len(SPLITS)


def _cut(pieces: Sequence[Piece], options: SplitOptions) -> tuple[list[Part], Findings]:
    """Every session cut by time; those too short for that by whole pieces, or not at all."""
    parts, short = [], []
    for session in _by_session(pieces).values():
        cut = _along(session, options.shares)
        parts += cut
        short += [] if cut else session
    why = "--split-by time" if options.by == "time" else "there are too few to share out whole"
    what = "every recording is cut by time: its beginning trains, its end tests"
    rule = Findings().decided("splits", what, why, "--split-by") if parts else Findings()
    if len(short) >= len(SPLITS) and min(options.shares) > 0:
        splits = _in_order([piece.frames for piece in short], options.shares)
        what = f"{len(short)} pieces in order of time: the first train, the last test"
        rule = rule.decided("splits", what, f"{why}, and too short to be cut", "--split-by")
    else:
        splits = [options.kept.get(piece.name, "train") for piece in short]
        rule = rule.warn(*_too_short(short))
    return [*parts, *(Part(p.number, s) for p, s in zip(short, splits, strict=True))], rule


def _too_short(pieces: Sequence[Piece]) -> list[str]:
    if not pieces:
        return []
    return [
        f"{len(pieces)} recordings of fewer than {_SHORTEST_CUT} frames cannot be cut by time "
        f"and train as they are: {', '.join(piece.name for piece in pieces[:3])}"
    ]


def _by_session(pieces: Sequence[Piece]) -> dict[str, list[Piece]]:
    found: dict[str, list[Piece]] = {}
    for piece in pieces:
        found.setdefault(piece.session, []).append(piece)
    return found


def _along(session: Sequence[Piece], shares: tuple[float, float, float]) -> list[Part]:
    """The pieces of a session shared out along its time, cut where a split ends within a piece.

    Nothing if it cannot be cut.
    """
    total = sum(piece.frames for piece in session)
    if total < _SHORTEST_CUT or min(shares) <= 0 or not all(p.frames for p in session):
        return []
    ends = np.cumsum([piece.frames for piece in session]).tolist()
    bounds = _bounds(total, shares, ends)
    found = []
    for piece, end in zip(session, ends, strict=True):
        begin = end - piece.frames
        for split, (first, last) in zip(SPLITS, bounds, strict=True):
            a, b = max(first, begin) - begin, min(last, end) - begin
            if a < b:
                stretch = None if b - a == piece.frames else (a, b, piece.frames)
                found.append(Part(piece.number, split, stretch))
    cut = [part.stretch for part in found if part.stretch is not None]
    return found if all(length >= _SHORTEST_CUT for _, _, length in cut) else []


def _in_order(frames: Sequence[int], shares: Sequence[float]) -> list[str]:
    """The split of each of three or more pieces that follow each other.

    >>> _in_order([10] * 10, (0.8, 0.1, 0.1)).count("train"), _in_order([9, 9, 9], (0.8, 0.1, 0.1))
    (8, ['train', 'validate', 'test'])
    """
    lengths = np.maximum(frames, 1)
    middles = (np.cumsum(lengths) - lengths / 2) / lengths.sum()
    numbers = np.searchsorted(np.cumsum(shares) / sum(shares), middles)
    numbers[0], numbers[-1] = 0, len(SPLITS) - 1
    if 1 not in numbers:
        numbers[-2] = 1
    return [SPLITS[number] for number in numbers]


def _drawn(
    pieces: Sequence[Piece], options: SplitOptions, together: bool
) -> tuple[list[Part], Findings]:
    """Sessions drawn as wholes; what an earlier import drew stays where it was."""
    sessions = _by_session(pieces)
    old = {name: found for name, found in sessions.items() if _was_there(found, options.kept)}
    fresh = [name for name in sessions if name not in old]
    if not old and len(fresh) < np.count_nonzero(options.shares):
        return _cut(pieces, options)
    drawn = dict(zip(fresh, assign_splits(len(fresh), options.seed, options.shares), strict=True))
    parts = [part for found in old.values() for part in _as_before(found, options)]
    parts += [Part(p.number, drawn[name]) for name in fresh for p in sessions[name]]
    rule = _rule_of_episodes(options)
    if together:
        rule = Findings().decided(
            "splits",
            f"{len(sessions)} sessions drawn whole with seed {options.seed}",
            "the pieces of a session share a split",
            "--split-by",
        )
    if old:
        rule = rule.remark("episodes of an earlier import keep their splits")
    return parts, rule


def _was_there(session: Sequence[Piece], kept: Mapping[str, str]) -> bool:
    return any(p.name in kept or _stretches_of(p, kept) for p in session)


def _stretches_of(piece: Piece, kept: Mapping[str, str]) -> list[str]:
    """The splits of a recording that an earlier import cut by time."""
    return [split for split in SPLITS if kept.get(f"{piece.name}/{split}") == split]


def _as_before(session: Sequence[Piece], options: SplitOptions) -> list[Part]:
    """A session that an earlier import drew; new pieces of it go with its last."""
    if any(_stretches_of(piece, options.kept) for piece in session):
        return _along(session, options.shares) or [Part(p.number, "train") for p in session]
    last = next(options.kept[p.name] for p in reversed(session) if p.name in options.kept)
    return [Part(p.number, options.kept.get(p.name, last)) for p in session]


def _bounds(
    length: int, shares: Sequence[float], edges: Sequence[int] = ()
) -> list[tuple[int, int]]:
    """Where training, validation and test begin and end along a recording.

    `edges` are where its pieces end: a cut near one is made there.

    >>> _bounds(100, (0.8, 0.1, 0.1)), _bounds(20, (0.8, 0.1, 0.1))
    ([(0, 76), (76, 88), (88, 100)], [(0, 10), (10, 15), (15, 20)])
    >>> _bounds(100, (0.8, 0.1, 0.1), [40, 80, 90, 100])
    [(0, 80), (80, 90), (90, 100)]
    """
    least = min(_PART, length // 4)
    test, validate = (
        max(least, round(length * share / sum(shares))) for share in (shares[2], shares[1])
    )
    cuts, ends = [0], (length - test - validate, length - test)
    for cut in ends:
        near = [e for e in edges if abs(e - cut) < least and cuts[-1] < e < length]
        cuts.append(min(near, key=lambda e: abs(e - cut), default=cut))
    if len({*cuts, length}) <= len(ends) + 1:
        cuts = [0, *ends]
    return list(zip(cuts, [*cuts[1:], length], strict=True))


def _piece(source: Source, number: int, together: bool) -> Piece:
    """What a recording says of itself; one that cannot be read stands for itself."""
    alone = f"recording {number}"
    try:
        recording = source.read(number)
        session = recording.session if together else None
        frames = 0 if recording.withheld else _length(recording)
        said = recording.split or ""
        return Piece(number, recording.name, session or alone, frames, said)
    except InputError:
        return Piece(number, alone, alone, 0)


def _length(recording: Recording) -> int:
    """How many frames there are, by the rows, the times, or counting."""
    rows = next((len(rows) for rows in recording.values.values()), None)
    if rows is None and recording.times_s is not None:
        rows = len(recording.times_s)
    return sum(1 for _ in recording.frames) if rows is None else rows


def _first_readable(source: Source) -> Recording | None:
    for index in range(len(source)):
        try:
            return source.read(index)
        except InputError:
            continue
    return None
