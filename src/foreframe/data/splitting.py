"""Which split every episode falls into.

As the source says, as a list says, or drawn by sessions, or by time.
"""

from __future__ import annotations

import csv
import dataclasses
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .sources.findings import Findings
from .sources.options import SplitBy
from .sources.recording import Column, Recording, Source
from .store import SPLITS

Array = NDArray[Any]

SHARES = (0.8, 0.1, 0.1)  # of the episodes, for train, validate, test
_SHORTEST_CUT = 12  # frames of a recording that can be cut into three
_PART = 12  # frames that validate and test get of a short recording, if a quarter of it is as long


@dataclass(frozen=True)
class SplitOptions:
    """How episodes are shared out.

    Attributes:
        shares: of the episodes, for train, validate and test, where the source has no splits.
        listed: the split of every episode by name, before anything else; None if there is no list.
        seed: draws the splits.
        by: what falls into one split as a whole; None: sessions where they are known, else
            episodes.
        kept: splits of episodes by name that an earlier import drew.
    """

    shares: tuple[float, float, float] = SHARES
    listed: Mapping[str, str] | None = None
    seed: int = 0
    by: SplitBy | None = None
    kept: Mapping[str, str] = field(default_factory=dict)


def assign_splits(count: int, seed: int, shares: Sequence[float] = SHARES) -> list[str]:
    """A split for each of `count` episodes, drawn with a seed. With three or more episodes no split
    with a share is empty.

    >>> assign_splits(4, 0).count("train"), assign_splits(1, 0)
    (2, ['train'])
    """
    if len(shares) != 3 or min(shares) < 0 or sum(shares) <= 0:
        raise InputError(
            f"splits are {list(shares)}; expected three shares for train, validate, test, such as "
            "0.8 0.1 0.1"
        )
    wanted = np.asarray(shares, float) / sum(shares)
    counts = np.floor(wanted * count + 1e-9).astype(int)
    if count >= np.count_nonzero(wanted):
        counts = np.maximum(counts, wanted > 0)
    counts[np.argmax(wanted)] += count - counts.sum()
    order = np.random.default_rng(seed).permutation(count)
    names = np.repeat(SPLITS, counts)
    splits = [""] * count
    for place, name in zip(order, names, strict=True):
        splits[place] = str(name)
    return splits


def shared_out(source: Source, options: SplitOptions) -> tuple[Source, list[str]]:
    """Return the source, cut by time where that is the only way to a test split, and a split for
    each of its episodes.

    Raises:
        InputError: `--split-by session` of a source that knows no sessions; a recording too short
            to be cut.
    """
    drawn = assign_splits(len(source), options.seed, options.shares)
    first = _first_readable(source)
    if options.listed is not None or first is None or (first.split and options.by is None):
        return source, drawn
    known = first.session is not None
    if options.by == "session" and not known:
        raise InputError(
            "--split-by session needs recordings that say their session; "
            "expected --split-by episode or time for this source"
        )
    if options.by == "time":
        return CutByTime(source, options.shares), _times_three(len(source))
    if options.by == "episode" or (not known and len(source) > 2):
        return source, drawn
    sessions = _sessions(source) if known else [str(i) for i in range(len(source))]
    groups = list(dict.fromkeys(sessions))
    if len(groups) >= np.count_nonzero(options.shares):
        of_group = dict(zip(groups, assign_splits(len(groups), options.seed, options.shares)))
        return source, [of_group[session] for session in sessions]
    if min(options.shares) > 0 and _can_be_cut(source):
        return CutByTime(source, options.shares), _times_three(len(source))
    return source, drawn


