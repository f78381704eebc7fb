"""Delimited text as people save it: CSV of any dialect, with or without a header.

Excel writes a byte-order mark, semicolons and decimal commas; NumPy comments its header out;
loggers leave spaces behind their commas. What a file is written in is told from the whole of it,
and two ways to read its numbers are an error.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError
from ..sources.findings import AmbiguousSource

_NUMBER_WORDS = ("nan", "inf", "infinity")  # numbers to Python, and possible names
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}([.,]\d{3})+")
_UDACITY = ("center", "left", "right", "steering", "throttle", "brake", "speed")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DELIMITERS = {";": "semicolons", "\t": "tabs", ",": "commas", "|": "bars", " ": "spaces"}


@dataclass(frozen=True)
class Cells:
    """The cells of a file.

    Attributes:
        names: of the columns; empty if the file has no header.
        rows: below the header.
        first: the number of the first of them, for messages; the header is row 0.
        dialect: what the file is written in, in words.
    """

    names: tuple[str, ...]
    rows: list[list[str]]
    first: int
    dialect: str

    def column(self, place: int) -> list[str]:
        return [row[place] for row in self.rows]


def cells_of(file: Path) -> Cells:
    """Return the cells of a delimited file.

    Raises:
        InputError: text of no known coding, rows of different lengths, two columns of one name.
    """
    text, coding = _text(file)
    lines, header = _without_comments(text)
    rows, delimiter = _rows(file, lines)
    if not rows:
        raise InputError(f"{file} is empty; expected rows of numbers")
    rows = _without_trailing_empties(rows)
    names, body = _header(file, rows, header)
    first = 1 if names and body is not rows else 0
    width = len(names) if names else len(rows[0])
    for number, row in enumerate(body, start=first):
        if len(row) != width:
            raise InputError(
                f"{file}: row {number} has {len(row)} columns; expected {width} as in the first row"
            )
    said = f"{_DELIMITERS[delimiter]}, {'a header' if names else 'no header'}"
    return Cells(names, body, first, said + (f", {coding}" if coding else ""))


def number_of_cell(cell: str, decimal: str = ".") -> float | None:
    """Return the number that a cell holds, or None.

    >>> number_of_cell("1,5", ","), number_of_cell("1.234,5", ","), number_of_cell("1_0")
    (1.5, 1234.5, None)
    """
    if "_" in cell:
        return None
    if decimal == ",":
        cell = cell.replace(".", "") if "," in cell else cell
        cell = cell.replace(",", ".")
    try:
        return float(cell)
    except ValueError:
        return None


def decimal_of(cells: Sequence[str], where: str) -> str | None:
    """Return the decimal mark with which all of `cells` are numbers, or None if they are not.

    Raises:
        AmbiguousSource: commas that may be decimal or between thousands.

    >>> decimal_of(["0.5", "1"], "t"), decimal_of(["0,5", "1"], "t"), decimal_of(["left"], "t")
    ('.', ',', None)
    """
    if all(number_of_cell(cell) is not None for cell in cells):
        return "."
    if any(number_of_cell(cell, ",") is None for cell in cells):
        return None
    marked = [cell for cell in cells if "," in cell or "." in cell]
    if all(_THOUSANDS.fullmatch(cell) for cell in marked):
        readings = ("commas between thousands (1,234 is 1234)", "decimal commas (1,234 is 1.234)")
        raise AmbiguousSource(
            f"{where} ({marked[0]})", readings, "a table written with decimal points"
        )
    return ","


def _text(file: Path) -> tuple[str, str]:
    """The text of a file, and its coding if that is not plain UTF-8."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror}); expected a table") from None
    coding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(coding)
    except UnicodeDecodeError:
        text, coding = content.decode("cp1252", "replace"), "Windows-1252"
    if "\0" in text or "\ufffd" in text:
        raise InputError(f"{file} is no text; expected rows of numbers")
    return text, {"utf-8": "", "utf-8-sig": "a byte-order mark"}.get(coding, coding)


def _without_comments(text: str) -> tuple[list[str], str | None]:
    """The lines that are no comments, and the last comment before them, which may be a header."""
    lines = text.splitlines()
    header = None
    kept: list[str] = []
    for line in lines:
        if line.lstrip().startswith(("#", "%")):
            header = line.lstrip().lstrip("#%").strip() if not kept else header
        elif line.strip():
            kept.append(line)
    return kept, header


