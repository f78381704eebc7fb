"""Keep freed memory in the process between training steps."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Iterator

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
