"""Picture files, and pictures brought to the size that a store has: area averages on the way down."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .sources.recording import finite

Array = NDArray[Any]


PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")


def read_picture(file: Path) -> Array:
    """A picture file as uint8 RGB [H, W, 3]; a PNG's checksums are verified first."""
    from PIL import Image

    try:
        with Image.open(file) as image:
            image.verify()
        with Image.open(file) as image:
            return np.asarray(image.convert("RGB"))
    except Exception as error:  # Pillow's decoders raise anything; this is the one door
        raise InputError(
            f"{file} cannot be read ({error}); expected a whole picture: restore it or leave its episode out"
        ) from None


def decode_picture(content: bytes, where: str) -> Array:
    """The bytes of a picture file (JPEG, PNG, ...) as uint8 RGB [H, W, 3]."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            return np.asarray(image.convert("RGB"))
    except Exception as error:  # Pillow's decoders raise anything; this is the one door
        raise InputError(
            f"{where} is no whole picture ({error}): fetch it again, or say --skip-bad"
        ) from None


def as_pictures(frames: Array, where: str) -> Array:
    """uint8 [T, H, W, 3] from [T, H, W, 3], [T, 3, H, W] or [T, 3 K, H, W] (K stacked pictures, the last one current).

    Numbers are bytes, or floats in [0, 1] or [0, 255].
    """
    if frames.ndim != 4 or (frames.shape[-1] != 3 and (frames.shape[1] % 3 or not frames.shape[1])):
        raise InputError(
            f"{where} has frames of shape {list(frames.shape)}; expected [T, H, W, 3] or [T, 3 K, H, W]"
        )
    if frames.shape[-1] != 3:
        frames = np.moveaxis(frames[:, -3:], 1, -1)
    if frames.dtype == np.uint8:
        return frames
    if np.issubdtype(frames.dtype, np.floating):
        frames = finite(frames, where) * (255 if frames.max(initial=0) <= 1 else 1)
    if frames.min(initial=0) < 0 or frames.max(initial=0) > 255:
        raise InputError(
            f"{where} has pixels from {frames.min()} to {frames.max()}; expected 0..255, or floats in [0, 1]"
        )
    return np.round(frames).astype(np.uint8)


def number_of(path: Path) -> int:
    """The number that a file or folder is called by, whatever stands before it; -1 if there is none.

    >>> number_of(Path("frame12.png")), number_of(Path("7")), number_of(Path("cover.png"))
    (12, 7, -1)
    """
    match = re.fullmatch(r"\D*(\d+)", path.stem)
    return int(match[1]) if match else -1


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
