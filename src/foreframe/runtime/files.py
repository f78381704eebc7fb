"""Files that are written whole or not at all, and the digests that tell whether they stayed so."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError


def digest(content: bytes | memoryview) -> str:
    """A short content digest (BLAKE2b, 128 bits) in hexadecimal.

    >>> digest(b"frame")
    'a0f66a9bc6750ac387caf7676498b0e2'
    """
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def digest_file(path: Path) -> str:
    """The digest of a file's content."""
    state = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            state.update(block)
    return state.hexdigest()


def sync(path: Path) -> None:
    """Ask the disk to keep a file's content or a folder's entries."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def atomic_write(path: Path, content: bytes | str) -> Path:
    """Write a file under a temporary name, sync it, and rename it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content.encode() if isinstance(content, str) else content)
    return _move_into_place(temporary, path)


def write_json(path: Path, value: Any) -> Path:
    """Write JSON, whole or not at all."""
    return atomic_write(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def read_json(path: Path, what: str) -> Any:
    """Read JSON; `what` names the file's part in the error."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise InputError(f"{path} is missing; expected {what}") from None
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read ({error}); expected {what}: restore it or make it again"
        ) from None


def with_digest(value: Mapping[str, Any]) -> dict[str, Any]:
    """JSON values with a digest of themselves among them."""
    plain = json.loads(json.dumps(value))  # as it will be read
    return {**plain, _SEAL: _seal(plain)}


def check_digest(found: Any, where: str, what: str, schema: str) -> dict[str, Any]:
    """What `sealed` sealed, of this `schema`; an error if a single value is another."""
    if not isinstance(found, dict) or found.get("schema") != schema:
        got = (
            repr(found.get("schema"))
            if isinstance(found, dict)
            else f"none, it is a {type(found).__name__}"
        )
        raise InputError(
            f"{where} has schema {got}; expected {schema!r}, {what}: make it again with this version"
        )
    plain = {key: value for key, value in found.items() if key != _SEAL}
    if found.get(_SEAL) != _seal(plain):
        raise InputError(
            f"{where} is not what was written (its digest differs); expected {what}: restore it or make it again"
        )
    return plain


def write_json_with_digest(path: Path, value: Mapping[str, Any]) -> Path:
    """Write sealed JSON, whole or not at all."""
    return write_json(path, with_digest(value))


def read_json_with_digest(path: Path, what: str, schema: str) -> dict[str, Any]:
    """Read JSON that `write_json_with_digest` wrote."""
    return check_digest(read_json(path, what), str(path), what, schema)


_SEAL = "digest"


def _seal(value: Mapping[str, Any]) -> str:
    return digest(json.dumps(value, sort_keys=True).encode())


def save_tensors(tensors: Mapping[str, Any], file: Path) -> None:
    """Write safetensors. What goes wrong on the disk is an OSError, as with every other file."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file(dict(tensors), file)
    except SafetensorError as error:
        raise OSError(f"{file.name} cannot be written ({error}): is the disk full?") from None


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A temporary folder to fill; it takes the name `path` when the block ends well, and is removed when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
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


@contextlib.contextmanager
def lock_folder(folder: Path, what: str) -> Iterator[None]:
    """Hold a folder for this process; another that asks meanwhile is refused, and told who holds it.

    The lock is the operating system's: it is gone when the process is, however it ended.
    """
    import fcntl

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            holder = lock.read().strip() or "another process"
            raise InputError(
                f"{folder} is in use by {holder}; wait for it, or choose another folder for this {what}"
            ) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()}")
        lock.flush()
        yield


def claim_output(path: Path, kind: str, own: Sequence[str]) -> None:
    """Refuse an output folder that holds something else. `own` are files any of which marks a folder of this kind."""
    if path.exists() and not path.is_dir():
        raise InputError(
            f"{path} is a file; expected a folder for the {kind}: choose another --out"
        )
    if path.is_dir() and _holds_something(path) and not any((path / name).exists() for name in own):
        raise InputError(
            f"{path} holds something else (no {own[0]} in it); expected an empty or new folder for the {kind}: choose another --out"
        )


def new_folder(out: Path, what: str) -> None:
    """An error if something is in the way of a new folder `out`; an empty one is taken away."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(
            f"{out} holds something else; expected a new folder for {what}: choose another OUT"
        )
    if out.exists():
        out.rmdir()


def _holds_something(path: Path) -> bool:
    """Whether a folder holds anything but what is being written into it just now."""
    return any(not file.name.startswith(".") for file in path.iterdir())


def _move_into_place(temporary: Path, path: Path) -> Path:
    os.replace(temporary, path)
    sync(path.parent)
    return path
