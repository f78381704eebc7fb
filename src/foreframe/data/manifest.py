"""What a store says of itself, read as typed values that do not contradict each other."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..errors import InputError
from ..runtime.typed import read_as
from .futures import FutureColumns
from .sources.recording import Column

SPLITS = ("train", "validate", "test")

_DTYPES = ("uint8", "float32", "float64", "int32", "int64", "bool")


@dataclass(frozen=True)
class EpisodeFutures:
    """The true futures of an episode.

    Attributes:
        row: theirs among the store's true futures.
        digests: of each column of them.
    """

    row: int
    digests: Mapping[str, str]


@dataclass(frozen=True)
class Episode:
    """A slice of a store's columns. The last `withheld` frames are black: they are not known.

    Attributes:
        name: of the episode.
        split: train, validate or test.
        start: its first frame in the columns.
        length: frames, those withheld included.
        digests: of its slice of each column.
        facts: JSON values about the whole episode.
        withheld: frames at the end that are not known, only their conditions are.
        futures: which of the store's true futures are its own; None for an episode without.
    """

    name: str
    split: Literal["train", "validate", "test"]
    start: int
    length: int
    digests: Mapping[str, str]
    facts: Mapping[str, Any]
    withheld: int = 0
    futures: EpisodeFutures | None = None

    @property
    def seen(self) -> int:
        """How many frames there are to see."""
        return self.length - self.withheld


@dataclass(frozen=True)
class Statistics:
    """Statistics of each number of a vector column over the training split."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class Notes:
    """What was remarked when the store was written.

    Attributes:
        findings: what an import found.
        skipped: why episodes were left out.
        warnings: what is odd.
        audit: figures of a world.
    """

    findings: Mapping[str, Any] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    audit: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SourceFiles:
    """Of the source's files: how many, and a digest of their content."""

    count: int
    content: str


@dataclass(frozen=True)
class Source:
    """Of what a store says that it was made from, the parts that are shown or gone by."""

    path: str | None = None
    world: str | None = None
    format: str | None = None
    fit: str | None = None
    size: tuple[int, int] | None = None
    chosen: tuple[str, ...] = ()
    files: SourceFiles | None = None


@dataclass(frozen=True)
class Manifest:
    """What `manifest.json` holds.

    Attributes:
        columns: by name.
        episodes: in the order of their frames.
        source: what the store was made from.
        statistics: of vector columns, by name.
        notes: what was remarked.
        frames_per_second: of the recordings, where they tell.
        futures: the layout of the true futures, for stores that have them.
    """

    columns: dict[str, Column]
    episodes: list[Episode]
    source: dict[str, Any]
    statistics: dict[str, Statistics]
    notes: Notes = Notes()
    frames_per_second: float | None = None
    futures: Mapping[str, Any] | None = None

    @property
    def future_columns(self) -> FutureColumns | None:
        """What the store keeps of its true futures; None without."""
        return FutureColumns.from_json(self.futures, self.columns) if self.futures else None


def read_manifest(values: Mapping[str, Any], where: str) -> Manifest:
    """Return the manifest of JSON values.

    Raises:
        InputError: something is missing, of another type, or contradicts something else.
    """
    found = read_as(Manifest, values, where)
    read_as(Source, found.source, f"{where}, source")
    for fault in (*_columns(found), *_episodes(found), *_statistics(found), *_rate(found)):
        raise InputError(
            f"{where} lacks or garbles {fault}; expected what foreframe wrote: make the store again"
        )
    return found


def _columns(found: Manifest) -> list[str]:
    faults = []
    for name, column in found.columns.items():
        widths = {"names": column.names, "units": column.units, "kinds": column.kinds}
        if not re.fullmatch(r"\w[\w.-]*", name) or column.dtype not in _DTYPES:
            faults.append(f"column {name!r} of {column.dtype}")
        if min((0, *column.shape)) < 0 or column.lag not in (0, 1):
            faults.append(f"column {name}: shape {list(column.shape)}, lag {column.lag}")
        elif column.role in ("action", "state"):
            if len(column.shape) != 1 or column.dtype not in ("float32", "float64"):
                faults.append(f"column {name}: {column.dtype} of shape {list(column.shape)}")
            faults += [
                f"column {name}: {len(given)} {what} for {column.shape[0]} numbers"
                for what, given in widths.items()
                if given and len(given) != column.shape[0]
            ]
            if column.offset and len(column.offset) != column.shape[0]:
                faults.append(f"column {name}: {len(column.offset)} offsets")
        elif column.is_target and (column.shape != (1,) or column.dtype != "float32"):
            faults.append(f"column {name}: {column.dtype} of shape {list(column.shape)}")
        elif column.role == "label" and (len(column.shape) != 3 or column.dtype != "uint8"):
            faults.append(f"label column {name}: {column.dtype} of shape {list(column.shape)}")
    frames = found.columns.get("frames")
    if frames is None or frames.dtype != "uint8" or len(frames.shape) != 3 or 0 in frames.shape:
        faults.append("the column 'frames'")
    elif frames.shape[2] not in (1, 3) or frames.role != "frames":
        faults.append(f"the column 'frames' of shape {list(frames.shape)}")
    return faults


def _episodes(found: Manifest) -> list[str]:
    if not found.episodes:
        return ["episodes: there is none"]
    faults, start = [], 0
    for episode in found.episodes:
        if episode.start != start or not 0 <= episode.withheld <= episode.length:
            faults.append(
                f"episode {episode.name}: {episode.length} frames from {episode.start} on, "
                f"{episode.withheld} of them withheld, behind {start} others"
            )
        start += max(episode.length, 0)
    rows = [episode.futures.row for episode in found.episodes if episode.futures]
    if rows != list(range(len(rows))):
        faults.append(f"the rows of true futures: {rows[:4]}")
    if rows and not found.futures:
        faults.append("futures: they are missing")
    return faults


def _statistics(found: Manifest) -> list[str]:
    faults = []
    for name, column in found.columns.items():
        if column.role not in ("action", "state"):
            continue
        of_column = found.statistics.get(name)
        if of_column is None:
            faults.append(f"the statistics of {name}")
            continue
        for what in ("mean", "std", "low", "high"):
            values = getattr(of_column, what)
            if len(values) != column.shape[0] or not all(map(math.isfinite, values)):
                faults.append(f"the statistics of {name}: {what} is {list(values)[:4]}")
    return faults


def _rate(found: Manifest) -> list[str]:
    rate = found.frames_per_second
    wrong = rate is not None and not (0 < rate < math.inf)
    return [f"frames_per_second: {rate}"] if wrong else []
