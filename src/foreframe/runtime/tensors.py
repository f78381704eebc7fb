"""Tensors and arrays in files, also where a file system cannot map files into memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .files import parse_json

_LENGTH_BYTES = 8  # of a safetensors header
_LONGEST_HEADER = 100_000_000  # as safetensors itself


def save_tensors(tensors: Mapping[str, Any], file: Path) -> None:
    """Write safetensors; a full disk raises OSError, as with every other file."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file(dict(tensors), file)
    except SafetensorError as error:
        raise OSError(f"{file.name} cannot be written ({error}): is the disk full?") from None


def load_tensors(file: Path) -> dict[str, Any]:
    """Read safetensors.

    Raises:
        OSError: the file cannot be read.
        SafetensorError: it is not safetensors.
    """
    from safetensors.torch import load, load_file

    try:
        return load_file(file)
    except OSError:  # a file system without mmap
        return load(file.read_bytes())


def read_metadata(file: Path) -> dict[str, Any]:
    """Read the metadata of safetensors, without its tensors.

    Raises:
        InputError: the file has no such header.
    """
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(_LENGTH_BYTES), "little")
        if not 0 < length <= min(_LONGEST_HEADER, file.stat().st_size):
            raise InputError(
                f"{file} cannot be read (its header says {length} bytes); "
                "expected whole safetensors: train again or restore it"
            )
        header = opened.read(length)
    found = parse_json(header, str(file), "whole safetensors")
    metadata = found.get("__metadata__") if isinstance(found, dict) else None
    return metadata if isinstance(metadata, dict) else {}


def map_array(file: Path, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return a raw array [*shape], read-only: mapped into memory where that is possible."""
    if 0 in shape:
        return np.zeros(shape, dtype)
    try:
        # Slicing a memmap costs more than slicing an array of the same memory.
        return np.asarray(np.memmap(file, dtype, "r", shape=shape))
    except OSError:  # a file system without mmap
        return np.fromfile(file, dtype, int(np.prod(shape))).reshape(shape)
