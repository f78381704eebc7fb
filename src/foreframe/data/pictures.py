"""Pictures to the size a store has: area averages on the way down, and a choice of what happens to another aspect."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def resized(picture: Array, size: tuple[int, int], crop: bool) -> Array:
    """`picture` uint8 [H, W, C] at (height, width) `size`.

    `crop` keeps the aspect and cuts what is too much, equally on both sides; otherwise the picture is stretched.

    >>> resized(np.zeros((48, 64, 3), np.uint8), (16, 16), crop=True).shape
    (16, 16, 3)
    """
    from PIL import Image

    height, width = size
    if picture.shape[:2] == size:
        return picture
    box = _centre(picture.shape[0], picture.shape[1], height / width) if crop else None
    shrinks = picture.shape[0] >= height and picture.shape[1] >= width
    method = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(picture).resize((width, height), method, box=box))


def _centre(height: int, width: int, aspect: float) -> tuple[float, float, float, float]:
    """The largest centred box (left, top, right, bottom) with height / width = aspect."""
    tall, wide = min(height, width * aspect), min(width, height / aspect)
    left, top = (width - wide) / 2, (height - tall) / 2
    return left, top, left + wide, top + tall
