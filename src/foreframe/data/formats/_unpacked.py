"""How much packed bytes unpack to at most, without holding what they unpack to.

A few kilobytes of gzip, zstd or Blosc may stand for gigabytes, and libraries trust what they say.
Sources: RFC 1951, 1952 (deflate, gzip); RFC 8878 (Zstandard); the headers of Blosc 1 and of
numcodecs' LZ4.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any

_DEFLATE_RATIO = 1032  # the most that deflate packs
_ZSTD_MAGIC, _ZSTD_BLOCK = b"\x28\xb5\x2f\xfd", 1 << 17
_ZSTD_CONTENT_BYTES = (0, 2, 4, 8)
_ZSTD_DICTIONARY_BYTES = (0, 1, 2, 4)
_PIECE = 1 << 20


def unpacks_within(codec: str, packed: bytes, limit: int) -> bool:
    """Return whether bytes packed by a codec unpack to at most `limit` bytes.

    Bytes that are damaged unpack to nothing: their decoder says what is wrong with them.
    """
    if codec in ("blosc", "lz4"):
        at = 4 if codec == "blosc" else 0
        return int.from_bytes(packed[at : at + 4], "little") <= limit
    if codec == "zstd":
        return _zstd_size(packed) <= limit
    if codec in ("gzip", "zlib") and len(packed) * _DEFLATE_RATIO <= limit:
        return True
    decoders: dict[str, Callable[[], Any]] = {
        "gzip": lambda: zlib.decompressobj(zlib.MAX_WBITS | 32),
        "zlib": lambda: zlib.decompressobj(zlib.MAX_WBITS | 32),
        "bz2": bz2.BZ2Decompressor,
        "lzma": lzma.LZMADecompressor,
    }
    return codec not in decoders or _counted(decoders[codec], packed, limit) <= limit


def _counted(make: Callable[[], Any], packed: bytes, limit: int) -> int:
    """Unpack a piece at a time until there is more than `limit`, and return how much there was."""
    total = 0
    try:
        while packed and total <= limit:  # one stream may follow the other
            decoder = make()
            piece = decoder.decompress(packed, _PIECE)
            while total <= limit:
                total += len(piece)
                rest = getattr(decoder, "unconsumed_tail", b"")
                if decoder.eof or (not piece and not rest):
                    break
                piece = decoder.decompress(rest, _PIECE)
            if not decoder.eof:
                break
            packed = decoder.unused_data
    except (OSError, ValueError, EOFError, zlib.error, lzma.LZMAError):
        return total
    return total


def _zstd_size(packed: bytes) -> int:
    """What the first frame says that it unpacks to, or what its blocks can at most."""
    if packed[:4] != _ZSTD_MAGIC or len(packed) < 6:
        return 0
    flags = packed[4]
    single, said = flags >> 5 & 1, flags >> 6
    at = 5 + (not single) + _ZSTD_DICTIONARY_BYTES[flags & 3]
    count = _ZSTD_CONTENT_BYTES[said] or single
    if count:
        size = int.from_bytes(packed[at : at + count], "little")
        return size + 256 if count == 2 else size
    total = 0
    while at + 3 <= len(packed):
        head = int.from_bytes(packed[at : at + 3], "little")
        last, kind, size = head & 1, head >> 1 & 3, head >> 3
        total += _ZSTD_BLOCK if kind == 2 else size
        at += 3 + (1 if kind == 1 else size)
        if last:
            break
    return total
