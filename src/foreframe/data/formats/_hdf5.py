"""HDF5 files, opened and read at one door. Needs h5py (extra `hdf5`)."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..sources.folders import files_under, split_of_path
from ..sources.options import SourceOptions
from ._unpacked import unpacks_within

Array = NDArray[Any]

SUFFIXES = (".hdf5", ".h5")
_PACKING = (1, 4, 32000)  # the numbers of the filters deflate, szip and LZF
_DEFLATE_RATIO = 1032  # the most that deflate packs
_CAREFUL = 1 << 28  # bytes that a chunk may unpack to without being looked into
_ROOM, _SLACK = 2, 1 << 16  # what a chunk that does not pack well may take
_BLOCK = 1 << 22  # bytes of pictures that are held at once


def files_of(path: Path) -> list[Path]:
    """Return the HDF5 files in a folder in natural order, or the one file that `path` is."""
    if path.is_dir():
        return [file for file in files_under(path) if file.suffix in SUFFIXES]
    return [path] if path.suffix in SUFFIXES else []


def readable(files: Sequence[Path]) -> Path:
    """Return the first of some files that opens.

    Raises:
        InputError: what is wrong with the first, if none does.
    """
    fault: InputError | None = None
    for file in files:
        try:
            with opened(file):
                return file
        except InputError as error:
            fault = fault or error
    raise fault or InputError("there are no HDF5 files")


@contextlib.contextmanager
def opened(file: Path) -> Iterator[Any]:
    """The file's root group.

    Anything that goes wrong inside the block is an error that names the file.
    """
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
    except Exception as error:  # the HDF5 library raises OSError, KeyError, RuntimeError, ...
        raise InputError(
            f"{file} cannot be read ({error}): fetch it again, or say --skip-bad to leave it out"
        ) from None


def found(root: Any, key: str) -> Any | None:
    """Return the group or data set at `key`, or None if there is none.

    Raises:
        InputError: a link on the way leads elsewhere, even to another file.
    """
    import h5py

    node = root
    for part in key.split("/"):
        link = node.get(part, getlink=True) if isinstance(node, h5py.Group) else None
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise InputError(
                f"{root.file.filename}: {key} is a link; "
                "expected the numbers themselves in the file"
            )
        node = node[part]
    return node


def names(root: Any, key: str) -> list[str]:
    """Return the names in the group at `key`; none if there is no such group."""
    import h5py

    node = found(root, key)
    return list(node) if isinstance(node, h5py.Group) else []


def dataset(root: Any, key: str) -> Any:
    """Return the data set at `key`, unread: its shape and dtype are at hand.

    Raises:
        InputError: there is none, or its numbers are not in the file.
    """
    import h5py

    node = found(root, key)
    if not isinstance(node, h5py.Dataset):
        raise InputError(
            f"{root.file.filename} has no data set {root.name.rstrip('/')}/{key}; "
            "expected it as in the first episode"
        )
    if node.external or node.is_virtual:
        raise InputError(
            f"{root.file.filename}: {key} keeps its numbers in other files; "
            "expected them in the file itself"
        )
    return node


def member(root: Any, key: str, options: SourceOptions) -> Array:
    """Return a data set as an array, if it fits into the memory that an episode may need."""
    return np.asarray(sized(root, key, options)[()])


def sized(root: Any, key: str, options: SourceOptions) -> Any:
    """Return the data set at `key`, unread, if it and a chunk of it fit into memory."""
    found = dataset(root, key)
    where = f"{root.file.filename}: {found.name.lstrip('/')}"
    chunk = math.prod(found.chunks or ()) * found.dtype.itemsize
    options.check_memory(max(found.nbytes, chunk), where)
    if found.chunks:
        _check_chunks(found, chunk, where)
    return found


def _check_chunks(array: Any, limit: int, where: str) -> None:
    """Check that no chunk unpacks to more than its shape says: the library would hold all of it.

    Raises:
        InputError: a chunk that does, or chunks that are packed twice.
    """
    import h5py

    pipeline = array.id.get_create_plist()
    filters = [pipeline.get_filter(n)[0] for n in range(pipeline.get_nfilters())]
    if sum(kind in _PACKING for kind in filters) > 1:
        raise InputError(f"{where} is packed twice; expected once: write it again")
    packs = h5py.h5z.FILTER_DEFLATE in filters

    def look(stored: Any) -> None:
        more = stored.size > _ROOM * limit + _SLACK
        if packs and not more and stored.size * _DEFLATE_RATIO > _CAREFUL:
            content = array.id.read_direct_chunk(stored.chunk_offset)[1]
            more = not unpacks_within("zlib", content, limit + _SLACK)
        if more:
            raise InputError(
                f"{where}: the chunk at {list(stored.chunk_offset)} unpacks to more than its "
                f"{limit} bytes; expected what its shape says: it is damaged or made to fill the "
                "memory"
            )

    array.id.chunk_iter(look)


def blocks(array: Any) -> Iterator[Array]:
    """Yield the rows of a data set [T, ...] a few at a time, whole chunks where it has any."""
    row = max(1, math.prod(array.shape[1:]) * array.dtype.itemsize)
    chunk = array.chunks[0] if array.chunks else 1
    rows = max(1, _BLOCK // row // chunk) * chunk
    for first in range(0, array.shape[0], rows):
        yield np.asarray(array[first : first + rows])


def attribute(node: Any, name: str) -> str:
    """Return an attribute as text; empty if there is none."""
    value = node.attrs.get(name, "")
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def split_and_name(root: Path, file: Path) -> tuple[str | None, str]:
    """Return the split that a file's folders say, and its name below `root` without the ending."""
    if file == root:
        return None, file.stem
    return split_of_path(root, file.parent), file.relative_to(root).with_suffix("").as_posix()
