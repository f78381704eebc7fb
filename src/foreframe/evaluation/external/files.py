"""Files that hold predictions: arrays that are mapped, folders of videos that are read by clip.

Letters: B clips, N samples, T predicted frames, H height, W width, C channels.
"""

from __future__ import annotations

import functools
import math
import shutil
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...data.formats._videos import VIDEOS, pictures
from ...data.pictures import PICTURES, read_picture
from ...data.sources.folders import natural_key
from ...errors import InputError
from ...runtime.digests import digest, digest_file

Array = NDArray[Any]

KEY = "predictions"  # the array of an npz that counts where it holds several
_LONGEST_HEADER = 1 << 17  # bytes before the numbers of an array
_MOST_BYTES = 1 << 31  # of the pictures of a sample
_LOCAL_HEADER = 30  # bytes before the name in a zip archive's local header


class Stored(Protocol):
    """An array in a file, of which a part at a time is read."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the whole array."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of its numbers."""

    def clip(self, index: int, axis: int) -> Array:
        """Return the part of one clip, of which `axis` numbers the clips."""


@dataclass(frozen=True)
class MappedArray:
    """An array whose bytes are read from the disk when they are asked for."""

    values: Array

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.values.dtype

    def clip(self, index: int, axis: int) -> Array:
        return np.moveaxis(self.values, axis, 0)[index]


@dataclass(frozen=True)
class PackedArray:
    """A compressed array in an npz, unpacked to a file without a name when a clip is asked for.

    Its shape is known before, so that one which does not fit takes no place on the disk.
    """

    path: Path
    member: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    nbytes: int

    def clip(self, index: int, axis: int) -> Array:
        return np.moveaxis(self._values, axis, 0)[index]

    @functools.cached_property
    def _values(self) -> Array:
        free = shutil.disk_usage(tempfile.gettempdir()).free
        if self.nbytes > free // 2:
            raise InputError(
                f"{self.path} unpacks to {self.nbytes / 1e9:.1f} GB; expected at most half of the "
                f"{free / 1e9:.1f} GB that are free in {tempfile.gettempdir()}: write it with "
                "`numpy.savez`, which packs nothing"
            )
        with (
            zipfile.ZipFile(self.path) as archive,
            archive.open(self.member) as packed,
            tempfile.TemporaryFile() as unpacked,
        ):
            left = self.nbytes + _LONGEST_HEADER
            while left > 0 and (piece := packed.read(min(left, 1 << 20))):
                unpacked.write(piece)
                left -= len(piece)
            unpacked.flush()
            return _map(unpacked, 0)


@dataclass(frozen=True)
class ClipFolder:
    """A folder with a video, a folder of pictures, or a folder of samples of each clip.

    Attributes:
        entries: of each clip, in the natural order of their names.
    """

    entries: tuple[Path, ...]

    @functools.cached_property
    def shape(self) -> tuple[int, ...]:
        return (len(self.entries), *self.clip(0, 0).shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint8)

    def clip(self, index: int, axis: int) -> Array:
        """uint8 [N, T, H, W, 3]."""
        entry = self.entries[index]
        samples = [_frames(sample) for sample in _samples(entry)]
        if len({sample.shape for sample in samples}) != 1:
            shapes = sorted({str(list(sample.shape)) for sample in samples})
            raise InputError(
                f"{entry} has samples of {' and '.join(shapes)}; expected one length and size"
            )
        return np.stack(samples)


