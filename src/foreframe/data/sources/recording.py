"""One episode as it comes from anywhere: a world, a file of a robot, a folder of pictures.

Letters: T frames, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from .findings import Findings

Array = NDArray[Any]
Role = Literal["frames", "action", "state", "label", "truth", "reward", "done"]


@dataclass(frozen=True)
class Column:
    """What a column of values is.

    Attributes:
        role: frames, action, state, label, truth (what a world knows and no model is given), or
            reward and done, what an action led to (a head predicts them).
        dtype: of the numbers as they are stored.
        shape: of one row.
        names: of the numbers of a row.
        lag: when a row is known: row k is known before frame k + lag is seen. An action that leads
            from frame k to frame k + 1 has lag 1, as has a position measured at frame k; a pose
            label that goes with frame k has lag 0.
        offset: what was subtracted from each number before it was stored, so that a small step at a
            large value survives float32; empty if nothing was. Sources leave it empty and give
            float64 rows: the import finds it.
        units: of the numbers, where the source says them; empty or as long as `names`.
        kinds: of the numbers in the source: "real", "integer" or "boolean"; empty or as long as
            `names`.
    """

    role: Role
    dtype: str
    shape: tuple[int, ...]
    names: tuple[str, ...] = ()
    lag: int = 1
    offset: tuple[float, ...] = ()
    units: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    @property
    def is_condition(self) -> bool:
        return self.role in ("action", "state", "label")

    @property
    def is_target(self) -> bool:
        return self.role in ("reward", "done")

    def only(self, places: Sequence[int]) -> Column:
        """A vector column with some of its numbers, in this order."""

        def pick(values: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(values[i] for i in places) if values else ()

        return replace(
            self,
            shape=(len(places),),
            names=pick(self.names),
            offset=pick(self.offset),
            units=pick(self.units),
            kinds=pick(self.kinds),
        )


@dataclass(frozen=True)
class Fork:
    """Where the true futures of an episode part from what happened.

    Attributes:
        count: futures per episode.
        start: the first frame that differs: so many frames are context, which all futures share.
        frames: length of a future in frames.
    """

    count: int
    start: int
    frames: int


@dataclass
class Recording:
    """An episode: T frames, uint8 [H, W, C], and per-frame values of each column [T, ...].

    Attributes:
        name: of the episode, unique in its source.
        frames: the pictures, which may be read lazily.
        values: rows of each column, one per frame; float64 where the source has large numbers.
        split: train, validate or test, if the source says it.
        facts: JSON values about the whole episode (a seed, hidden physics, where it was read from).
        withheld: rows at the end that have no frame: those who made the recording keep it, to score
            what others predict.
        times_s: seconds of each frame on any clock, float64 [T], if the source knows them.
        session: what the episode is a piece of (a drive, a video, a file): pieces of one session
            share a split.
        warnings: what is odd about this episode, in whole sentences; the import collects them.
        futures: what else could have happened, of the worlds that tell: frames and columns of
            truth, each [K, T, ...] as the source's `fork` says.
    """

    name: str
    frames: Iterable[Array]
    values: Mapping[str, Array]
    split: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    withheld: int = 0
    times_s: Array | None = None
    session: str | None = None
    warnings: tuple[str, ...] = ()
    futures: Mapping[str, Array] | None = None


class Source(Protocol):
    """Something that holds episodes: what an importer opens and what a world is."""

    @property
    def columns(self) -> Mapping[str, Column]: ...

    @property
    def frames_per_second(self) -> float | None: ...

    @property
    def findings(self) -> Findings:
        """What was found, taken, left out and decided, for the person and the manifest."""
        ...

    def __len__(self) -> int: ...

    def read(self, index: int) -> Recording:
        """Episode `index`; its frames may be read lazily. Called in worker processes."""
        ...


def findings_of(source: Any) -> Findings:
    """The findings of a source.

    Of one that has only `notes`, as sources had before, those as warnings.
    """
    found = getattr(source, "findings", None)
    if isinstance(found, Findings):
        return found
    return Findings(remarks=tuple(getattr(source, "notes", ())))


def names_of(column: str, width: int) -> tuple[str, ...]:
    """Names for the numbers of an unnamed vector column.

    >>> names_of("action", 2)
    ('action[0]', 'action[1]')
    """
    return tuple(f"{column}[{i}]" for i in range(width))


def finite(values: Array, where: str) -> Array:
    """`values`, if every number is finite; an error that names the first bad row otherwise."""
    bad = ~np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
    if bad.any():
        raise InputError(
            f"{where}: row {int(bad.argmax())} holds NaN or infinity; expected finite numbers: "
            "mend or leave out the episode"
        )
    return values


def one_a_frame(values: Array, frames: int, where: str, lag: int = 1) -> Array:
    """Finite rows [frames, K], float64 where float32 would not do; n - 1 rows for n frames get a
    row of zeros.

    n - 1 rows lead from frame to frame. With `lag` 1 row k leads on from frame k, so the last row
    is zeros and leads nowhere; with `lag` 0 row k led to frame k, so the first is.
    """
    rows = np.asarray(values)
    rows = rows.astype(
        np.float64 if rows.dtype.kind in "iu" or rows.dtype == np.float64 else np.float32
    )
    rows = finite(rows.reshape(len(rows), int(np.prod(rows.shape[1:], dtype=int))), where)
    if len(rows) not in (frames, frames - 1):
        raise InputError(f"{where} has {len(rows)} rows; expected {frames}, one per frame")
    if len(rows) == frames:
        return rows
    nothing = np.zeros((1, rows.shape[1]), rows.dtype)
    return np.concatenate([rows, nothing] if lag else [nothing, rows])


def side_by_side(role: Role, parts: Mapping[str, int], lag: int = 1) -> Column:
    """The column that several keys of so many numbers each make together; a lone key's numbers are
    named by the role.

    >>> side_by_side("action", {"angle": 1, "arm": 2}).names
    ('angle', 'arm[0]', 'arm[1]')
    """
    named = [
        (role if len(parts) == 1 and width > 1 else key, width) for key, width in parts.items()
    ]
    names = [
        name for key, width in named for name in ([key] if width == 1 else names_of(key, width))
    ]
    return Column(role, "float32", (len(names),), tuple(names), lag)


@dataclass(frozen=True)
class Recordings:
    """Episodes at hand, as a source."""

    columns: Mapping[str, Column]
    frames_per_second: float | None
    episodes: Sequence[Recording]
    findings: Findings = field(default_factory=Findings)

    def __len__(self) -> int:
        return len(self.episodes)

    def read(self, index: int) -> Recording:
        return self.episodes[index]
