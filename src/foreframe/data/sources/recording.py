"""One episode as it comes from anywhere: a world, a file of somebody's robot, a folder of pictures.

Letters: T frames, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError

Array = NDArray[Any]
Role = Literal["frames", "action", "state", "label", "truth"]


@dataclass(frozen=True)
class Column:
    """What a column of values is.

    `lag` says when a row is known: row k is known before frame k + lag is seen. An action that leads from frame k to
    frame k + 1 has lag 1, as has a position measured at frame k; a pose label that goes with frame k has lag 0.
    """

    role: Role
    dtype: str
    shape: tuple[int, ...]
    names: tuple[str, ...] = ()
    lag: int = 1

    @property
    def is_condition(self) -> bool:
        return self.role in ("action", "state", "label")


@dataclass
class Recording:
    """An episode: T frames, uint8 [H, W, C], and per-frame values of each column [T, ...].

    `facts` are JSON values about the whole episode (a seed, hidden physics, where it was read from). `withheld` rows at the
    end have no frame: those who made the recording keep it to themselves, to score what others predict.
    """

    name: str
    frames: Iterable[Array]
    values: Mapping[str, Array]
    split: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    withheld: int = 0


class Source(Protocol):
    """Something that holds episodes: what an importer opens and what a world is."""

    @property
    def columns(self) -> Mapping[str, Column]: ...

    @property
    def frames_per_second(self) -> float | None: ...

    @property
    def notes(self) -> Sequence[str]:
        """What was chosen or left out, for the person and the manifest."""
        ...

    def __len__(self) -> int: ...

    def read(self, index: int) -> Recording:
        """Episode `index`; its frames may be read lazily. Called in worker processes."""
        ...


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
            f"{where}: row {int(bad.argmax())} holds NaN or infinity; expected finite numbers: mend or leave out the episode"
        )
    return values


def one_a_frame(values: Array, frames: int, where: str) -> Array:
    """Finite float32 rows [frames, K]; n - 1 rows for n frames get a last row of zeros, which leads nowhere."""
    rows = np.asarray(values, np.float32)
    rows = finite(rows.reshape(len(rows), int(np.prod(rows.shape[1:], dtype=int))), where)
    if len(rows) not in (frames, frames - 1):
        raise InputError(f"{where} has {len(rows)} rows; expected {frames}, one a frame")
    return (
        rows
        if len(rows) == frames
        else np.concatenate([rows, np.zeros((1, rows.shape[1]), np.float32)])
    )


def side_by_side(role: Role, parts: Mapping[str, int], lag: int = 1) -> Column:
    """The column that several keys of so many numbers each make together; a lone key's numbers are named by the role.

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
    notes: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.episodes)

    def read(self, index: int) -> Recording:
        return self.episodes[index]