@dataclass(frozen=True)
class CutByTime:
    """Every recording of a source as three episodes.

    Its beginning to train on, then validate, its end to test.
    """

    source: Source
    shares: tuple[float, float, float]

    @property
    def columns(self) -> Mapping[str, Column]:
        return self.source.columns

    @property
    def frames_per_second(self) -> float | None:
        return self.source.frames_per_second

    @cached_property
    def findings(self) -> Findings:
        return self.source.findings.decided(
            "splits",
            "every recording is cut by time: its beginning trains, its end tests",
            f"{len(self.source)} recordings are too few to share out whole",
            "--split-by",
        )

    def __len__(self) -> int:
        return len(self.source) * len(SPLITS)

    def read(self, index: int) -> Recording:
        """Part `index % 3` of recording `index // 3`."""
        number, part = divmod(index, len(SPLITS))
        recording = self.source.read(number)
        length = _length(recording)
        begin, end = _bounds(length, self.shares)[part]
        if begin == end:
            raise InputError(
                f"episode {recording.name} has {length} frames; "
                f"expected {_SHORTEST_CUT} or more to cut it by time: say "
                "--split-by episode"
            )
        return dataclasses.replace(
            recording,
            name=f"{recording.name}/{SPLITS[part]}",
            frames=_between(recording.frames, begin, end, length),
            values={name: rows[begin:end] for name, rows in recording.values.items()},
            times_s=None if recording.times_s is None else recording.times_s[begin:end],
            split=SPLITS[part],
        )


def _between(frames: Iterable[Array], begin: int, end: int, length: int) -> Iterator[Array]:
    """Frames begin ... end - 1.

    At the end of the recording the rest is taken too, so that a wrong count is seen.
    """
    yield from itertools.islice(frames, begin, None if end == length else end)


def _bounds(length: int, shares: Sequence[float]) -> list[tuple[int, int]]:
    """Where the three parts of a recording begin and end.

    >>> _bounds(100, (0.8, 0.1, 0.1)), _bounds(20, (0.8, 0.1, 0.1))
    ([(0, 76), (76, 88), (88, 100)], [(0, 10), (10, 15), (15, 20)])
    """
    if length < _SHORTEST_CUT:
        return [(0, 0)] * 3
    least = min(_PART, length // 4)
    test, validate = (
        max(least, round(length * share / sum(shares))) for share in (shares[2], shares[1])
    )
    return [
        (0, length - test - validate),
        (length - test - validate, length - test),
        (length - test, length),
    ]


def _can_be_cut(source: Source) -> bool:
    try:
        return all(
            not (r := source.read(i)).withheld and _length(r) >= _SHORTEST_CUT
            for i in range(len(source))
        )
    except InputError:
        return False


def _length(recording: Recording) -> int:
    """How many frames there are.

    Frames that can be read once only are kept for the next reading.
    """
    rows = next((len(rows) for rows in recording.values.values()), None)
    if rows is not None:
        return rows
    frames = list(recording.frames)
    recording.frames = frames
    return len(frames)


def _first_readable(source: Source) -> Recording | None:
    for index in range(len(source)):
        try:
            return source.read(index)
        except InputError:
            continue
    return None


def _sessions(source: Source) -> list[str]:
    """The session of every episode; one that cannot be read is a session by itself."""
    found = []
    for index in range(len(source)):
        try:
            found.append(source.read(index).session or f"episode {index}")
        except InputError:
            found.append(f"episode {index}")
    return found


def _times_three(count: int) -> list[str]:
    return list(SPLITS) * count


def read_split_list(file: Path) -> dict[str, str]:
    """Episode names with their splits: JSON {split: [names]}, or CSV rows of name,split."""
    try:
        if file.suffix.lower() == ".json":
            listed = {
                str(name): split
                for split, names in json.loads(file.read_text()).items()
                for name in names
            }
        else:
            listed = dict(row for row in csv.reader(file.read_text().splitlines()) if row)
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise InputError(
            f"{file} cannot be read ({error}); expected JSON {{split: "
            "[names]} or rows of name,split"
        ) from None
    for name, split in listed.items():
        if split not in SPLITS:
            raise InputError(
                f"{file}: episode {name} is in split {split!r}; expected one of {', '.join(SPLITS)}"
            )
    return listed
