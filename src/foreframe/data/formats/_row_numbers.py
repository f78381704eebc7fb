"""Numbers of pictures and rows: where they jump, and which row goes with which picture by them.

A table numbers its rows with a column that counts, or with a steady clock.

Letters: T pictures, R rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..sources.findings import Findings
from ..sources.times import is_steady
from ._pairs import Pairing
from ._table_roles import frame_column, seconds_from, times_of
from ._tables import Table

Array = NDArray[Any]

_JUMP = 1.5  # times the usual step
_RARE = 0.1  # share of the steps up to which jumps are gaps in a count, and rows out of order
_MINUTE = 60.0  # clocks that begin below it count from the beginning of their recording
_SHOWN = 4


@dataclass(frozen=True)
class Habit:
    """What the recordings of a source have in common.

    Attributes:
        leads: whether every recording has one row less than pictures: the rows lead from picture
            to picture.
        shift: what the numbers of the rows are ahead of those of the pictures; None if the
            recordings do not agree.
    """

    leads: bool = True
    shift: int | None = None


def habit_of(recordings: Iterable[tuple[Sequence[int] | None, int, Table]]) -> Habit:
    """Return the habit of recordings, each the numbers of its pictures, their count and its table.

    Pictures without numbers count from 0.
    """
    lengths, shifts = [], Counter[int]()
    for numbers, count, table in recordings:
        lengths.append(table.length - count)
        counted, there = counted_of(table), numbers or range(count)
        if counted is None or abs(lengths[-1] + 0.5) > 1:
            continue
        shift = min(counted.numbers) - min(there)
        wanted = sorted(there)[: len(counted.numbers)]
        if [n - shift for n in sorted(counted.numbers)] == wanted:
            shifts[shift] += 1
    (best, votes), *_ = shifts.most_common(1) or [(0, 0)]
    agreed = votes * 2 > shifts.total()
    return Habit(all(length == -1 for length in lengths), best if agreed else None)


@dataclass(frozen=True)
class Count:
    """The numbers of the rows of a table.

    Attributes:
        name: the column that says them.
        numbers: one per row.
        absolute: whether they say which row is the first, as those of a clock of the day do not.
    """

    name: str
    numbers: list[int]
    absolute: bool = True


def counted_of(table: Table) -> Count | None:
    """Return the numbers of the rows, of a column that counts or of a steady clock; None if
    neither is there.
    """
    counter = frame_column(table)
    if counter is not None:
        return Count(counter, table.numbers[counter][:, 0].astype(np.int64).tolist())
    clock = times_of(table)
    if clock is None or table.length < 3:
        return None
    name, raw = clock
    seconds = seconds_from(name, raw)
    steps = np.diff(seconds)
    usual = float(np.median(steps))
    if usual <= 0 or (steps <= 0.5 * usual).any() or not is_steady(seconds):
        return None
    relative = raw.dtype.kind == "f" and 0 <= float(raw[0]) < _MINUTE
    first = round(float(raw[0]) / usual) if relative else 0
    numbers = np.cumsum([first, *np.rint(steps / usual)]).astype(np.int64).tolist()
    return Count(name, numbers, relative)


def jumps_of(numbers: Sequence[int]) -> list[int]:
    """Return the places before which numbers are missing; none if the numbers are no steady count.

    >>> jumps_of([1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13]), jumps_of([1, 4, 9, 16])
    ([3], [])
    """
    steps = np.diff(np.asarray(numbers, np.int64))
    if len(steps) < 2 or (steps <= 0).any():
        return []
    found = np.flatnonzero(steps > _JUMP * np.median(steps)) + 1
    return found.tolist() if len(found) <= max(1, _RARE * len(steps)) else []


def in_order(table: Table) -> tuple[Table, str]:
    """Return a table with its rows in the order of their numbers or times, and the column that
    says it; the same table and no column if they are in order, or if no order can be told.
    """
    counter, clock = frame_column(table), times_of(table)
    if counter is not None:
        name, values = counter, table.numbers[counter][:, 0]
    elif clock is not None:
        name, values = clock
    else:
        return table, ""
    back = float((np.diff(values) < 0).mean()) if len(values) > 1 else 0.0
    if len(values) != table.length or back <= _RARE or len(np.unique(values)) < len(values):
        return table, ""
    return table.rows(np.argsort(values, kind="stable")), name


def all_in_order(
    tables: Sequence[Table | None], findings: Findings
) -> tuple[list[Table | None], Findings]:
    """Return the tables with their rows in order, and say which columns ordered them."""
    found = [in_order(table) if table is not None else (None, "") for table in tables]
    said = {(t.file.name, name) for t, name in found if t is not None and name}
    for file, name in sorted(said)[:_SHOWN]:
        findings = findings.warn(f"the rows of {file} were brought into the order of {name}")
    return [table for table, _ in found], findings


def by_numbers(
    numbers: Sequence[int] | None, count: int, table: Table, habit: Habit
) -> Pairing | None:
    """Return the pairing of rows with the pictures of the same numbers; None if numbers do not
    tell.

    Pictures without a row are left out, and the recording breaks there. Pictures of names without
    `numbers` count from 0.
    """
    found = counted_of(table)
    if found is None:
        return None
    there, told = list(numbers or range(count)), "and of the pictures"
    if numbers is not None:
        told = "and in the names"
    for shift in _shifts(there, found, habit):
        row_of = {number - shift: row for row, number in enumerate(found.numbers)}
        if numbers is None and not {*row_of} <= {*there}:
            continue
        if not ({*row_of} <= {*there} or {*row_of} >= {*there}):
            continue
        if len(row_of) < count - 1 and not jumps_of(sorted(row_of)):
            continue  # the rows end early, or count themselves
        reason = f"the numbers in {found.name} {told}"
        if habit.leads and [*row_of] == there[:-1]:
            led = (*range(count - 1), -1)
            return Pairing(tuple(range(count)), led, f"{reason}: each row leads on to the next")
        return _paired(there, row_of, reason, table)
    return None


def _shifts(there: Sequence[int], counted: Count, habit: Habit) -> list[int]:
    """Shifts of the rows' numbers against the pictures' to try.

    The recording alone tells the shift only if its rows reach from the first picture to the last.
    """
    first, last = min(there), max(there)
    own = min(counted.numbers) - first
    whole = max(counted.numbers) - own == last
    leads = habit.leads and sorted(n - own for n in counted.numbers) == sorted(there)[:-1]
    usual = [habit.shift or 0] if counted.absolute else []
    return list(dict.fromkeys([*usual, own] if whole or leads else usual))


def _paired(there: Sequence[int], row_of: dict[int, int], reason: str, table: Table) -> Pairing:
    kept = [place for place, number in enumerate(there) if number in row_of]
    rows = tuple(row_of[there[place]] for place in kept)
    ranks = {number: rank for rank, number in enumerate(sorted({*row_of, *there}))}
    ordinals = [ranks[there[place]] for place in kept]
    gone, unused = len(there) - len(kept), len(row_of) - len(rows)
    lacking = [there[i] for i in range(len(there)) if there[i] not in row_of][:_SHOWN]
    said = (
        [f"{unused} of {len(row_of)} rows of {table.file.name} have no picture"] if unused else []
    )
    if gone:
        named = ", ".join(map(str, lacking)) + (", ..." if gone > len(lacking) else "")
        said.append(
            f"{gone} of {len(there)} pictures have no row (number {named}): left out, and cut there"
        )
    return Pairing(tuple(kept), rows, reason, "; ".join(said), breaks_of(ordinals))


def breaks_of(ordinals: Sequence[int]) -> tuple[int, ...]:
    """Return where more is missing between two neighbours than between most."""
    steps = np.diff(np.asarray(ordinals, np.int64))
    if not len(steps):
        return ()
    return tuple((np.flatnonzero(steps > _JUMP * np.median(steps)) + 1).tolist())
