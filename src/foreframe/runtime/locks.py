"""Locks on folders, which keep two processes from writing into the same run."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from ..errors import InputError


@contextlib.contextmanager
def lock_folder(folder: Path, what: str) -> Iterator[None]:
    """Hold a folder for this process while the block runs.

    The operating system releases the lock when the process ends, even if it was killed.

    Args:
        folder: the folder to lock, which is made if it does not exist.
        what: what the folder is for, such as "run"; used in the error.

    Raises:
        InputError: another process holds the folder; the message says which one.
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
                f"{folder} is in use by {holder}; wait for it, "
                f"or choose another folder for this {what}"
            ) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()}")
        lock.flush()
        yield
