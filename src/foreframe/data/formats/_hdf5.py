"""HDF5 files, opened and read at one door. Needs h5py (extra `hdf5`)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError

Array = NDArray[Any]

SUFFIXES = (".hdf5", ".h5")


def files_of(path: Path) -> list[Path]:
    """The HDF5 files in a folder, in order; or the one file that `path` is."""
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES)
    return [path] if path.suffix in SUFFIXES else []


@contextlib.contextmanager
def opened(file: Path) -> Iterator[Any]:
    """The file's root group; anything that goes wrong inside the block is an error that names the file."""
    try:
        import h5py
    except ImportError:
        raise InputError(
            "reading HDF5 needs h5py; install it with: pip install 'foreframe[hdf5]'"
        ) from None
    try:
        with h5py.File(file, "r") as root:
            yield root
    except InputError:
        raise
    except Exception as error:  # the HDF5 library raises OSError, KeyError, RuntimeError, ...; this is the one door
        raise InputError(
            f"{file} cannot be read ({error}): fetch it again, or say --skip-bad to leave it out"
        ) from None


def member(root: Any, key: str) -> Array:
    """A data set as an array; an error if it is not there."""
    import h5py

    found = root
    for part in key.split("/"):
        link = found.get(part, getlink=True) if isinstance(found, h5py.Group) else None
        if link is not None and not isinstance(link, h5py.HardLink):
            raise InputError(
                f"{root.file.filename}: {key} is a link; expected the numbers themselves in the file"
            )
        found = found[part] if link is not None else None
    if not isinstance(found, h5py.Dataset):
        raise InputError(
            f"{root.file.filename} has no data set {root.name.rstrip('/')}/{key}; expected it as in the first episode"
        )
    if found.external or found.is_virtual:
        raise InputError(
            f"{root.file.filename}: {key} keeps its numbers in other files; expected them in the file itself"
        )
    return np.asarray(found[()])
