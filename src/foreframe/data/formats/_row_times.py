"""Rows that go with pictures by time: names that are Unix times, or the clock of a video.

Letters: T pictures, R rows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..sources.times import match_by_time, unix_seconds
from ._pairs import Pairing
from ._row_numbers import breaks_of
from ._table_roles import seconds_from, times_of
from ._tables import Table

Array = NDArray[Any]


def stamps_of(names: Sequence[str]) -> Array | None:
    """Return the Unix times that all names are, in seconds from 1970, float64; None if they are
    not.

    >>> stamps_of(["1403636579763555584.png", "1403636579813555456.png"])
    array([1.40363658e+09, 1.40363658e+09])
    >>> stamps_of(["1.png", "2.png"]) is None
    True
    """
    stems = [name[: name.rindex(".")] if "." in name else name for name in names]
    if not all(re.fullmatch(r"\d{9,19}|\d{9,10}\.\d+", stem) for stem in stems):
        return None
    found = unix_seconds(np.asarray([np.longdouble(stem) for stem in stems]))
    grows = found is not None and len(found) > 1 and bool((np.diff(found) > 0).all())
    return found if grows else None


def by_stamps(stamps: Array, table: Table, where: Path) -> Pairing:
    """The pairing of pictures whose names are times with rows that tell the time of one clock."""
    clock = times_of(table)
    assert clock is not None
    name, raw = clock
    rows = unix_seconds(raw)
    told = f"{table.file}: {name}"
    if rows is None:
        raise InputError(
            f"{told} begins with {raw[0]:g}, but the names of {where} are Unix times; expected "
            "times of one clock"
        )
    count, origin = len(stamps), min(float(rows[0]), float(stamps[0]))
    picture_s, row_s = stamps - origin, rows - origin
    sparse = len(rows) < count - 1
    match = match_by_time(*((row_s, picture_s) if sparse else (picture_s, row_s)), told)
    found = [(i, int(j)) for i, j in enumerate(match.rows) if j >= 0]
    kept = [(j, i) for i, j in found] if sparse else found
    at = f"the times in {name} and in the names, at most {match.largest_s:.3f} s apart"
    places, taken = tuple(p for p, _ in kept), tuple(r for _, r in kept)
    if len(rows) == count - 1 and taken == tuple(range(count - 1)) == places:
        return Pairing(tuple(range(count)), (*taken, -1), at)
    breaks = (
        () if sparse else tuple(i for i in range(1, len(places)) if places[i] > places[i - 1] + 1)
    )
    gone = (count - len(places), len(rows) - len(set(taken)))
    said = (
        f"{gone[0]} of {count} pictures and {gone[1]} of {len(rows)} rows have no partner in time"
    )
    return Pairing(places, taken, at, f"{said} and were left out" if any(gone) else "", breaks)


def by_time(picture_s: Array, table: Table, where: Path) -> Pairing:
    """Return the pairing of the rows nearest in time; both clocks start with their recording if
    they differ.

    Raises:
        InputError: recordings of different lengths, rows that go back in time.
    """
    clock = times_of(table)
    assert clock is not None
    name, raw = clock
    row_s = seconds_from(name, raw)
    first = float(raw[0]) if 0 <= float(raw[0]) < 60 and raw.dtype.kind == "f" else 0.0
    lasting = (float(picture_s[-1] - picture_s[0]), float(row_s[-1] - row_s[0]))
    step = max(_step(picture_s), _step(row_s))
    if abs(lasting[0] - lasting[1]) > max(2 * step, 0.02 * max(lasting)):
        raise InputError(
            f"{table.file} has {len(row_s)} rows over {lasting[1]:.2f} s, {where} {len(picture_s)} "
            "pictures over "
            f"{lasting[0]:.2f} s; expected one row per picture, or the same stretch of time"
        )
    start = first if abs(first - float(picture_s[0])) <= step else float(picture_s[0])
    sparse = len(row_s) < len(picture_s)
    if sparse:  # fewer rows: the pictures nearest to them
        match = match_by_time(row_s + start, picture_s, f"{table.file}: {name}")
        kept = [(int(p), r) for r, p in enumerate(match.rows) if p >= 0]
        pictures, rows = tuple(p for p, _ in kept), tuple(r for _, r in kept)
    else:
        match = match_by_time(picture_s, row_s + start, f"{table.file}: {name}")
        kept = [(p, int(r)) for p, r in enumerate(match.rows) if r >= 0]
        pictures, rows = tuple(p for p, _ in kept), tuple(r for _, r in kept)
    unused = (
        f"{len(picture_s) - len(pictures)} of {len(picture_s)} pictures and "
        f"{len(row_s) - len(set(rows))} of "
        f"{len(row_s)} rows have no partner in time and were left out"
    )
    reason = f"the times in {name} and of the pictures, at most {match.largest_s:.3f} s apart"
    return Pairing(pictures, rows, reason, unused, breaks_of(pictures))


def _step(seconds: Array) -> float:
    return float(np.median(np.diff(seconds))) if len(seconds) > 1 else 0.0
