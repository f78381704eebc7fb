"""Which row of a table goes with which picture: by names of files, by numbers, by time, or one by
one.

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
from ..sources.findings import AmbiguousSource
from ..sources.options import SourceOptions
from ._pairs import Pairing
from ._row_numbers import Habit, breaks_of, by_numbers, counted_of, jumps_of
from ._row_times import by_stamps, stamps_of
from ._table_roles import base_name, file_columns, frame_column, times_of
from ._tables import Table

Array = NDArray[Any]

_SHOWN = 3
_ALONE = Habit()


def pair(
    names: Sequence[str],
    table: Table,
    options: SourceOptions,
    where: Path,
    has_states: bool,
    habit: Habit,
) -> Pairing:
    """Return which row goes with which of the pictures called `names`, which are in natural order.

    Raises:
        InputError: rows without pictures, or as many of both as cannot be paired.
        AmbiguousSource: several columns name pictures.
    """
    by_name = _by_file_names(names, table, options)
    if by_name is not None:
        return by_name
    numbers, stamps = numbers_of(names), stamps_of(names)
    counter = frame_column(table)
    gaps = jumps_of(numbers) if numbers is not None and stamps is None else []
    as_many = table.length == len(names)
    if numbers is not None and (counter is not None or gaps or not as_many):
        found = by_numbers(numbers, len(names), table, habit)
        if found is not None and not (has_states and found.rows[-1] == -1):
            return found
    if counter is not None and numbers is not None:
        counted = table.numbers[counter][:, 0].astype(np.int64).tolist()
        _refuse_lost_pictures(numbers, counted, f"{table.file}: {counter}")
    if stamps is not None and times_of(table) is not None:
        return by_stamps(stamps, table, where)
    if gaps and numbers is not None:
        _refuse_unnumbered_rows(numbers, gaps, table, where)
    return one_by_one(len(names), table, where, has_states, options.lag, habit)


def numbers_of(names: Sequence[str]) -> list[int] | None:
    """Return the last number in each name; None if they do not tell pictures apart."""
    numbers = [last_number(name) for name in names]
    return None if -1 in numbers or len(set(numbers)) < len(numbers) else numbers


def one_by_one(
    count: int,
    table: Table,
    where: Path,
    has_states: bool,
    lag: int | None = None,
    habit: Habit = _ALONE,
) -> Pairing:
    """Return the pairing of picture k with row k; T - 1 rows lead from picture to picture, if
    every recording has so many.

    Raises:
        InputError: another number of rows, or a missing row of an unknown place.
        AmbiguousSource: T - 1 rows with states, which one picture lacks: `lag` says which.
    """
    rows = table.length
    if rows == count:
        return Pairing(tuple(range(count)), tuple(range(count)), "as many rows as pictures")
    if rows == count - 1:
        _refuse_lost_row(count, table, where, habit)
    if rows == count - 1 and not has_states:
        reason = f"{rows} rows for {count} pictures: each leads on to the next picture"
        return Pairing(tuple(range(count)), (*range(rows), -1), reason)
    if rows == count - 1:
        return _without_one(count, table, where, lag)
    raise InputError(
        f"{table.file} has {rows} rows; expected {count}, one per picture of {where}"
        + ("" if has_states else f" (or {count - 1} actions that lead from picture to picture)")
        + ": add the numbers of the pictures as a column called frame, or mend the table"
    )


def _refuse_lost_row(count: int, table: Table, where: Path, habit: Habit) -> None:
    """Raise an error if one row less than pictures does not mean that rows lead on to pictures."""
    counted = counted_of(table)
    gaps = breaks_of(counted.numbers) if counted is not None else ()
    if habit.leads and not gaps:
        return
    why = "other recordings have as many rows as pictures"
    if counted is not None and gaps:
        at = gaps[0]
        why = f"{counted.name} jumps between rows {at - 1} and {at}"
    raise InputError(
        f"{table.file} has {count - 1} rows for the {count} pictures of {where}, and {why}: "
        "a row is missing, and nothing tells which picture lacks it; expected a row per picture: "
        "add it, number the rows with a column called frame as the pictures are, or say "
        "--skip-bad to leave the recording out"
    )


def _refuse_unnumbered_rows(
    numbers: Sequence[int], gaps: Sequence[int], table: Table, where: Path
) -> None:
    """Raise an error where pictures are missing and rows do not say to which pictures they
    belong.
    """
    at = gaps[0]
    raise InputError(
        f"the pictures of {where} jump from number {numbers[at - 1]} to {numbers[at]}, and "
        f"{table.file.name} ({table.length} rows for {len(numbers)} pictures) has no column that "
        "says which row belongs to which; expected one called frame with the numbers in the "
        "names: add it, say --skip-bad to leave the recording out, or --no-actions to read "
        "pictures alone"
    )


def _refuse_lost_pictures(numbers: Sequence[int], counted: Sequence[int], where: str) -> None:
    """Raise an error if pictures are missing between others and the rows count on without them."""
    steps = {b - a for a, b in zip(sorted(numbers), sorted(numbers)[1:], strict=False)}
    shifts = {a - b for a, b in zip(sorted(numbers), sorted(counted), strict=False)}
    if len(steps) > 1 and len(shifts) > 1:
        rows = sorted({*counted} - {*numbers})[:_SHOWN]
        pictures = sorted({*numbers} - {*counted})[:_SHOWN]
        raise InputError(
            f"{where} has numbers that no picture has ({', '.join(map(str, rows))}), and there are "
            f"pictures that it does not have ({', '.join(map(str, pictures))}); expected the same "
            "numbers: restore the pictures, or take out the rows of those that are lost"
        )


def _without_one(count: int, table: Table, where: Path, lag: int | None) -> Pairing:
    """The pairing of T - 1 rows with states: the picture that has none is left out."""
    if lag is None:
        readings = (
            "row k is what was at picture k, the last picture has none",
            "row k led to picture k + 1, the first picture has none",
        )
        both = f"{table.file}: {count - 1} rows with states for {count} pictures of {where}"
        raise AmbiguousSource(both, readings, "--lag 1 or --lag 0; that picture is left out")
    gone, kept = ("last", range(count - 1)) if lag else ("first", range(1, count))
    reason = f"{count - 1} rows for {count} pictures, by --lag {lag}"
    return Pairing(
        tuple(kept), tuple(range(count - 1)), reason, f"the {gone} picture has no row, left out"
    )


def last_number(name: str) -> int:
    """Return the last number in a name; -1 if there is none."""
    found = re.findall(r"\d+", Path(name).stem)
    return int(found[-1]) if found else -1


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
    found_rows = [(places[name], row) for row, name in enumerate(told) if name in places]
    kept, order = _ordered(found_rows, names, table)
    gone = len(names) - len(kept)
    said = [f"{gone} of {len(names)} pictures are in no row of {table.file.name}"] if gone else []
    said += [f"{len(missing)} rows name pictures that are not there"] if missing else []
    return Pairing(
        tuple(place for place, _ in kept),
        tuple(row for _, row in kept),
        f"the names of files in {column}, {order}",
        "; ".join(said),
        _breaks_by_rows([row for _, row in kept], told, missing),
    )


def _ordered(
    found: Sequence[tuple[int, int]], names: Sequence[str], table: Table
) -> tuple[list[tuple[int, int]], str]:
    """Pictures and rows in order: by the table's clock, by numbers in the names, or by rows."""
    clock = times_of(table)
    if clock is not None:
        return sorted(found, key=lambda pair: clock[1][pair[1]]), f"in the order of {clock[0]}"
    if len({re.sub(r"\d+", "0", names[place]) for place, _ in found}) == 1:
        return sorted(found), "in the order of their numbers"
    return list(found), "in the order of the rows, since the names have no common number"


def _breaks_by_rows(
    rows: Sequence[int], told: Sequence[str], missing: Sequence[str]
) -> tuple[int, ...]:
    """Where a row between two neighbours has lost its picture."""
    lost = {row for row, name in enumerate(told) if name in set(missing)}
    return tuple(
        i for i in range(1, len(rows)) if any(r in lost for r in range(rows[i - 1] + 1, rows[i]))
    )
