"""Tables beside pictures: CSV of any dialect, JSON, JSON lines, NumPy. One row per frame, columns
by name.

Letters: T rows, K numbers of a column.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from . import _archives
from ._delimited import cells_of, decimal_of, number_of_cell

Array = NDArray[Any]

TABLES = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".npy", ".npz")
UNNAMED = "action"  # what a table without names is taken for
_NOTHING = ("", "na", "n/a", "null", "none", "-")
_SHOWN = 4


@dataclass(frozen=True)
class Table:
    """What a file holds.

    Attributes:
        file: where it was read from.
        numbers: columns of numbers, float64 or int64 [T, K]; those of JSON and NumPy may differ in
            length.
        kinds: "boolean", "integer" or "real", per column of numbers.
        words: columns of words: file names, splits, notes.
        unusable: columns that hold numbers in some rows only, with what is wrong.
        dialect: what the file is written in.
        files: the file of each column, where columns of several files stand side by side.
    """

    file: Path
    numbers: Mapping[str, Array]
    kinds: Mapping[str, str]
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unusable: Mapping[str, str] = field(default_factory=dict)
    dialect: str = ""
    files: Mapping[str, Path] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """How many rows most columns have."""
        lengths = [*map(len, self.numbers.values()), *map(len, self.words.values())]
        return max(sorted(set(lengths)), key=lengths.count) if lengths else 0

    def rows(self, chosen: Sequence[int] | Array) -> Table:
        """Return the table with only the `chosen` rows of the columns that have all rows."""
        places = np.asarray(chosen, int)
        full = {k: v[places] for k, v in self.numbers.items() if len(v) == self.length}
        words = {
            k: tuple(v[i] for i in places) for k, v in self.words.items() if len(v) == self.length
        }
        return replace(self, numbers=full, words=words)


def read_table(file: Path) -> Table:
    """Return the columns of a file.

    CSV has a header or none; JSON is a list of rows, a list of objects, or an object of lists.

    Raises:
        InputError: what cannot be read, rows of different lengths, no numbers at all; file and row
            are named.
    """
    readers = {
        ".json": _json,
        ".jsonl": _json_lines,
        ".npy": _npy,
        ".npz": _npz,
    }
    try:
        found = readers.get(file.suffix.lower(), _csv)(file)
    except InputError:
        raise
    except Exception as error:  # decoders of four formats raise many kinds; this is the one door
        raise InputError(
            f"{file} cannot be read ({error}); expected a table with one row per frame"
        ) from None
    if not found.numbers and not found.unusable and not found.words:
        raise InputError(f"{file} has no column of numbers; expected one row of numbers per frame")
    return found


def read_numbers(file: Path) -> Array:
    """Return a CSV file without a header: float64 [T, K]."""
    cells = cells_of(file)
    if cells.names:
        raise InputError(
            f"{file}: row 0 holds words ({', '.join(cells.names[:_SHOWN])}); "
            "expected numbers without a header"
        )
    found = [
        _column(file, f"column {i}", cells.column(i), cells.first) for i in _places(cells.rows)
    ]
    return np.stack([_needed(file, values) for values in found], 1).astype(np.float64)


def _needed(file: Path, column: Array | tuple[str, ...] | str) -> Array:
    if isinstance(column, np.ndarray):
        return column
    wrong = column if isinstance(column, str) else f"{column[0]!r} is a word"
    raise InputError(f"{file}: {wrong}; expected numbers without a header")


def _places(rows: list[list[str]]) -> range:
    return range(len(rows[0]) if rows else 0)


def _csv(file: Path) -> Table:
    cells = cells_of(file)
    places = range(len(cells.names)) if cells.names else _places(cells.rows)
    names = cells.names or tuple(f"column {i}" for i in places)
    columns = {
        name: _column(file, name, cells.column(place), cells.first)
        for name, place in zip(names, places, strict=True)
        if cells.rows
    }
    if not cells.names and all(isinstance(c, np.ndarray) for c in columns.values()):
        rows = np.stack([np.asarray(c) for c in columns.values()], 1)
        kinds = {_kind(cells.column(i)) for i in places}
        kind = kinds.pop() if len(kinds) == 1 else "real"
        return Table(file, {unnamed(file): rows}, {unnamed(file): kind}, dialect=cells.dialect)
    by_name = dict(zip(names, places, strict=True))
    return _table(file, columns, lambda name: _kind(cells.column(by_name[name])), cells.dialect)


def _table(file: Path, columns: Mapping[str, Any], kind: Any, dialect: str) -> Table:
    numbers = {k: c.reshape(len(c), -1) for k, c in columns.items() if isinstance(c, np.ndarray)}
    return Table(
        file,
        numbers,
        {name: kind(name) for name in numbers},
        {k: c for k, c in columns.items() if isinstance(c, tuple)},
        {k: c for k, c in columns.items() if isinstance(c, str)},
        dialect,
    )


def unnamed(file: Path) -> str:
    """Return the name of the columns of a table without names.

    What its file is called, if that is a role.
    """
    stem = file.stem.casefold()
    roles = (
        "state", "observation", "obs", "position", "pose", "joint", "qpos", "endeffector",
        "proprio", "time",
    )  # fmt: skip
    return file.stem if stem.startswith(roles) else UNNAMED


def _column(
    file: Path, name: str, cells: Sequence[str], first: int
) -> Array | tuple[str, ...] | str:
    """A column's numbers, its words, or why it is neither."""
    low = [cell.casefold() for cell in cells]
    if all(cell in ("true", "false") for cell in low):
        return np.array([cell == "true" for cell in low], np.int64)
    if all(re.fullmatch(r"[+-]?(\d{1,18}|[1-8]\d{18})", cell) for cell in cells):
        return np.array([int(cell) for cell in cells], np.int64)
    empty = [row for row, cell in enumerate(low) if cell in _NOTHING]
    held = [cell for cell, lowered in zip(cells, low, strict=True) if lowered not in _NOTHING]
    decimal = decimal_of(held, f"{file}: {name}") if held else None
    if decimal and empty:
        where = ", ".join(str(first + row) for row in empty[:_SHOWN])
        return f"{name} is empty in row {where} ({len(empty)} of {len(cells)} rows)"
    if decimal:
        return np.array([number_of_cell(cell, decimal) for cell in cells], np.float64)
    if (times := _clock(cells)) is not None:
        return times
    there = [number_of_cell(cell) is not None for cell in held]
    if any(there) and not all(there):
        row = next(r for r, c in enumerate(cells) if c in held and number_of_cell(c) is None)
        return f"row {first + row}: {name} is {cells[row]!r}, not a number as in other rows"
    return tuple(cells)


