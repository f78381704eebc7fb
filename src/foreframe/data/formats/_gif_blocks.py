"""What a GIF says of its frames, block by block, without decoding a picture.

Source: the GIF89a specification, CompuServe 1990.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

_SIGNATURES = (b"GIF87a", b"GIF89a")
_IMAGE, _EXTENSION, _END, _CONTROL = 0x2C, 0x21, 0x3B, 0xF9
_HAS_TABLE = 0x80


@dataclass(frozen=True)
class GifHeader:
    """What a GIF says of itself.

    Attributes:
        width: in pixels, of the canvas and of every frame on it.
        height: in pixels.
        durations_ms: how long each frame stands; 0 where it is not said.
    """

    width: int
    height: int
    durations_ms: tuple[float, ...]


def read_header(file: Path) -> GifHeader:
    """Walk over the blocks of a GIF.

    Raises:
        ValueError: it is no GIF, or is cut off.
    """
    content = file.read_bytes()
    if content[:6] not in _SIGNATURES:
        raise ValueError("it does not begin as a GIF")
    try:
        return _walk(content)
    except (IndexError, struct.error):
        raise ValueError("it is cut off") from None


def _walk(content: bytes) -> GifHeader:
    width, height = struct.unpack_from("<HH", content, 6)
    at = 13 + _table_bytes(content[10])
    durations: list[float] = []
    duration = 0.0
    while content[at] != _END:
        if content[at] == _EXTENSION:
            if content[at + 1] == _CONTROL:
                duration = 10.0 * struct.unpack_from("<H", content, at + 4)[0]
            at = _after_blocks(content, at + 2)
        elif content[at] == _IMAGE:
            left, top, wide, high = struct.unpack_from("<4H", content, at + 1)
            width, height = max(width, left + wide), max(height, top + high)
            durations.append(duration)
            duration = 0.0
            at = _after_blocks(content, at + 11 + _table_bytes(content[at + 9]))
        else:
            raise ValueError(f"it has a block of unknown kind {content[at]} at byte {at}")
    return GifHeader(width, height, tuple(durations))


def _table_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & _HAS_TABLE else 0


def _after_blocks(content: bytes, at: int) -> int:
    """Where a chain of blocks that say their lengths ends."""
    while content[at]:
        at += content[at] + 1
    return at + 1