def open_stored(path: Path) -> Stored:
    """Open predictions in an npy, an npz, or a folder of clips.

    Raises:
        InputError: not there, not readable, of another kind, or empty.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist; expected predictions: .npz, .npy or a folder")
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise InputError(f"{path} is no regular file; expected predictions: .npz, .npy or a folder")
    try:
        if path.suffix == ".npy":
            values = np.load(path, mmap_mode="r", allow_pickle=False)
        elif path.suffix == ".npz":
            values = _map_archive(path)
        else:
            raise InputError(
                f"{path} ends in {path.suffix!r}; expected predictions as .npz, .npy or a folder "
                "of videos or of folders of pictures"
            )
    except InputError:
        raise
    except Exception as error:  # numpy and zipfile raise many kinds on damaged files
        raise InputError(
            f"{path} cannot be read ({error}); expected an array of numbers as `numpy.savez` or "
            "`numpy.save` writes it: write it again"
        ) from None
    if values.dtype.kind not in "uif":
        raise InputError(f"{path} holds {values.dtype}; expected uint8, or floats in [0, 1]")
    return values if isinstance(values, PackedArray) else MappedArray(np.asarray(values))


def digest_of(path: Path) -> str:
    """Return a digest of a file, or of all files of a folder with their names."""
    if path.is_file():
        return digest_file(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return digest("".join(f"{f.relative_to(path)} {digest_file(f)}\n" for f in files).encode())


def _map_archive(path: Path) -> Array | PackedArray:
    with zipfile.ZipFile(path) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
        if len(names) != 1 and KEY not in names:
            raise InputError(
                f"{path} holds {len(names)} arrays ({', '.join(names[:6])}); expected one, or one "
                f"that is called {KEY}"
            )
        info = archive.getinfo(f"{KEY if KEY in names else names[0]}.npy")
        if info.compress_type == zipfile.ZIP_STORED:
            with path.open("rb") as file:
                return _map(file, _begin(file, info.header_offset))
        with archive.open(info) as packed:
            shape, _, dtype = _header(packed)
        needed = math.prod(shape) * dtype.itemsize
        return PackedArray(path, info.filename, tuple(shape), dtype, needed)


def _begin(file: IO[bytes], header: int) -> int:
    """Where the content of a member of a zip archive begins."""
    file.seek(header + _LOCAL_HEADER - 4)
    name, extra = (int.from_bytes(file.read(2), "little") for _ in range(2))
    return header + _LOCAL_HEADER + name + extra


def _map(file: IO[bytes], begin: int) -> Array:
    """The array that is written at a place of an open file."""
    file.seek(begin)
    shape, by_columns, dtype = _header(file)
    if dtype.hasobject:
        raise InputError(f"{file.name} holds Python objects; expected numbers")
    order: Any = "F" if by_columns else "C"
    return np.memmap(file, dtype, "r", file.tell(), shape, order)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    return read(file)


def _folder(path: Path) -> ClipFolder:
    entries = _entries(path)
    if not entries:
        raise InputError(
            f"{path} has no clips; expected a video ({', '.join(VIDEOS)}) or a folder of each clip"
        )
    return ClipFolder(tuple(entries))


def _entries(path: Path) -> list[Path]:
    """The videos and folders in a folder, in the natural order of their names."""
    found = (entry for entry in path.iterdir() if not entry.name.startswith("."))
    kept = (
        entry
        for entry in found
        if entry.is_dir() or (entry.suffix.lower() in VIDEOS and entry.is_file())
    )
    return sorted(kept, key=lambda entry: natural_key(entry.name))


def _samples(entry: Path) -> list[Path]:
    """What holds the samples of a clip: videos, or folders of pictures."""
    return [entry] if entry.is_file() else _entries(entry) or [entry]


def _bounded(frames: Iterable[Array], where: Path) -> list[Array]:
    """The pictures as a list, if they are no more than a prediction can be."""
    found: list[Array] = []
    held = 0
    for frame in frames:
        held += frame.nbytes
        if held > _MOST_BYTES:
            raise InputError(
                f"{where} has more than {_MOST_BYTES} bytes of pictures; expected the predicted "
                "frames of one clip"
            )
        found.append(frame)
    return found


def _frames(sample: Path) -> Array:
    """The pictures of a sample: uint8 [T, H, W, 3]."""
    if sample.is_file():
        frames = _bounded(pictures(sample), sample)
    else:
        files = [f for f in sample.iterdir() if f.suffix.lower() in PICTURES and f.is_file()]
        ordered = sorted(files, key=lambda f: natural_key(f.name))
        frames = _bounded(map(read_picture, ordered), sample)
    if not frames:
        raise InputError(f"{sample} has no pictures; expected a predicted frame in each")
    if len({frame.shape for frame in frames}) != 1:
        raise InputError(f"{sample} has pictures of several sizes; expected one")
    return np.stack(frames)
