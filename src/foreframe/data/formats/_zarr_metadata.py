"""What zarr arrays say of themselves, read before the zarr library opens them: numbers and named
codecs only.

A codec's name in a data set's metadata chooses code to run, and an object dtype unpickles. So the
metadata are checked against fixed lists first, and what is not on them is not opened.
Sources: zarr-specs.readthedocs.io, versions 2 and 3, and the spec of the codec `sharding_indexed`.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from ...errors import InputError
from ...runtime.files import read_json
from ._jpegxl import JPEG_XL, register

_CODECS_V2 = frozenset(
    (
        *("blosc", "zstd", "zlib", "gzip", "bz2", "lzma", "lz4", "delta", "shuffle"),
        *("fixedscaleoffset", JPEG_XL),
    )
)
_CODECS_V3 = frozenset(
    ("bytes", "transpose", "blosc", "gzip", "zstd", "crc32c", "sharding_indexed")
)
_DTYPES_V3 = frozenset(
    (
        *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
        *("float16", "float32", "float64"),
    )
)


Place = Path | zipfile.Path  # a folder, or one in a zip


@dataclass(frozen=True)
class ArrayMetadata:
    """What an array says of itself.

    Attributes:
        folder: where it lies.
        shape: of the whole array.
        dtype: of its numbers.
        chunk: the shape of a file; of a shard, if files are shards.
        codecs: what its bytes go through on the way into a file, in order; those of zarr v2 are
            named alike.
    """

    folder: Place
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunk: tuple[int, ...]
    codecs: tuple[Mapping[str, Any], ...]

    @property
    def chunk_bytes(self) -> int:
        return math.prod(self.chunk) * self.dtype.itemsize

    def row_bytes(self) -> int:
        """Return the bytes of one row, unpacked."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize


def version_of(root: Place) -> int | None:
    """Return the zarr format of a group, 2 or 3; None if the folder is none.

    Early stores have no metadata beside their groups, so that of an array decides there.
    """
    for folder in (root, root / "data", root / "meta" / "episode_ends"):
        if (folder / "zarr.json").is_file():
            return 3
        if (folder / ".zgroup").is_file() or (folder / ".zarray").is_file():
            return 2
    return None


def is_array(folder: Place, version: int) -> bool:
    """Return whether a folder is an array, not a group."""
    if version == 2:
        return (folder / ".zarray").is_file()
    file = folder / "zarr.json"
    return file.is_file() and _object(file).get("node_type") == "array"


def read_metadata(folder: Place, version: int) -> ArrayMetadata:
    """Return what an array says of itself.

    Raises:
        InputError: numbers or codecs that are not on the lists, or no description at all.
    """
    file = folder / (".zarray" if version == 2 else "zarr.json")
    found = _object(file)
    try:
        described = _v2(folder, found, file) if version == 2 else _v3(folder, found, file)
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(
            f"{file} does not describe an array ({error!r}); expected zarr {version}"
        ) from None
    rank = len(described.shape)
    if (
        len(described.chunk) != rank
        or min(described.shape, default=0) < 0
        or min(described.chunk, default=1) < 1
    ):
        raise InputError(
            f"{file} has shape {described.shape} in chunks of {described.chunk}; "
            "expected a chunk of each axis"
        )
    return described


def _object(file: Place) -> dict[str, Any]:
    found = read_json(cast(Path, file), "the description of a zarr array or group")
    if not isinstance(found, dict):
        raise InputError(f"{file} holds {type(found).__name__}; expected a JSON object")
    return found


def _v2(folder: Place, found: Mapping[str, Any], file: Place) -> ArrayMetadata:
    filters, compressor = found.get("filters") or [], found.get("compressor")
    codecs = [
        {"name": str(c["id"]), **c} for c in [*filters, *([compressor] if compressor else [])]
    ]
    _check_codecs(codecs, _CODECS_V2, file)
    if not isinstance(found["dtype"], str):
        raise InputError(f"{file} has the dtype {found['dtype']}; expected plain numbers")
    dtype = np.dtype(found["dtype"])
    if dtype.kind not in "biuf":
        raise InputError(f"{file} has the dtype {found['dtype']!r}; expected numbers")
    return ArrayMetadata(
        folder, _sizes(found["shape"]), dtype, _sizes(found["chunks"]), tuple(codecs)
    )


def _v3(folder: Place, found: Mapping[str, Any], file: Place) -> ArrayMetadata:
    if found["data_type"] not in _DTYPES_V3:
        raise InputError(f"{file} has the data type {found['data_type']!r}; expected numbers")
    if found.get("storage_transformers"):
        raise InputError(f"{file} has storage transformers; expected none")
    _check_codecs(found["codecs"], _CODECS_V3, file)
    grid = found["chunk_grid"]
    if grid["name"] != "regular":
        raise InputError(f"{file} has the chunk grid {grid['name']!r}; expected a regular one")
    chunk = _sizes(grid["configuration"]["chunk_shape"])
    dtype = np.dtype(found["data_type"])
    return ArrayMetadata(folder, _sizes(found["shape"]), dtype, chunk, tuple(found["codecs"]))


def _sizes(numbers: Sequence[int]) -> tuple[int, ...]:
    return tuple(int(n) for n in numbers)


def _check_codecs(
    codecs: Sequence[Mapping[str, Any]], known: frozenset[str], file: Place, depth: int = 0
) -> None:
    for codec in codecs:
        if codec["name"] == JPEG_XL in known:
            register()
        if codec["name"] not in known or depth > 1:
            raise InputError(
                f"{file}: its numbers are packed with {codec['name']!r}; "
                f"expected one of {', '.join(sorted(known))}: "
                "write the array again with one of them"
            )
        if codec["name"] == "sharding_indexed":
            inner = codec["configuration"]
            for part in ("codecs", "index_codecs"):
                _check_codecs(inner[part], known, file, depth + 1)
