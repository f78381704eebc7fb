"""Which files a source consists of, and whether they are still what they were."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_MEGABYTE = 2**20

Fingerprint = tuple[int, int, str]  # size in bytes, time of change in ns, digest of both ends


def fingerprints(
    files: Iterable[Path], root: Path, known: Mapping[str, Sequence[int | str]] | None = None
) -> dict[str, Fingerprint]:
    """Return the fingerprint of each file by its name below `root`.

    A file of the size and time that `known` has for it is not read again.
    """
    found: dict[str, Fingerprint] = {}
    for file in files:
        name = file.relative_to(root).as_posix() if file.is_relative_to(root) else str(file)
        status = file.stat()
        before = (known or {}).get(name)
        unchanged = before is not None and tuple(before[:2]) == (status.st_size, status.st_mtime_ns)
        ends = str(before[2]) if unchanged and before else _digest_of_ends(file, status.st_size)
        found[name] = (status.st_size, status.st_mtime_ns, ends)
    return found


def content_of(found: Mapping[str, Sequence[int | str]]) -> str:
    """Return one digest of names, sizes and contents; the time of change does not count."""
    lines = [f"{name}:{size}:{ends}" for name, (size, _, ends) in sorted(found.items())]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@dataclass(frozen=True)
class SourceChange:
    """What became of a source's files since a store was written from them.

    Attributes:
        changed: files with another content.
        added: files that were not there.
        gone: files that are not there any more.
    """

    changed: tuple[str, ...]
    added: tuple[str, ...]
    gone: tuple[str, ...]

    def __str__(self) -> str:
        parts = (("changed", self.changed), ("new", self.added), ("gone", self.gone))
        return "; ".join(
            f"{len(names)} {what} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
            for what, names in parts
            if names
        )


def change_between(
    before: Mapping[str, Sequence[int | str]], now: Mapping[str, Sequence[int | str]]
) -> SourceChange:
    """Compare the fingerprints of a source.

    >>> before = {"a": (1, 0, "x"), "b": (1, 0, "y")}
    >>> str(change_between(before, {"a": (1, 9, "z"), "b": (1, 9, "y")}))
    '1 changed (a)'
    """
    changed = [
        n for n in before if n in now and (before[n][0], before[n][2]) != (now[n][0], now[n][2])
    ]
    return SourceChange(
        tuple(changed),
        tuple(n for n in now if n not in before),
        tuple(n for n in before if n not in now),
    )


def _digest_of_ends(file: Path, size: int) -> str:
    """A digest of the first and the last megabyte."""
    with file.open("rb") as opened:
        found = hashlib.sha256(opened.read(_MEGABYTE))
        if size > _MEGABYTE:
            opened.seek(max(_MEGABYTE, size - _MEGABYTE))
            found.update(opened.read(_MEGABYTE))
    return found.hexdigest()
