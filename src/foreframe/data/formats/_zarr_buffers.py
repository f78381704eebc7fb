"""Where replay buffers lie: in folders, or in zips that are read as they are (UMI's `.zarr.zip`).

What a zip says of its members is checked before any is unpacked, and its arrays are read in the
process that asks, by a handle that no other process shares.
"""

from __future__ import annotations

import functools
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..sources.folders import files_under, is_leftover, natural_order
from ._zarr_metadata import ArrayMetadata, Place, version_of

Array = NDArray[Any]

ENDS = "meta/episode_ends"
_ZIP = ".zip"
_DESCRIPTIONS = (".zarray", ".zgroup", ".zattrs", ".zmetadata", "zarr.json")
_LARGEST_DESCRIPTION = 1 << 24  # bytes
_OVERHEAD = 1 << 20  # bytes that a packed chunk may be larger than its numbers


@dataclass(frozen=True)
class Buffer:
    """A replay buffer.

    Attributes:
        path: its folder, or the zip that it is in.
        inner: its folder in the zip; empty at the top.
    """

    path: Path
    inner: str = ""

    @property
    def name(self) -> str:
        return self.path.name.removesuffix(_ZIP).removesuffix(".zarr")

    @property
    def is_zip(self) -> bool:
        return self.path.suffix == _ZIP

    def place(self) -> Place:
        """Return the folder, or the one in the zip."""
        return zipfile.Path(self.path, self.inner) if self.is_zip else self.path

    def files(self) -> list[Path]:
        """Return the files that make it up."""
        return [self.path] if self.is_zip else list(files_under(self.path))

    def read(self, key: str, rows: slice) -> Array:
        """Return rows of an array whose metadata were checked.

        The library's own index of all metadata, which was not, stays unread.
        """
        try:
            return np.asarray(_group(self, _stamp(self.path), os.getpid())[key][rows])
        except InputError:
            raise
        except Exception as error:  # zarr and its codecs raise many kinds; this is the one door
            raise InputError(
                f"{self.path / key} cannot be read, rows {rows.start or 0}... ({error}): "
                "fetch it again"
            ) from None

    def check_members(self, arrays: Mapping[str, ArrayMetadata]) -> None:
        """Raise an error if a member of the zip unpacks to more than its array says."""
        if not self.is_zip:
            return
        limits = {f"{self.inner}{key}/": array.chunk_bytes for key, array in arrays.items()}
        with zipfile.ZipFile(self.path) as archive:
            for info in archive.infolist():
                folder = next((f for f in limits if info.filename.startswith(f)), None)
                described = info.filename.rpartition("/")[2] in _DESCRIPTIONS
                limit = _LARGEST_DESCRIPTION if described or folder is None else limits[folder]
                if folder is not None and info.file_size > limit + _OVERHEAD:
                    raise InputError(
                        f"{self.path}: {info.filename} unpacks to {info.file_size} bytes; "
                        f"expected at most {limit}, as "
                        "its array says"
                    )


def buffers_in(path: Path) -> list[Buffer]:
    """Return the replay buffers that a path is: itself, or those in its folder."""
    if not path.is_dir():
        return _in_zip(path) if path.suffix == _ZIP else []
    if _is_buffer(path):
        return [Buffer(path)]
    found = []
    for entry in natural_order([f for f in path.iterdir() if not is_leftover(f)]):
        if entry.is_dir() and _is_buffer(entry):
            found.append(Buffer(entry))
        elif entry.name.endswith(".zarr.zip"):
            found += _in_zip(entry)
    return found


def _is_buffer(folder: Path) -> bool:
    return (folder / "data").is_dir() and (folder / ENDS).is_dir()


def _in_zip(file: Path) -> list[Buffer]:
    """The replay buffer in a zip, at its top or in its only folder."""
    if not zipfile.is_zipfile(file):
        if file.name.endswith(".zarr.zip"):
            raise InputError(f"{file} is no whole zip: fetch it again")
        return []
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            name = info.filename.rpartition("/")[2]
            if name in _DESCRIPTIONS and info.file_size > _LARGEST_DESCRIPTION:
                raise InputError(
                    f"{file}: {info.filename} unpacks to {info.file_size} bytes; "
                    "expected a short description"
                )
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    inner = f"{next(iter(tops))}/" if len(tops) == 1 else ""
    whole = any(name.startswith(f"{inner}{ENDS}/") for name in names)
    return [Buffer(file, inner)] if whole else []


def _stamp(path: Path) -> tuple[int, int]:
    """What changes when a file is written anew, so that no old handle is used for it."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size


@functools.lru_cache(maxsize=8)
def _group(buffer: Buffer, stamp: tuple[int, int], process: int) -> Any:
    """The zarr group of a buffer, opened once a process: a zip's list of members may be long."""
    try:
        import zarr
    except ImportError:
        raise InputError(
            "reading zarr needs zarr; install it with: pip install 'foreframe[zarr]'"
        ) from None
    version: Any = version_of(buffer.place())
    store: Any = str(buffer.path)
    if buffer.is_zip:
        from zarr.storage import ZipStore

        store = ZipStore(buffer.path, mode="r")
    inner = buffer.inner.rstrip("/")
    return zarr.open_group(store, path=inner, mode="r", zarr_format=version, use_consolidated=False)
