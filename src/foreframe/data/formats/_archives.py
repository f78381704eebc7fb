"""NumPy files by their headers.

What an array needs is known, and refused, before anything is unpacked.
"""

from __future__ import annotations

import lzma
import math
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any, Self

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ...errors import InputError
from ..sources.options import SourceOptions

Array = NDArray[Any]

_BLOCK = 1 << 22  # bytes of pictures that are held at once
_MOST_MEMBERS = 1 << 12  # of an archive; each header is read
_BROKEN = (
    *(OSError, ValueError, EOFError, SyntaxError, TokenError, MemoryError, RecursionError),
    *(zlib.error, lzma.LZMAError, zipfile.BadZipFile),
    *(NotImplementedError, RuntimeError),  # a zip that is packed strangely, or encrypted
)


@dataclass(frozen=True)
class Member:
    """What the header of an array says."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool = False

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class Archive:
    """An open .npz: headers at once, arrays when they are asked for."""

    file: Path
    zip: zipfile.ZipFile
    members: Mapping[str, Member]
    options: SourceOptions

    @classmethod
    def open(cls, file: Path, options: SourceOptions | None = None) -> Self:
        """Open an archive and read the headers of its arrays.

        Raises:
            InputError: no archive, or one whose headers lie.
        """
        _check_regular(file)
        try:
            opened = zipfile.ZipFile(file)
        except _BROKEN as error:
            raise InputError(
                f"{file} cannot be read ({error}); expected a NumPy archive (.npz)"
            ) from None
        if len(opened.infolist()) > _MOST_MEMBERS:
            raise InputError(
                f"{file} holds {len(opened.infolist())} arrays; expected at most {_MOST_MEMBERS}, "
                "those of one episode"
            )
        members = {
            info.filename.removesuffix(".npy"): _member(file, opened, info)
            for info in opened.infolist()
            if info.filename.endswith(".npy")
        }
        return cls(file, opened, members, options or SourceOptions())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.zip.close()

    def member(self, key: str) -> Member:
        if key not in self.members:
            raise InputError(
                f"{self.file} has {', '.join(self.members) or 'no arrays'}; "
                f"expected {key!r} as in the first file"
            )
        return self.members[key]

    def read(self, key: str) -> Array:
        """Return a whole array."""
        self.options.check_memory(self.member(key).nbytes, f"{self.file}: {key}")
        try:
            with self.zip.open(f"{key}.npy") as stream:
                return np.asarray(npy.read_array(stream, allow_pickle=False))
        except _BROKEN as error:
            raise self._damaged(key, error) from None

    def blocks(self, key: str) -> Iterator[Array]:
        """Yield an array [T, ...] a few rows at a time, so that a long one is never held whole."""
        member = self.member(key)
        self.options.check_memory(member.nbytes, f"{self.file}: {key}")
        if member.fortran or not member.nbytes:
            yield self.read(key)
            return
        row = member.nbytes // member.shape[0]
        rows = max(1, _BLOCK // row)
        try:
            with self.zip.open(f"{key}.npy") as stream:
                _header(stream)
                for first in range(0, member.shape[0], rows):
                    count = min(rows, member.shape[0] - first)
                    content = stream.read(count * row)
                    if len(content) < count * row:
                        raise EOFError(f"it ends in row {first + len(content) // row}")
                    yield np.frombuffer(content, member.dtype).reshape(count, *member.shape[1:])
                stream.read()  # to its end, where the checksum is compared
        except _BROKEN as error:
            raise self._damaged(key, error) from None

    def _damaged(self, key: str, error: Exception) -> InputError:
        return InputError(
            f"{self.file}: {key!r} cannot be read ({error}); "
            "expected it as in the first file, undamaged"
        )


def read_npy(file: Path) -> Array:
    """Return the array of a .npy file, if the file is as long as its header says."""
    _check_regular(file)
    try:
        with file.open("rb") as stream:
            member = _header(stream)
            _no_objects(file, "", member)
            held = file.stat().st_size - stream.tell()
        if held < member.nbytes:
            raise InputError(
                f"{file} holds {held} bytes of numbers; expected {member.nbytes} by its header: "
                "it is cut off"
            )
        return np.asarray(np.load(file, allow_pickle=False))
    except _BROKEN as error:
        raise InputError(f"{file} cannot be read ({error}); expected a NumPy array") from None


def _check_regular(file: Path) -> None:
    if file.exists() and not file.is_file():
        raise InputError(f"{file} is no regular file; expected NumPy arrays")


def _member(file: Path, opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    key = info.filename.removesuffix(".npy")
    try:
        with opened.open(info) as stream:
            member = _header(stream)
    except _BROKEN as error:
        raise InputError(
            f"{file}: {key!r} cannot be read ({error}); expected a NumPy array, undamaged"
        ) from None
    if not member.dtype.hasobject and member.nbytes > info.file_size:
        raise InputError(
            f"{file}: {key!r} says it has {member.nbytes} bytes; "
            f"expected at most the {info.file_size} it is stored in"
        )
    return member


def _header(stream: IO[bytes]) -> Member:
    version = npy.read_magic(stream)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    return Member(tuple(shape), dtype, bool(fortran))


def _no_objects(file: Path, key: str, member: Member) -> None:
    if member.dtype.hasobject:
        raise InputError(
            f"{file}{key and ': '}{key} holds Python objects, which are never unpacked (that could "
            "run code); "
            "expected arrays of numbers"
        )


def numbers_of(file: Path, key: str, member: Member) -> Member:
    """Return `member`, if it holds numbers."""
    _no_objects(file, key, member)
    if member.dtype.kind not in "biuf":
        raise InputError(f"{file}: {key} is {member.dtype}; expected numbers")
    return member
