"""Tables of numbers beside pictures: CSV, JSON, NumPy. One row a frame, columns by name.

Letters: T rows, K columns of a name.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError

Array = NDArray[Any]

TABLES = (".csv", ".json", ".npy", ".npz")
UNNAMED = "action"  # what a table without names is taken for


def read_table(file: Path) -> dict[str, Array]:
    """The numbers in a file, float32 [T, K] by name; columns that hold words are left out.

    CSV has a header or none; JSON is a list of rows, a list of objects, or an object of lists.

    Raises:
        InputError: what cannot be read, rows of different lengths, no numbers at all; file and row are named.
    """
    reader = {".csv": _csv, ".json": _json, ".npy": _npy, ".npz": _npz}[file.suffix.lower()]
    try:
        found = reader(file)
    except InputError:
        raise
    except Exception as error:  # decoders of four formats raise many kinds; this is the one door
        raise InputError(
            f"{file} cannot be read ({error}); expected a table with one row a frame"
        ) from None
    if not found:
        raise InputError(f"{file} has no column of numbers; expected one row of numbers a frame")
    return found


def read_numbers(file: Path) -> Array:
    """A CSV file without a header: float32 [T, K]."""
    return _floats(_csv_rows(file), file, 0, "numbers without a header")


def _csv(file: Path) -> dict[str, Array]:
    rows = _csv_rows(file)
    if rows and all(_is_number(cell) for cell in rows[0]):
        return {UNNAMED: _floats(rows, file, 0)}
    names = [name.strip() for name in rows[0]] if rows else []
    body = rows[1:]
    _even(body, len(names), file, 1)
    numeric = [i for i in range(len(names)) if body and _is_number(body[0][i])]
    values = _floats([[row[i] for i in numeric] for row in body], file, 1)
    return {names[i]: values[:, [k]] for k, i in enumerate(numeric)}


def _csv_rows(file: Path) -> list[list[str]]:
    try:
        with file.open(newline="") as opened:
            return [row for row in csv.reader(opened) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file} cannot be read ({error}); expected rows of numbers") from None


def _even(rows: list[list[str]], width: int, file: Path, first: int) -> None:
    for number, row in enumerate(rows, start=first):
        if len(row) != width:
            raise InputError(
                f"{file}: row {number} has {len(row)} columns; expected {width} as in the first row"
            )


def _floats(rows: list[list[str]], file: Path, first: int, expected: str = "numbers") -> Array:
    _even(rows, len(rows[0]) if rows else 0, file, first)
    for number, row in enumerate(rows, start=first):
        try:
            [float(cell) for cell in row]
        except ValueError as error:
            raise InputError(f"{file}: row {number}: {error}; expected {expected}") from None
    return np.asarray(rows, np.float32).reshape(len(rows), -1)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _json(file: Path) -> dict[str, Array]:
    found = json.loads(file.read_text())
    if isinstance(found, list) and found and isinstance(found[0], Mapping):
        keys = [key for key, value in found[0].items() if _numeric(value)]
        found = {key: [row[key] for row in found] for key in keys}
    if isinstance(found, Mapping):
        return {
            str(key): _block(rows)
            for key, rows in found.items()
            if isinstance(rows, list) and _numeric(rows)
        }
    return {UNNAMED: _block(found)}


def _numeric(value: Any) -> bool:
    return np.asarray(value).dtype.kind in "biuf"


def _npy(file: Path) -> dict[str, Array]:
    return {UNNAMED: _block(np.load(file, allow_pickle=False))}


def _npz(file: Path) -> dict[str, Array]:
    with np.load(file, allow_pickle=False) as archive:
        return {
            key: _block(archive[key])
            for key in archive
            if archive[key].dtype.kind in "biuf" and archive[key].ndim
        }


def _block(rows: Any) -> Array:
    values = np.asarray(rows, np.float32)
    return values.reshape(len(values), -1)