def _kind(cells: Sequence[str]) -> str:
    low = [cell.casefold() for cell in cells]
    if all(cell in ("true", "false") for cell in low):
        return "boolean"
    return (
        "integer"
        if all(re.fullmatch(r"[+-]?(\d{1,18}|[1-8]\d{18})", cell) for cell in cells)
        else "real"
    )


def _clock(cells: Sequence[str]) -> Array | None:
    """Dates and times of day in Unix microseconds, int64 [T]; None if the cells are none."""
    if not cells or not re.search(r"\d:\d", cells[0]):
        return None
    found = []
    for cell in cells:
        text = re.sub(r"(:\d\d)[:,](\d{1,6})$", r"\1.\2", cell)
        text = text if re.match(r"\d{4}", text) else f"1970-01-02 {text}"
        try:
            moment = datetime.datetime.fromisoformat(text.replace("/", "-"))
        except ValueError:
            return None
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
        found.append(round(zoned.timestamp() * 1e6))
    return np.array(found, np.int64)


def _json(file: Path) -> Table:
    return _objects(file, json.loads(file.read_text("utf-8-sig")))


def _json_lines(file: Path) -> Table:
    lines = file.read_text("utf-8-sig").splitlines()
    return _objects(file, [json.loads(line) for line in lines if line.strip()])


