"""Which row of a table goes with which picture: by names of files, by numbers, by time, or one by
one.

Letters: T pictures, R rows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..sources.findings import AmbiguousSource
from ..sources.options import SourceOptions
from ..sources.times import match_by_time
from ._table_roles import base_name, file_columns, frame_column, seconds_from, times_of
from ._tables import Table

Array = NDArray[Any]

_SHOWN = 3


@dataclass(frozen=True)
class Pairing:
    """Pictures with their rows.

    Attributes:
        pictures: the places of the pictures that are kept, in order.
        rows: the row of each, -1 for a last picture from which no action leads on.
        reason: what paired them.
        unused: what was left out, in words; empty if nothing was.
        breaks: places in `pictures` before which something is missing.
    """

    pictures: tuple[int, ...]
    rows: tuple[int, ...]
    reason: str
    unused: str = ""
    breaks: tuple[int, ...] = ()


def pair(
    names: Sequence[str], table: Table, options: SourceOptions, where: Path, has_states: bool
) -> Pairing:
    """Return which row goes with which of the pictures called `names`, which are in natural order.

    Raises:
        InputError: rows without pictures, or as many of both as cannot be paired.
        AmbiguousSource: several columns name pictures.
    """
    by_name = _by_file_names(names, table, options)
    if by_name is not None:
        return by_name
    counter = frame_column(table)
    numbers = [last_number(name) for name in names]
    if counter is not None and -1 not in numbers and len(set(numbers)) == len(numbers):
        counted = table.numbers[counter][:, 0].astype(np.int64).tolist()
        if set(counted) == set(numbers) or (
            len(counted) != len(names) and {*counted} >= {*numbers}
        ):
            return _by_number(numbers, counted, counter, table)
    return one_by_one(len(names), table, where, has_states)


def one_by_one(count: int, table: Table, where: Path, has_states: bool) -> Pairing:
    """Return the pairing of picture k with row k; T - 1 rows lead from picture to picture."""
    rows = table.length
    if rows == count:
        return Pairing(tuple(range(count)), tuple(range(count)), "as many rows as pictures")
    if rows == count - 1 and not has_states:
        reason = f"{rows} rows for {count} pictures: each leads on to the next picture"
        return Pairing(tuple(range(count)), (*range(rows), -1), reason)
    raise InputError(
        f"{table.file} has {rows} rows; expected {count}, one per picture of {where}"
        + ("" if has_states else f" (or {count - 1} actions that lead from picture to picture)")
    )


def last_number(name: str) -> int:
    """Return the last number in a name; -1 if there is none."""
    found = re.findall(r"\d+", Path(name).stem)
    return int(found[-1]) if found else -1


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
    return Pairing(pictures, rows, reason, unused)


def _step(seconds: Array) -> float:
    return float(np.median(np.diff(seconds))) if len(seconds) > 1 else 0.0


def _by_file_names(names: Sequence[str], table: Table, options: SourceOptions) -> Pairing | None:
    places = {name: i for i, name in enumerate(names)}
    found = {}
    for column in file_columns(table):
        told = [base_name(word) for word in table.words[column]]
        if any(name in places for name in told):
            found[column] = told
    if options.camera in found:
        found = {str(options.camera): found[str(options.camera)]}
    if len(found) > 1:
        readings = [f"pictures from {column}" for column in found]
        raise AmbiguousSource(table.file, readings, f"--camera {' or --camera '.join(found)}")
    if not found:
        return None
    column, told = next(iter(found.items()))
    twice = (
        sorted({name for name in told if told.count(name) > 1}) if len({*told}) < len(told) else []
    )
    if twice:
        raise InputError(
            f"{table.file}: {column} names {twice[0]} in several rows; expected a row per picture"
        )
    missing = [name for name in told if name not in places]
    if missing and not options.skip_bad:
        raise InputError(
            f"{table.file}: {column} names {', '.join(missing[:_SHOWN])} ({len(missing)} of "
            f"{len(told)} rows), which are not "
            "there; expected every picture: restore them, or say --skip-bad to leave those rows out"
        )
    kept = sorted((places[name], row) for row, name in enumerate(told) if name in places)
    gone = len(names) - len(kept)
    said = [f"{gone} of {len(names)} pictures are in no row of {table.file.name}"] if gone else []
    said += [f"{len(missing)} rows name pictures that are not there"] if missing else []
    return Pairing(
        tuple(place for place, _ in kept),
        tuple(row for _, row in kept),
        f"the names of files in {column}",
        "; ".join(said),
        _breaks_by_rows([row for _, row in kept], told, missing),
    )


def _breaks_by_rows(
    rows: Sequence[int], told: Sequence[str], missing: Sequence[str]
) -> tuple[int, ...]:
    """Where a row between two neighbours has lost its picture."""
    lost = {row for row, name in enumerate(told) if name in set(missing)}
    return tuple(
        i for i in range(1, len(rows)) if any(r in lost for r in range(rows[i - 1] + 1, rows[i]))
    )


def _by_number(
    numbers: Sequence[int], counted: Sequence[int], counter: str, table: Table
) -> Pairing:
    row_of = {number: row for row, number in enumerate(counted)}
    rows = tuple(row_of[number] for number in numbers)
    unused = len(counted) - len(rows)
    ordered = sorted(row_of)
    follows = {number: place for place, number in enumerate(ordered)}
    breaks = tuple(
        i for i in range(1, len(numbers)) if follows[numbers[i]] != follows[numbers[i - 1]] + 1
    )
    said = f"{unused} of {len(counted)} rows of {table.file.name} have no picture" if unused else ""
    return Pairing(
        tuple(range(len(numbers))), rows, f"the numbers in {counter} and in the names", said, breaks
    )
