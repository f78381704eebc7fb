"""Files that hold predictions: arrays that are mapped, folders of videos that are read by clip.

Letters: B clips, N samples, T predicted frames, H height, W width, C channels.
"""

from __future__ import annotations

import functools
import shutil
import tempfile
import zipfile
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
    return MappedArray(np.asarray(values))


def digest_of(path: Path) -> str:
    """Return a digest of a file, or of all files of a folder with their names."""
    if path.is_file():
        return digest_file(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return digest("".join(f"{f.relative_to(path)} {digest_file(f)}\n" for f in files).encode())


def _map_archive(path: Path) -> Array:
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
        # what is compressed cannot be mapped: it is unpacked, in pieces, to a file without a name
        with archive.open(info) as packed, tempfile.TemporaryFile() as unpacked:
            shutil.copyfileobj(packed, unpacked, 1 << 20)
            return _map(unpacked, 0)


def _begin(file: IO[bytes], header: int) -> int:
    """Where the content of a member of a zip archive begins."""
    file.seek(header + _LOCAL_HEADER - 4)
    name, extra = (int.from_bytes(file.read(2), "little") for _ in range(2))
    return header + _LOCAL_HEADER + name + extra


def _map(file: IO[bytes], begin: int) -> Array:
    """The array that is written at a place of an open file."""
    file.seek(begin)
    version = np.lib.format.read_magic(file)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    shape, by_columns, dtype = read(file)
    if dtype.hasobject:
        raise InputError(f"{file.name} holds Python objects; expected numbers")
    order: Any = "F" if by_columns else "C"
    return np.memmap(file, dtype, "r", file.tell(), shape, order)


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
    kept = (entry for entry in found if entry.is_dir() or entry.suffix.lower() in VIDEOS)
    return sorted(kept, key=lambda entry: natural_key(entry.name))


def _samples(entry: Path) -> list[Path]:
    """What holds the samples of a clip: videos, or folders of pictures."""
    return [entry] if entry.is_file() else _entries(entry) or [entry]


def _frames(sample: Path) -> Array:
    """The pictures of a sample: uint8 [T, H, W, 3]."""
    if sample.is_file():
        frames = list(pictures(sample))
    else:
        files = [file for file in sample.iterdir() if file.suffix.lower() in PICTURES]
        frames = [read_picture(f) for f in sorted(files, key=lambda f: natural_key(f.name))]
    if not frames:
        raise InputError(f"{sample} has no pictures; expected a predicted frame in each")
    if len({frame.shape for frame in frames}) != 1:
        raise InputError(f"{sample} has pictures of several sizes; expected one")
    return np.stack(frames)
