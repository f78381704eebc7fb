"""Where a command may write: new, empty or its own folders, and never inside what it reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError


def claim_output(path: Path, kind: str, own: Sequence[str]) -> None:
    """Check that a folder is new, empty, or already of this kind.

    Args:
        path: the folder to write into.
        kind: what will be written, such as "run", for the error.
        own: files any of which marks a folder of this kind.

    Raises:
        InputError: the path is a file, or the folder holds something else.
    """
    if path.exists() and not path.is_dir():
        raise InputError(
            f"{path} is a file; expected a folder for the {kind}: choose another --out"
        )
    if path.is_dir() and _holds_something(path) and not any((path / name).exists() for name in own):
        raise InputError(
            f"{path} holds something else (no {own[0]} in it); "
            f"expected an empty or new folder for the {kind}: choose another --out"
        )


def new_folder(out: Path, what: str) -> None:
    """Check that nothing is in the way of a new folder; an empty one is removed.

    Raises:
        InputError: `out` is a file, or a folder that holds something.
    """
    if is_taken(out):
        raise InputError(
            f"{out} holds something else; expected a new folder for {what}: choose another OUT"
        )
    if out.exists():
        out.rmdir()


def is_taken(out: Path) -> bool:
    """Return whether something stands where a new folder should be; an empty folder does not."""
    return out.exists() and (not out.is_dir() or any(out.iterdir()))


def keep_apart(out: Path, source: Path, what: str) -> None:
    """Check that an output is not what it is made from, nor inside of it.

    Args:
        out: what will be written.
        source: what is read.
        what: names the source in the error, such as "the run".

    Raises:
        InputError: `out` is `source`, or inside of it.
    """
    inner, outer = out.resolve(), source.resolve()
    if inner == outer or outer in inner.parents:
        where = "is" if inner == outer else "is inside"
        raise InputError(f"{out} {where} {what} {source}, which is only read: choose another OUT")


def keep_apart_both_ways(out: Path, source: Path, what: str) -> None:
    """Check also that a source is not inside an output that is replaced as a whole.

    Raises:
        InputError: one of both is the other, or inside of it.
    """
    keep_apart(out, source, what)
    if out.resolve() in source.resolve().parents:
        raise InputError(
            f"{what} {source} is inside {out}, which would be replaced: choose another OUT"
        )


def _holds_something(path: Path) -> bool:
    """Return whether a folder holds more than files that are being written just now."""
    return any(not file.name.startswith(".") for file in path.iterdir())
