"""Files and folders that are written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from ..errors import InputError


def atomic_write(path: Path, content: bytes | str) -> Path:
    """Write a file under a temporary name, sync it, and rename it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    temporary.write_bytes(content.encode() if isinstance(content, str) else content)
    sync(temporary)
    return _move_into_place(temporary, path)


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
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        for file in sorted(temporary.rglob("*")):
            sync(file)
        sync(temporary)
        _move_into_place(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def sync(path: Path) -> None:
    """Ask the disk to keep a file's content or a folder's entries."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_json(path: Path, value: Any) -> Path:
    """Write JSON, whole or not at all."""
    return atomic_write(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def read_json(path: Path, what: str) -> Any:
    """Read JSON; `what` says in the error what the file should be.

    Raises:
        InputError: the file is missing, or is not JSON.
    """
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise InputError(f"{path} is missing; expected {what}") from None
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read ({error}); expected {what}: restore it or make it again"
        ) from None


def save_tensors(tensors: Mapping[str, Any], file: Path) -> None:
    """Write safetensors; a full disk raises OSError, as for every other file."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file(dict(tensors), file)
    except SafetensorError as error:
        raise OSError(f"{file.name} cannot be written ({error}): is the disk full?") from None


def claim_output(path: Path, kind: str, own: Sequence[str]) -> None:
    """Check that a folder is new, empty, or already of this kind.

    Args:
        path: the folder to write into.
        kind: what will be written, such as "run", for the error.
        own: names of files; a folder that holds any of them is of this kind.

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
    """Make way for a new folder: remove an empty one, refuse anything else.

    Raises:
        InputError: `out` is a file, or a folder that holds something.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(
            f"{out} holds something else; expected a new folder for {what}: choose another OUT"
        )
    if out.exists():
        out.rmdir()


def _holds_something(path: Path) -> bool:
    """Return whether a folder holds more than files that are still being written."""
    return any(not file.name.startswith(".") for file in path.iterdir())


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")


def _move_into_place(temporary: Path, path: Path) -> Path:
    os.replace(temporary, path)
    sync(path.parent)
    return path
