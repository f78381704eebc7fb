"""Locks on folders, so that two processes never write into the same run or store."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ..errors import InputError
from .files import make_folder
from .systems import is_running, lock_exclusively, may_fork

LOCK = ".lock"
_ORPHANS_S, _AGAIN_S = 20.0, 0.05  # workers of a killed process end by themselves, after a moment

_HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
_WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


@contextlib.contextmanager
def lock_folder(folder: Path, what: str) -> Iterator[None]:
    """Hold a folder for this process while the block runs.

    The lock is the operating system's, so it is gone when the process is, however that ended.
    On a file system without locks a line says so, and the block runs all the same.

    Args:
        folder: the folder to lock, which is made if it does not exist.
        what: what the folder is for, such as "run"; used in the error.

    Raises:
        InputError: another process holds the folder; the message says which one.
    """
    with _opened(folder, what) as lock:
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {socket.gethostname()}")
        lock.flush()
        yield


@contextlib.contextmanager
def _opened(folder: Path, what: str) -> Iterator[IO[str]]:
    """The lock's file, locked, and still the one that stands in the folder."""
    while True:
        make_folder(folder)
        file = folder / LOCK
        with contextlib.ExitStack() as stack:
            try:
                lock = stack.enter_context(file.open("a+", encoding="utf-8"))
            except FileNotFoundError:  # another process has removed the folder just now
                continue
            _lock(lock, folder, what)
            if not _is_still(lock, file):
                continue
            yield lock
            return


def _lock(lock: IO[str], folder: Path, what: str) -> None:
    """Lock a file; where its holder was killed, wait until the holder's workers have ended too."""
    end = time.monotonic() + _ORPHANS_S
    while True:
        try:
            return lock_exclusively(lock)
        except OSError as error:
            if error.errno in _WITHOUT_LOCKS:
                print(
                    f"foreframe: {folder} is on a file system without locks ({error.strerror}); "
                    f"going on: make sure that no other process writes into this {what}",
                    file=sys.stderr,
                )
                return None
            if error.errno not in _HELD:
                raise
        lock.seek(0)
        holder = lock.read().strip()
        if not _was_killed(holder) or time.monotonic() > end:
            raise InputError(
                f"{folder} is in use by {holder or 'another process'}; wait for it, or choose "
                f"another folder for this {what}"
            )
        time.sleep(_AGAIN_S)


def _was_killed(holder: str) -> bool:
    """Whether the process that wrote its number into a lock is no more, on this machine.

    Only workers that were forked hold the lock of their parent.
    """
    if not may_fork():
        return False
    found = re.fullmatch(r"process (\d+) on (.+)", holder)
    return bool(found and found[2] == socket.gethostname() and not is_running(int(found[1])))


def _is_still(lock: IO[str], file: Path) -> bool:
    """Return whether the file that was locked was not removed or replaced meanwhile."""
    try:
        return os.path.samestat(os.fstat(lock.fileno()), file.stat())
    except FileNotFoundError:
        return False
