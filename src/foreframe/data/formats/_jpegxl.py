"""JPEG XL in zarr arrays, as UMI packs its pictures. Needs imagecodecs.

The size that a picture declares is read before it is decoded.
Source: ISO/IEC 18181-1, SizeHeader, and 18181-2, boxes.
"""

from __future__ import annotations

import functools
import struct
from typing import Any

from ...errors import InputError
from ..pictures import LARGEST

JPEG_XL = "imagecodecs_jpegxl"
_NAKED, _BOXED = b"\xff\x0a", b"\x00\x00\x00\x0cJXL \r\n\x87\n"
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_BITS = (9, 13, 18, 30)


@functools.cache
def register() -> None:
    """Let zarr decode JPEG XL.

    Raises:
        InputError: imagecodecs is not installed.
    """
    try:
        import imagecodecs
        from numcodecs.abc import Codec
        from numcodecs.registry import register_codec
    except ImportError:
        raise InputError(
            "these pictures are packed as JPEG XL, which needs imagecodecs; install it with: "
            "pip install imagecodecs"
        ) from None

    class JpegXl(Codec):  # type: ignore[misc]
        """A decoder of pictures of a sane size."""

        codec_id = JPEG_XL

        def __init__(self, **_: Any) -> None:
            """Take whatever the pictures were coded with."""

        def encode(self, buf: Any) -> Any:
            raise NotImplementedError("pictures are only read")

        def decode(self, buf: Any, out: Any = None) -> Any:
            content = bytes(buf)
            height, width = size_of(content)
            if height * width > LARGEST:
                raise InputError(f"a picture says it is {width}x{height}; expected a camera's")
            return imagecodecs.jpegxl_decode(content)

    register_codec(JpegXl)


def size_of(content: bytes) -> tuple[int, int]:
    """Return height and width that a JPEG XL file declares.

    Raises:
        InputError: no JPEG XL.

    >>> size_of(b"\\xff\\x0a" + (1 | 7 << 1 | 1 << 6).to_bytes(8, "little"))
    (64, 64)
    """
    begins = content[:2] == _NAKED
    if not begins and content[:12] == _BOXED:
        content = _codestream(content)
        begins = content[:2] == _NAKED
    if not begins:
        raise InputError("a picture is no JPEG XL (it begins otherwise); expected one a chunk")
    bits = _Bits(int.from_bytes(content[2:16], "little"))
    small = bits.take(1)
    height = (bits.take(5) + 1) * 8 if small else bits.take(_BITS[bits.take(2)]) + 1
    ratio = bits.take(3)
    if ratio:
        wide, high = _RATIOS[ratio - 1]
        return height, height * wide // high
    width = (bits.take(5) + 1) * 8 if small else bits.take(_BITS[bits.take(2)]) + 1
    return height, width


def _codestream(content: bytes) -> bytes:
    """The beginning of the picture in a file of boxes."""
    at = 0
    while at + 8 <= len(content):
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        head = 8
        if length == 1 and at + 16 <= len(content):
            (length,) = struct.unpack(">Q", content[at + 8 : at + 16])
            head = 16
        if kind in (b"jxlc", b"jxlp"):
            return content[at + head + (4 if kind == b"jxlp" else 0) :][:64]
        if length < head:
            break
        at += length
    return b""


class _Bits:
    """Bits of a number, the lowest first."""

    def __init__(self, value: int) -> None:
        self.value = value

    def take(self, count: int) -> int:
        found = self.value & ((1 << count) - 1)
        self.value >>= count
        return found
