"""Files and folders that are written whole or not at all, and JSON in them."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ..errors import InputError
from .systems import is_running, rename, sync

# `.NAME.HOST-PROCESS-NUMBER`; until 0.2 `.NAME.PROCESS`.
_TEMPORARY = re.compile(r"\.(?P<name>.+)\.(?:(?P<host>\w+)-)?(?P<process>\d+)(?:-\d+)?")
_HOST = re.sub(r"\W", "_", socket.gethostname())
_numbers = itertools.count()


def atomic_write(path: Path, content: bytes | str) -> Path:
    """Write a file under a temporary name, sync it, and rename it into place.

    What processes that were killed left of the same file is removed. Names that are not UTF-8 are
    written as JSON escapes them.
    """
    make_folder(path.parent)
    _remove_abandoned(path)
    temporary = _temporary(path)
    if isinstance(content, str):
        content = content.encode(errors="backslashreplace")
    try:
        temporary.write_bytes(content)
        sync(temporary)
        return _move_into_place(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Yield an open file to write in pieces.

    It takes the name `path` when the block ends, and is removed when the block raises.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    try:
        with temporary.open("w+b") as file:
            yield file
        sync(temporary)
        _move_into_place(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder to fill.

    It takes the name `path` when the block ends, and is removed when the block raises.
    What processes that were killed left of the same folder is removed, too.
    """
    make_folder(path.parent)
    _remove_abandoned(path)
    temporary = _temporary(path)
    temporary.mkdir()
    try:
        yield temporary
        sync_tree(temporary)
        _move_into_place(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def make_folder(path: Path) -> Path:
    """Make a folder and its parents, and make sure of their names on the disk."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in reversed(missing):
        sync(folder.parent)
    return path


def remove_folder(path: Path) -> None:
    """Remove a folder: first its name, so that a part of it is never taken for the whole."""
    temporary = _temporary(path)
    with contextlib.suppress(FileNotFoundError):
        rename(path, temporary)
    shutil.rmtree(temporary, ignore_errors=True)


def remove_temporaries(folder: Path) -> None:
    """Remove the temporary files and folders in a folder that only this process writes into."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if _TEMPORARY.fullmatch(path.name):
            _remove(path)


def sync_tree(folder: Path) -> None:
    """Ask the disk to keep a folder with everything in it."""
    for path in sorted(folder.rglob("*")):
        sync(path)
    sync(folder)


def write_json(path: Path, value: Any) -> Path:
    """Write JSON, whole or not at all."""
    return atomic_write(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def read_json(path: Path, what: str) -> Any:
    """Read JSON; `what` says in the error what the file should be.

    Raises:
        InputError: the file is missing, is no regular file, or is not JSON.
    """
    return parse_json(read_text(path, what), str(path), what)


def parse_json(text: str | bytes, where: str, what: str) -> Any:
    """Return the values of JSON text that was read from `where`.

    Raises:
        InputError: it is not JSON, or nested too deep.
    """
    try:
        return json.loads(text)
    except RecursionError:
        fault = "it is nested too deep"
    except ValueError as error:
        fault = str(error)
    raise InputError(
        f"{where} cannot be read ({fault}); expected {what}: restore it or make it again"
    )


def read_text(path: Path, what: str) -> str:
    """Read a text file; `what` says in the error what the file should be.

    Raises:
        InputError: the file is missing, is no regular file, or is not UTF-8.
    """
    if not path.exists():
        raise InputError(f"{path} is missing; expected {what}")
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "no regular file"
        raise InputError(f"{path} is {kind}; expected {what}")
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read ({error}); expected {what}: restore it or make it again"
        ) from None


def is_inside(path: Path, folder: Path) -> bool:
    """Return whether a path is a regular file in a folder, and no link out of it."""
    return path.is_file() and path.resolve().is_relative_to(folder.resolve())


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{_HOST}-{os.getpid()}-{next(_numbers)}")


def _remove_abandoned(path: Path) -> None:
    """Remove temporary files of `path` whose process has ended on this machine."""
    for found in path.parent.iterdir():
        match = _TEMPORARY.fullmatch(found.name)
        if match and match["name"] == path.name and match["host"] in (None, _HOST):
            process = int(match["process"])
            if process != os.getpid() and not is_running(process):
                _remove(found)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _move_into_place(temporary: Path, path: Path) -> Path:
    rename(temporary, path)
    sync(path.parent)
    return path
