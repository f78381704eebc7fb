"""Memory: how much is free, and keeping what was freed in the process between training steps."""

from __future__ import annotations

import contextlib
import ctypes
import math
import sys
from collections.abc import Iterator
from pathlib import Path

_MEGABYTE = 1 << 20

# Parameters of mallopt, from glibc's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -2, -3, -4
_KEEP = {_MMAP_MAX: 0, _TRIM_THRESHOLD: -1, _TOP_PAD: 64 * _MEGABYTE}
# The values that glibc's dynamic rule reaches after freeing blocks of this size.
_USUAL = {
    _MMAP_MAX: 65536,
    _MMAP_THRESHOLD: 32 * _MEGABYTE,
    _TRIM_THRESHOLD: 64 * _MEGABYTE,
    _TOP_PAD: 0,
}


def available() -> float:
    """Return the bytes of memory that are free for use; infinity where the system does not say.

    The limit of a container counts.
    """
    free = _number_of("/proc/meminfo", "MemAvailable:") * 1024
    limit = _number_of("/sys/fs/cgroup/memory.max")
    used = _number_of("/sys/fs/cgroup/memory.current")
    cached = _number_of("/sys/fs/cgroup/memory.stat", "inactive_file")
    return min(free, limit - used + cached) if used < math.inf and cached < math.inf else free


def _number_of(file: str, word: str = "") -> float:
    """The number behind a word at the beginning of a line; infinity if there is none."""
    with contextlib.suppress(OSError):
        for line in Path(file).read_text().splitlines():
            parts = line.removeprefix(word).split()
            if line.startswith(word) and parts and parts[0].isdigit():
                return float(parts[0])
    return math.inf


@contextlib.contextmanager
def keep_freed_memory() -> Iterator[None]:
    """Keep freed memory for the next step while the block runs; return it to the system afterwards.

    By default glibc returns large blocks to the system at once, so every step would ask for the
    same gigabytes again, page by page. Without glibc this does nothing.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc is None or not hasattr(libc, "gnu_get_libc_version"):
        yield
        return
    _set(libc, _KEEP)
    try:
        yield
    finally:
        _set(libc, _USUAL)
        libc.malloc_trim(0)


def _set(libc: ctypes.CDLL, options: dict[int, int]) -> None:
    for option, value in options.items():
        libc.mallopt(option, value)
