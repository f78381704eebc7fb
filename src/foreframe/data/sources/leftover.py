"""Files of a source that its format does not read, and the stop where they may hold the actions."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from ...errors import InputError
from .findings import Findings
from .folders import files_under, is_leftover
from .recording import Source

_TABLES = (".csv", ".tsv", ".json", ".jsonl", ".npy", ".npz", ".parquet", ".h5", ".hdf5", ".xlsx")
_PLAIN = (
    ".csv",
    ".tsv",
    ".xlsx",
)  # what counts where a format does not say which files are its own
_NAMED = 3


def files_of(path: Path, findings: Findings) -> list[Path]:
    """Return the files that make up a source.

    Those that its format reads, or all where it does not say.
    """
    if findings.files:
        there = dict.fromkeys(
            f if f.is_absolute() or f.exists() else path / f for f in findings.files
        )
        return [file for file in there if file.is_file()]
    return list(files_under(path)) if path.is_dir() else [path]


def with_leftovers(path: Path, findings: Findings) -> Findings:
    """Return the findings with the files of the source that nothing reads, by folder and suffix."""
    if not findings.files or not path.is_dir():
        return findings
    read = {file.resolve() for file in files_of(path, findings)}
    explained = tuple((path / u.path).resolve() for u in findings.unused)
    groups: dict[tuple[Path, str], list[Path]] = defaultdict(list)
    for file in files_under(path):
        real = file.resolve()
        if real not in read and not any(real == e or e in real.parents for e in explained):
            groups[file.parent, file.suffix].append(file)
    for (folder, suffix), files in groups.items():
        inside = folder.relative_to(path)
        names = ", ".join(file.name for file in files[:_NAMED])
        more = f" and {len(files) - _NAMED} more *{suffix}" if len(files) > _NAMED else ""
        findings = findings.ignores(
            inside / f"{names}{more}", "no part of the layout that was read"
        )
    return findings


def stop_without_actions(path: Path, source: Source, findings: Findings) -> None:
    """Stop where there are no actions, but tables that may hold them.

    Raises:
        InputError: names the tables, and the options that take them or go on without.
    """
    if any(column.role in ("action", "label") for column in source.columns.values()):
        return
    offered = [u.path for u in findings.unused if u.instead]
    explained = {(path / u.path).resolve() for u in findings.unused}
    read = {file.resolve() for file in findings.files if file.exists()}
    near = files_under(path) if path.is_dir() else (f for f in path.parent.iterdir() if f.is_file())
    suffixes = _TABLES if findings.files else _PLAIN
    tables = [
        file.relative_to(path if path.is_dir() else path.parent).as_posix()
        for file in near
        if file.suffix.lower() in suffixes
        and not is_leftover(file)
        and file.resolve() not in read | explained | {path.resolve()}
    ]
    states = any(column.role == "state" for column in source.columns.values())
    left_out = [
        c.key
        for c in findings.left_out
        if c.option and not (states and c.option.startswith("--states"))
    ]
    if not (tables or offered or left_out):
        return
    seen = [*(f"column {key}" for key in left_out), *offered, *tables]
    more = f" and {len(seen) - _NAMED} more" if len(seen) > _NAMED else ""
    raise InputError(
        f"{path} would come in without actions, but there is {', '.join(seen[:_NAMED])}{more} that "
        "may hold them: name the "
        "columns with --actions or the file with --actions-file, choose another --layout or "
        "--format, or go on without "
        "with --no-actions"
    )
