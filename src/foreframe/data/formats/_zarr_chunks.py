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
from ._zarr_metadata import ArrayMetadata, Place

_BLOSC_HEAD = struct.Struct("<4B3I")  # versions, flags, item size; bytes, block size, bytes packed
_CRC = 4
_NOTHING = 2**64 - 1  # the offset of a chunk that a shard does not hold


def check_chunks(array: ArrayMetadata) -> None:
    """Raise an error if a chunk is cut off.

    Blosc's decoder trusts the lengths in a chunk's head and dies of wrong ones.
    """
    names = [codec["name"] for codec in array.codecs]
    sharded = "sharding_indexed" in names
    if not sharded and "blosc" not in names:
        return
    codecs = array.codecs[0]["configuration"]["codecs"] if sharded else array.codecs
    for chunk in _chunks(array.folder):
        pieces = _shard_pieces(array, chunk) if sharded else iter([(0, chunk.size)])
        for start, length in pieces:
            _check_blosc(chunk, start, length, codecs)


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
