"""What Windows, macOS and Linux do differently: locks, syncing, renaming, processes, forking."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from pathlib import Path
from typing import IO

WINDOWS = os.name == "nt"

_LOCKED_BYTE = 1 << 20  # far behind the text of a lock file, so that others can read it
_TRIES, _PAUSE_S = 40, 0.05  # while a scanner or a reader holds a file on Windows
_MAY_QUERY, _STILL_ACTIVE, _DENIED = 0x1000, 259, 5  # from winnt.h, minwinbase.h and winerror.h


def lock_exclusively(file: IO[str]) -> None:
    """Lock an open file until it is closed.

    Raises:
        OSError: another process holds it; or there are no locks here, with errno ENOSYS.
    """
    with contextlib.suppress(ImportError):
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    with contextlib.suppress(ImportError):
        import msvcrt

        os.lseek(file.fileno(), _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        return
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


def sync(path: Path) -> None:
    """Ask the disk to keep a file's content or a folder's entries.

    Windows keeps the order of renames by itself and opens no folders; its files are synced by
    those who may write them.
    """
    if WINDOWS and path.is_dir():
        return
    handle = os.open(path, os.O_RDWR if WINDOWS else os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some file systems do not sync folders: there the order of renames is theirs to keep.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP) or not path.is_dir():
            raise
    finally:
        os.close(handle)


def rename(old: Path, new: Path) -> None:
    """Rename a file or folder; a file, or an empty folder, of the new name is replaced.

    Windows replaces no folder, and refuses while another process has the file open for a moment.
    """
    if not WINDOWS:
        os.replace(old, new)
        return
    if old.is_dir() and new.is_dir():
        new.rmdir()
    for attempt in range(_TRIES):
        try:
            os.replace(old, new)
            return
        except PermissionError:
            if attempt == _TRIES - 1:
                raise
            time.sleep(_PAUSE_S)


def is_running(process: int) -> bool:
    """Return whether a process of this number is there."""
    if WINDOWS:
        return _is_running_on_windows(process)
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def may_fork() -> bool:
    """Return whether forked processes can be trusted: not on macOS, whose libraries have threads.

    Source: https://docs.python.org/3/library/multiprocessing.html#contexts-and-start-methods
    """
    return not WINDOWS and hasattr(os, "fork") and sys.platform != "darwin"


def _is_running_on_windows(process: int) -> bool:
    """`os.kill` with signal 0 would send Ctrl-C there, so the system is asked."""
    import ctypes

    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined,unused-ignore]
    handle = kernel.OpenProcess(_MAY_QUERY, False, process)
    if not handle:
        return bool(kernel.GetLastError() == _DENIED)
    status = ctypes.c_ulong()
    kernel.GetExitCodeProcess(handle, ctypes.byref(status))
    kernel.CloseHandle(handle)
    return status.value == _STILL_ACTIVE
