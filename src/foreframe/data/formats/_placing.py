"""Where the table of an episode is: inside its folder, beside it, above it, or in a folder that
mirrors it.

run_0/0.png ...  run_0/log.csv            inside
run_0/0.png ...  run_0.csv                beside, of the same name
run_0/images/0.png ...  run_0/log.csv     above, where the pictures are the only ones
videos/run_0.mp4  actions/run_0.csv       mirrored
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ...errors import InputError
from ..sources.findings import AmbiguousSource
from ..sources.folders import is_leftover, natural_order
from ..sources.options import SourceOptions
from ._table_roles import base_name, episode_column, file_columns
from ._tables import TABLES, Table, read_table

_ROLES = (
    "action",
    "command",
    "control",
    "joint",
    "state",
    "observation",
    "obs",
    "endeffector",
    "position",
    "pose",
    "time",
    "proprio",
)
_LOOSE = (".json", ".txt", ".npz", ".npy")  # files that may hold anything else as well
_CACHED = 512


def read(file: Path) -> Table:
    """Return a table; that of a file which has not changed since is kept."""
    status = file.stat()
    return _kept(file, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=_CACHED)
def _kept(file: Path, changed_ns: int, size: int) -> Table:
    return read_table(file)


def table_of(
    root: Path, place: Path, lengths: Sequence[int], options: SourceOptions, alone: bool
) -> Table | None:
    """Return the table of an episode, or None.

    Args:
        root: the source, above which nothing is looked for.
        place: the folder of its pictures, or its video.
        lengths: how many rows would fit; a JSON, text or NumPy file without a column of such a
            length is no table.
        options: of the source.
        alone: whether its pictures are the only ones below the folder that holds `place`.
    """
    for files in _candidates(root, place, alone):
        if options.actions_file:
            files = [f for f in files if _is_called(root, f, options.actions_file)]
        tables = [t for f in files if (t := fitting(f, lengths)) is not None]
        if tables:
            return _one(tables)
    return None


def fitting(file: Path, lengths: Sequence[int]) -> Table | None:
    """Return the table that a file holds, or None if it is something else.

    Settings, notes, calibration.
    """
    loose = file.suffix.lower() in _LOOSE
    try:
        table = read(file)
    except InputError:
        if loose:
            return None
        raise
    named = any(k.casefold().startswith(("action", "state")) for k in table.numbers)
    if not loose or named or file_columns(table) or episode_column(table):
        return table
    return table if any(len(v) in lengths for v in table.numbers.values()) else None


def of_the_same_name(table: Table | None, file: Path, usual: Path | None) -> Table | None:
    """Return `table`, or what `file` holds if that is called as the `usual` table is.

    A file of too few or too many rows is a table where others of its name are: pairing says so.
    """
    if table is not None or usual is None or file.name != usual.name or not file.is_file():
        return table
    return read(file)


def tables_in(folder: Path) -> list[Path]:
    """Return the files of a folder that may be tables."""
    return natural_order(
        [
            f
            for f in folder.iterdir()
            if f.suffix.lower() in TABLES and f.is_file() and not is_leftover(f)
        ]
    )


def shared_rows(table: Table, place: Path, names: Sequence[str]) -> Table | None:
    """Return the rows of a table of several episodes that belong to `place`, or None if there are
    none.
    """
    rows: list[int] = []
    for column in file_columns(table):
        words = [word.strip().replace("\\", "/") for word in table.words[column]]
        there = {f"{place.name}/{name}" for name in names}
        rows = [i for i, w in enumerate(words) if "/".join(w.split("/")[-2:]) in there]
        if not rows:
            known = set(names)
            rows = [i for i, w in enumerate(words) if base_name(w) in known]
            told = [base_name(words[i]) for i in rows]
            rows = rows if len(set(told)) == len(told) else _of_episode(table, place, rows)
        if rows:
            return table.rows(rows)
    found = _of_episode(table, place, range(table.length))
    return table.rows(found) if found else None


def _of_episode(table: Table, place: Path, rows: Sequence[int]) -> list[int]:
    """The rows whose column of episodes has the name or the number of `place`."""
    column = episode_column(table)
    if column is None:
        return []
    if column in table.words:
        wanted = {place.name, place.stem}
        return [i for i in rows if base_name(table.words[column][i]) in wanted]
    digits = "".join(c if c.isdigit() else " " for c in place.stem).split()
    number = int(digits[-1]) if digits else -1
    return [i for i in rows if table.numbers[column][i, 0] == number]


def _candidates(root: Path, place: Path, alone: bool) -> Iterator[list[Path]]:
    """The files that may be tables, the nearest first.

    Those further away are looked for only if they are needed.
    """
    if place.is_dir():
        yield tables_in(place)
    stem = place.name if place.is_dir() else place.stem
    if place == root:
        return
    siblings = tables_in(place.parent)
    yield [f for f in siblings if f.stem == stem]
    yield [f for f in siblings if f.stem.startswith((f"{stem}_", f"{stem}.", f"{stem}-"))]
    yield _mirrored(root, place, stem)
    if alone:
        yield siblings


def _mirrored(root: Path, place: Path, stem: str) -> list[Path]:
    """Tables at the same place below a sibling of one of the folders on the way."""
    parts = place.relative_to(root).parts
    found: list[Path] = []
    for i in range(len(parts) - (0 if place.is_dir() else 1)):
        base = root.joinpath(*parts[:i])
        for sibling in natural_order([p for p in base.iterdir() if p.is_dir()]):
            if sibling.name == parts[i] or is_leftover(sibling):
                continue
            there = sibling.joinpath(*parts[i + 1 :])
            if there.is_dir() and i + 1 < len(parts):
                found += tables_in(there)
            elif there.parent.is_dir() and there != sibling:
                found += [f for f in tables_in(there.parent) if f.stem == stem]
    return found


def _is_called(root: Path, file: Path, name: str) -> bool:
    return name in (
        file.name,
        file.stem,
        str(file),
        str(file.relative_to(root) if file.is_relative_to(root) else file),
    )


def _one(tables: Sequence[Table]) -> Table:
    """The one table, or several side by side, if their names say that each is a part."""
    if len(tables) == 1:
        return tables[0]
    names = [key for table in tables for key in (*table.numbers, *table.words)]
    alike = len({table.length for table in tables}) == 1 and len(set(names)) == len(names)
    if alike and all(table.file.stem.casefold().startswith(_ROLES) for table in tables):
        first = tables[0]
        return replace(
            first,
            numbers={k: v for t in tables for k, v in t.numbers.items()},
            kinds={k: v for t in tables for k, v in t.kinds.items()},
            words={k: v for t in tables for k, v in t.words.items()},
            unusable={k: v for t in tables for k, v in t.unusable.items()},
            files={k: t.file for t in tables for k in (*t.numbers, *t.unusable)},
        )
    files = [table.file.name for table in tables]
    raise AmbiguousSource(
        tables[0].file.parent,
        [f"conditions from {name}" for name in files],
        " or ".join(f"--actions-file {name}" for name in files),
    )
