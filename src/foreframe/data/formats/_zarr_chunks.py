"""The files of zarr arrays, checked before the zarr library opens them.

Source: zarr-specs.readthedocs.io, version 3, and the spec of the codec `sharding_indexed`.
"""

from __future__ import annotations

import functools
import math
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from ...errors import InputError
from ._unpacked import unpacks_within
from ._zarr_metadata import ArrayMetadata, Place

_BLOSC_HEAD = struct.Struct("<4B3I")  # versions, flags, item size; bytes, block size, bytes packed
_CRC = 4
_PACKING = frozenset(("blosc", "zstd", "zlib", "gzip", "bz2", "lzma", "lz4"))
_SLACK = 1 << 16  # bytes of heads and tails
_ROOM = 2  # times its numbers, that a chunk which does not pack well or a shard may take
_NOTHING = 2**64 - 1  # the offset of a chunk that a shard does not hold


def check_chunks(array: ArrayMetadata) -> None:
    """Raise an error if a chunk is cut off, or holds or unpacks to more than its array says.

    Decoders trust the lengths in a chunk: Blosc's dies of wrong ones, others fill the memory.
    """
    sharded = "sharding_indexed" in [codec["name"] for codec in array.codecs]
    inner = array.codecs[0]["configuration"] if sharded else {}
    codecs = inner["codecs"] if sharded else array.codecs
    packing = _packing(array, codecs)
    limit = _most(array, inner["chunk_shape"] if sharded else array.chunk)
    for chunk in _chunks(array.folder):
        if chunk.size > _ROOM * _most(array, array.chunk):
            raise _too_much(chunk, f"has {chunk.size} bytes", array.chunk_bytes)
        pieces = _shard_pieces(array, chunk) if sharded else iter([(0, chunk.size)])
        for start, length in pieces:
            _check_blosc(chunk, start, length, codecs)
            if packing and not unpacks_within(packing, _piece(chunk, start, length), limit):
                raise _too_much(chunk, f"unpacks to more than {limit} bytes", limit)


def _packing(array: ArrayMetadata, codecs: Sequence[Mapping[str, Any]]) -> str | None:
    """The one codec that makes chunks smaller, which comes last; None if there is none."""
    names = [str(codec["name"]) for codec in codecs if codec["name"] != "crc32c"]
    packing = [name for name in names if name in _PACKING]
    if len(packing) > 1 or packing not in ([], names[-1:]):
        raise InputError(
            f"{array.folder}: its chunks are packed by {' and then '.join(names)}; expected one "
            "of these to pack, and as the last: write the array again"
        )
    return packing[0] if packing else None


def _most(array: ArrayMetadata, chunk: Sequence[int]) -> int:
    """The bytes of a chunk, with eight a number: filters may have changed their type."""
    return math.prod(map(int, chunk)) * max(8, array.dtype.itemsize) + _SLACK


def _piece(chunk: _Chunk, start: int, length: int) -> bytes:
    with chunk.open() as opened:
        opened.seek(start)
        return opened.read(min(length, chunk.size))


def _too_much(chunk: _Chunk, what: str, limit: int) -> InputError:
    return InputError(
        f"{chunk.name} {what}; expected at most {limit}, as its array says: it is damaged or made "
        "to fill the memory"
    )


@dataclass(frozen=True)
class _Chunk:
    """A file of an array, on disk or in a zip."""

    name: str
    size: int
    open: Callable[[], IO[bytes]]


def _open(file: Path) -> IO[bytes]:
    return file.open("rb")


def _chunks(folder: Place) -> Iterator[_Chunk]:
    if isinstance(folder, Path):
        for file in folder.rglob("*"):
            if file.is_file() and not file.name.startswith((".", "zarr.json")):
                yield _Chunk(str(file), file.stat().st_size, functools.partial(_open, file))
        return
    archive = folder.root
    for info in archive.infolist():
        name = info.filename.rpartition("/")[2]
        if info.filename.startswith(folder.at) and name and not name.startswith((".", "zarr.json")):
            where = f"{archive.filename}: {info.filename}"
            yield _Chunk(where, info.file_size, functools.partial(archive.open, info))


def _check_blosc(
    chunk: _Chunk, start: int, length: int, codecs: Sequence[Mapping[str, Any]]
) -> None:
    """Compare the length in a Blosc head with that of the piece, less the checksums behind it."""
    names = [codec["name"] for codec in codecs]
    if "blosc" not in names:
        return
    behind = names[names.index("blosc") + 1 :]
    if any(name != "crc32c" for name in behind):
        return  # packed once more, by a codec that checks itself
    packed = length - _CRC * len(behind)
    with chunk.open() as opened:
        opened.seek(start)
        head = opened.read(_BLOSC_HEAD.size)
    whole = len(head) == _BLOSC_HEAD.size and start + length <= chunk.size
    if not whole or _BLOSC_HEAD.unpack(head)[-1] != packed:
        raise InputError(
            f"{chunk.name} is cut off or damaged ({packed} bytes are not what its head says): "
            "fetch it again"
        )


def _shard_pieces(array: ArrayMetadata, chunk: _Chunk) -> Iterator[tuple[int, int]]:
    """Yield where the chunks of a shard lie and how long they are, by the index in it."""
    shard = array.codecs[0]
    if shard["name"] != "sharding_indexed" or len(array.codecs) > 1:
        raise InputError(f"{array.folder}: a shard is packed once more; expected shards alone")
    inner = shard["configuration"]
    if [codec["name"] for codec in inner["index_codecs"]] not in (["bytes"], ["bytes", "crc32c"]):
        raise InputError(
            f"{chunk.name}: expected a shard's index as numbers, with a checksum or without"
        )
    count = math.prod(
        math.ceil(a / b) for a, b in zip(array.chunk, inner["chunk_shape"], strict=True)
    )
    length = 16 * count
    tail = _CRC * (len(inner["index_codecs"]) - 1)
    if chunk.size < length + tail:
        raise InputError(
            f"{chunk.name} is cut off ({chunk.size} bytes do not hold a shard's index): "
            "fetch it again"
        )
    with chunk.open() as opened:
        if inner.get("index_location", "end") == "end":
            opened.seek(chunk.size - length - tail)
        index = np.frombuffer(opened.read(length), "<u8").reshape(-1, 2)
    for start, piece in index.tolist():
        if start != _NOTHING:
            yield start, piece
