"""The numbers of a store's columns in the order that a model takes them, matched by their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import InputError
from .sources.recording import Column

Places = Mapping[str, tuple[int, ...]]
"""For each column, which of its numbers are taken, in this order."""


def as_they_lie(columns: Mapping[str, Column]) -> dict[str, tuple[int, ...]]:
    """Return all numbers of vector columns, in the order of the store.

    >>> as_they_lie({"action": Column("action", "float32", (2,), ("dy", "dx"))})
    {'action': (0, 1)}
    """
    return {name: tuple(range(column.shape[0])) for name, column in columns.items()}


def match_names(
    columns: Mapping[str, Column], wanted: Sequence[str], where: str
) -> dict[str, tuple[int, ...]]:
    """Return which numbers of the columns have the wanted names, in the order that is wanted.

    Columns keep their order, so that a name that two of them share is taken from each in turn.
    Numbers that are not wanted are left out. Nothing is scaled: units are taken to be the same.

    Args:
        columns: vector columns in the order in which they are joined.
        wanted: names of the numbers of a condition, columns end to end.
        where: the store, for the error.

    Raises:
        InputError: a name that is in none of the columns, or in an earlier one.

    >>> match_names({"action": Column("action", "float32", (2,), ("dx", "dy"))}, ["dy", "dx"], "S")
    {'action': (1, 0)}
    """
    order, at = list(columns), 0
    found: dict[str, list[int]] = {name: [] for name in order}
    for number in wanted:
        place = next(
            (i for i in range(at, len(order)) if _free(columns, found, order[i], number)), None
        )
        if place is None:
            there = "; ".join(f"{name}: {', '.join(columns[name].names)}" for name in order)
            raise InputError(
                f"{where} has no {number!r} where the run takes it (it has {there}; the run takes "
                f"{', '.join(wanted)}, by name): import the recordings with these names"
            )
        at = place
        found[order[at]].append(columns[order[at]].names.index(number))
    return {name: tuple(places) for name, places in found.items()}


def _free(
    columns: Mapping[str, Column], found: Mapping[str, list[int]], column: str, number: str
) -> bool:
    names = columns[column].names
    return number in names and names.index(number) not in found[column]