def _objects(file: Path, found: Any) -> Table:
    """The columns of JSON: a list of objects or rows, an object of lists, or of objects by name."""
    if isinstance(found, Mapping):
        lists = [v for v in found.values() if isinstance(v, list)]
        nested = [v for v in lists if v and all(isinstance(row, Mapping) for row in v)]
        if len(nested) == 1:
            return _objects(file, nested[0])
        if found and all(isinstance(v, Mapping) for v in found.values()):
            return _objects(file, [{"key": key, **row} for key, row in found.items()])
        columns = {str(k): _values(str(k), v) for k, v in found.items() if isinstance(v, list)}
        return _table(file, columns, lambda k: _kind_of(found[k]), "an object of lists")
    if isinstance(found, list) and found and all(isinstance(row, Mapping) for row in found):
        flat = [dict(_flattened(row)) for row in found]
        keys = list(dict.fromkeys(key for row in flat for key in row))
        listed = {key: [row.get(key) for row in flat] for key in keys}
        columns = {key: _values(key, rows) for key, rows in listed.items()}
        return _table(file, columns, lambda k: _kind_of(listed[k]), "a list of objects")
    values = _values(unnamed(file), found)
    if not isinstance(values, np.ndarray):
        raise InputError(
            f"{file} holds {values if isinstance(values, str) else 'words'}; "
            "expected rows of numbers"
        )
    return _table(file, {unnamed(file): values}, lambda k: _kind_of(found), "a list of rows")


def _flattened(row: Mapping[str, Any], before: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in row.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _values(name: str, rows: Any) -> Array | tuple[str, ...] | str:
    if not isinstance(rows, list) or not rows:
        return f"{name} is {type(rows).__name__}, no list of rows"
    if all(isinstance(row, str) for row in rows):
        return _column(Path(), name, rows, 0) if _clock(rows) is not None else tuple(rows)
    empty = [i for i, row in enumerate(rows) if row is None]
    if empty:
        places = ", ".join(map(str, empty[:_SHOWN]))
        return f"{name} is empty in row {places} ({len(empty)} of {len(rows)} rows)"
    try:
        values = np.asarray(rows)
    except (ValueError, OverflowError):
        return f"{name} has rows of different lengths"
    if values.dtype.kind not in "biuf" or not values.size:
        return f"{name} does not hold numbers in every row"
    return values.astype(np.int64) if values.dtype.kind in "bi" else values.astype(np.float64)


def _kind_of(rows: Any) -> str:
    return _array_kind(np.asarray(rows))


def _array_kind(values: Array) -> str:
    return {"b": "boolean", "i": "integer", "u": "integer"}.get(values.dtype.kind, "real")


def _npy(file: Path) -> Table:
    values = _archives.read_npy(file)
    names = values.dtype.names
    return _arrays(file, {n: values[n] for n in names} if names else {unnamed(file): values})


def _npz(file: Path) -> Table:
    with _archives.Archive.open(file) as archive:
        return _arrays(
            file,
            {
                key if key != "arr_0" or len(archive.members) > 1 else unnamed(file): archive.read(
                    key
                )
                for key, member in archive.members.items()
                if member.shape and len(member.shape) <= 2 and member.dtype.kind in "biuf"
            },
        )


def _arrays(file: Path, arrays: Mapping[str, Array]) -> Table:
    columns: dict[str, Any] = {}
    for key, values in arrays.items():
        if values.dtype.kind not in "biuf" or not values.ndim or not values.size:
            columns[key] = f"{key} is {values.dtype} {list(values.shape)}, not rows of numbers"
        else:
            columns[key] = values.astype(np.int64 if values.dtype.kind in "bi" else np.float64)
    return _table(file, columns, lambda k: _array_kind(arrays[k]), "NumPy")