def _rows(file: Path, lines: list[str]) -> tuple[list[list[str]], str]:
    """Return rows of stripped cells by the delimiter that makes them even and most numeric."""
    best: tuple[tuple[int, float, int], list[list[str]], str] | None = None
    for rank, delimiter in enumerate(_DELIMITERS):
        if delimiter != "," and not any(delimiter in line for line in lines):
            continue
        rows = _split(file, lines, delimiter)
        widths = {len(row) for row in rows[1:]} or {len(rows[0])} if rows else {0}
        even = len(widths) == 1 and (len(rows[0]) in widths if rows else True)
        body = [cell for row in rows[1:] or rows for cell in row]
        numeric = sum(decimal_mark(cell, delimiter) for cell in body) / max(len(body), 1)
        wide = int(max(widths, default=0) > 1)
        score = (int(even) * (1 + wide), round(numeric, 3), -rank)
        if best is None or score > best[0]:
            best = (score, rows, delimiter)
    assert best is not None
    return best[1], best[2]


def decimal_mark(cell: str, delimiter: str) -> bool:
    """Whether a cell is a number, with a decimal comma only where commas do not part the cells."""
    return number_of_cell(cell) is not None or (
        delimiter != "," and number_of_cell(cell, ",") is not None
    )


def _split(file: Path, lines: list[str], delimiter: str) -> list[list[str]]:
    try:
        if delimiter == " ":
            return [line.split() for line in lines]
        reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
        return [[cell.strip() for cell in row] for row in reader if row]
    except csv.Error as error:
        raise InputError(f"{file} cannot be read ({error}); expected rows of numbers") from None


def _without_trailing_empties(rows: list[list[str]]) -> list[list[str]]:
    """Rows without the empty cell that a delimiter at the end of every line makes."""
    while len(rows[0]) > 1 and all(len(row) > 1 and not row[-1] for row in rows):
        rows = [row[:-1] for row in rows]
    widths = {len(row) for row in rows[1:]}
    if widths == {len(rows[0]) + 1} and all(not row[-1] for row in rows[1:]):
        rows = [rows[0], *(row[:-1] for row in rows[1:])]
    return rows


def _names_like_numbers(rows: list[list[str]], plain: list[bool]) -> bool:
    """Return whether a first row such as `A,INF` names columns: words above numbers."""
    words = [place for place, is_plain in enumerate(plain) if is_plain]
    others = [
        cell.strip().lower() for cell, is_plain in zip(rows[0], plain, strict=True) if not is_plain
    ]
    below = [row[place] for row in rows[1:] for place in words if place < len(row)]
    return (
        bool(words and below)
        and all(cell in _NUMBER_WORDS for cell in others)
        and all(number_of_cell(cell) is not None for cell in below)
    )


def _header(
    file: Path, rows: list[list[str]], comment: str | None
) -> tuple[tuple[str, ...], list[list[str]]]:
    """The names of the columns (none without a header), and the rows below."""
    plain = [number_of_cell(cell) is None and number_of_cell(cell, ",") is None for cell in rows[0]]
    if (all(plain) and not _all_words(rows)) or _names_like_numbers(rows, plain):
        names, body = rows[0], rows[1:]
    else:
        names, body = _commented(comment, len(rows[0])), rows
        if not names and len(rows[0]) == len(_UDACITY) and plain == [True] * 3 + [False] * 4:
            names = list(_UDACITY)  # the log of Udacity's simulator, which has no header
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise InputError(
            f"{file} has several columns called {', '.join(twice)}; expected each name once: "
            "rename them"
        )
    return tuple(name or f"column {i}" for i, name in enumerate(names)), body


def _all_words(rows: list[list[str]]) -> bool:
    """Whether a first row of words is followed by rows that look just like it.

    File names, all of them.
    """
    return all("." in cell[1:] and "/" in cell for row in rows for cell in row)


def _commented(comment: str | None, width: int) -> list[str]:
    """The names in a comment above the rows, if there are as many."""
    if not comment:
        return []
    for delimiter in (",", ";", "\t", None):
        names = [name.strip() for name in comment.split(delimiter)]
        if len(names) == width and all(number_of_cell(name) is None for name in names):
            return names
    return []
