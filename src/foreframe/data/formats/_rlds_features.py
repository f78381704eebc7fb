"""What `features.json` says of the steps of a TFDS data set: numbers, pictures, their types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ...runtime.files import read_json
from ..sources.pixels import is_depth


def described(root: Path) -> tuple[dict[str, int], dict[str, Mapping[str, Any]], dict[str, str]]:
    """Numbers per step of each tensor, descriptions of images and dtypes of tensors, flattened as
    in the records.
    """
    tensors: dict[str, int] = {}
    images: dict[str, Mapping[str, Any]] = {}
    dtypes: dict[str, str] = {}
    try:
        for key, feature in _leaves(
            read_json(root / "features.json", "the features of a TFDS data set"), ""
        ):
            if "image" in feature:
                images[key] = feature["image"]
            elif "tensor" in feature or "scalar" in feature:
                described = feature.get("tensor", {})
                shape = [int(n) for n in described.get("shape", {}).get("dimensions", [])]
                dtype = described.get("dtype", "float32")
                if dtype.startswith(("float", "int", "uint", "bool")):
                    tensors[key], dtypes[key] = int(np.prod(shape, dtype=int)), dtype
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{root / 'features.json'} cannot be understood ({error}); expected what TFDS writes"
        ) from None
    return tensors, images, dtypes


def shows_depth(name: str, image: Mapping[str, Any]) -> bool:
    """Whether a camera's pixels are distances: by its name or its declared type."""
    return is_depth(name) or str(image.get("dtype", "uint8")) != "uint8"


def _leaves(feature: Mapping[str, Any], key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if "featuresDict" in feature:
        for name, inner in feature["featuresDict"]["features"].items():
            yield from _leaves(inner, f"{key}/{name}".lstrip("/"))
    elif "sequence" in feature:
        yield from _leaves(feature["sequence"]["feature"], key)
    else:
        yield key, feature
