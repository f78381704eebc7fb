"""Picture files, and pictures brought to the size that a store has: area averages on the way down.

Letters: T frames, H height, W width, C channels, K stacked pictures.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .sources.pixels import PixelSample, PixelScale, channel_layout, pixel_scale

Array = NDArray[Any]

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".ppm", ".pgm", ".tif", ".tiff")
LARGEST = (
    1 << 26
)  # pixels of a picture; 8192 x 8192, far more than any camera that a model could be trained on
# Decoders of Pillow that are asked: what the suffixes above name. Others run programs (EPS runs
# Ghostscript) or have never been tried.
_DECODERS = ("PNG", "JPEG", "BMP", "WEBP", "PPM", "TIFF")
_DEEP = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
_ORIENTATION = 0x0112  # EXIF tag


@dataclass(frozen=True)
class PictureHeader:
    """What a picture file says before it is decoded.

    Attributes:
        width: in pixels, as stored.
        height: in pixels, as stored.
        mode: Pillow's name of the kind of pixels.
    """

    width: int
    height: int
    mode: str

    @property
    def deep(self) -> bool:
        """Whether pixels are grey numbers of more than 8 bits, as in maps of depth."""
        return self.mode in _DEEP


def look_at(file: Path) -> PictureHeader:
    """Return the header of a picture file, if its picture is one and of a sane size."""
    try:
        with _opened(file, str(file)) as image:
            return PictureHeader(image.width, image.height, image.mode)
    except InputError:
        raise
    except Exception as error:  # Pillow's decoders raise anything; this is the one door
        raise _unreadable(file, error) from None


PICTURE_CHANGES = {
    "turned": ("orientation", "turned as a viewer shows them", "EXIF"),
    "transparent": ("transparency", "laid on black where they are clear", "an alpha channel"),
    "grey": ("channels", "grey, repeated to 3", "the pictures' mode"),
}


def read_picture(
    file: Path, scale: PixelScale | None = None, counts: dict[str, int] | None = None
) -> Array:
    """Return a picture file as a viewer shows it, uint8 RGB [H, W, 3]; a PNG's checksums are
    verified first.

    Grey is repeated, transparent pixels lie on black. Grey of more than 8 bits needs a `scale`.
    What was done to it is added to `counts`, by the keys of `PICTURE_CHANGES`.
    """
    try:
        with _opened(file, str(file)) as image:
            image.verify()
        with _opened(file, str(file)) as image:
            if counts is not None:
                _count(image, counts)
            return _shown(image, str(file), scale)
    except InputError:
        raise
    except Exception as error:  # Pillow's decoders raise anything; this is the one door
        raise _unreadable(file, error) from None


def decode_picture(content: bytes, where: str, scale: PixelScale | None = None) -> Array:
    """Return the bytes of a picture file (JPEG, PNG, ...) as uint8 RGB [H, W, 3]."""
    try:
        with _opened(io.BytesIO(content), where) as image:
            return _shown(image, where, scale)
    except InputError:
        raise
    except Exception as error:  # Pillow's decoders raise anything; this is the one door
        raise InputError(
            f"{where} is no whole picture ({error}): fetch it again, or say --skip-bad"
        ) from None


def _count(image: Any, counts: dict[str, int]) -> None:
    found = {
        "turned": image.getexif().get(_ORIENTATION, 1) not in (0, 1),
        "transparent": "A" in image.getbands() or "transparency" in image.info,
        "grey": image.mode in ("L", "1", "LA"),
    }
    for what, is_so in found.items():
        if is_so:
            counts[what] = counts.get(what, 0) + 1


def stored_pixels(content: bytes, where: str) -> Array:
    """Return the bytes of a picture file as its pixels are stored: [H, W] or [H, W, C]."""
    try:
        with _opened(io.BytesIO(content), where) as image:
            return _numbers(image)
    except InputError:
        raise
    except Exception as error:  # Pillow's decoders raise anything; this is the one door
        raise InputError(
            f"{where} is no whole picture ({error}): fetch it again, or say --skip-bad"
        ) from None


def deep_sample(file: Path) -> PixelSample:
    """Return the dtype and range of the pixels of a deep picture."""
    try:
        with _opened(file, str(file)) as image:
            return PixelSample.of(_numbers(image))
    except InputError:
        raise
    except Exception as error:  # Pillow's decoders raise anything; this is the one door
        raise _unreadable(file, error) from None


def shown_rgb(image: Any) -> Array:
    """Return a Pillow image of any mode as uint8 RGB [H, W, 3], transparent pixels on black."""
    from PIL import Image

    if "A" in image.getbands() or "transparency" in image.info:
        clear = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", clear.size, (0, 0, 0, 255)), clear)
    return np.asarray(image.convert("RGB"))


def _opened(file: Any, where: str) -> Any:
    from PIL import Image

    try:
        image = Image.open(file, formats=_DECODERS)
    except Image.UnidentifiedImageError:
        raise InputError(
            f"{where} cannot be read as a picture; expected one of {', '.join(_DECODERS)}, "
            "whatever it is called: restore it or leave its episode out"
        ) from None
    if image.width * image.height > LARGEST:
        image.close()
        raise InputError(
            f"{where} says it is {image.width}x{image.height}; expected at most {LARGEST} pixels: "
            "it is no camera's picture"
        )
    if getattr(image, "n_frames", 1) > 1:
        image.close()
        raise InputError(
            f"{where} holds {image.n_frames} pictures; expected one: "
            "animations are read as videos (.gif, .mp4)"
        )
    return image


def _shown(image: Any, where: str, scale: PixelScale | None) -> Array:
    from PIL import ImageOps

    if image.mode not in _DEEP:
        return shown_rgb(ImageOps.exif_transpose(image))
    pixels = _numbers(ImageOps.exif_transpose(image))
    if scale is None:
        raise InputError(
            f"{where} is grey of more than 8 bits ({PixelSample.of(pixels).low:g} to "
            f"{PixelSample.of(pixels).high:g}), as "
            "maps of depth are; expected 8 bits: "
            "say --pixel-range LOW HIGH, the numbers that are black and white"
        )
    return np.repeat(scale.to_bytes(pixels, where)[..., None], 3, axis=-1)


def _numbers(image: Any) -> Array:
    """Deep pixels; Pillow of before reads 16 bits as 32."""
    pixels = np.asarray(image)
    deep = pixels.dtype == np.int32 and pixels.min(initial=0) >= 0
    return pixels.astype(np.uint16) if deep and pixels.max(initial=0) < 1 << 16 else pixels


def _unreadable(file: Path, error: Exception) -> InputError:
    return InputError(
        f"{file} cannot be read ({error}); expected a whole picture: "
        "restore it or leave its episode out"
    )


def as_pictures(frames: Array, where: str, scale: PixelScale | None = None) -> Array:
    """Return uint8 [T, H, W, 3] from [T, H, W, C], [T, C, H, W], [T, 3 K, H, W] (the last one
    current) or [T, H, W].

    The `scale` is that of the source; without one it is found from these pictures alone.
    """
    layout = channel_layout(frames.shape, where)
    pictures = layout.to_rgb(frames, scale.high if scale else None)
    if frames.dtype == np.uint8 and scale is None:
        return pictures
    return (scale or pixel_scale([PixelSample.of(frames)], where)).to_bytes(pictures, where)


def number_of(path: Path) -> int:
    """Return the number that a file or folder is called by, whatever stands before it; -1 if there
    is none.

    >>> number_of(Path("frame12.png")), number_of(Path("7")), number_of(Path("cover.png"))
    (12, 7, -1)
    """
    match = re.fullmatch(r"\D*(\d+)", path.stem)
    return int(match[1]) if match else -1


def resized(picture: Array, size: tuple[int, int], crop: bool) -> Array:
    """Return `picture` uint8 [H, W, C] at (height, width) `size`.

    `crop` keeps the aspect and cuts what is too much, equally on both sides; otherwise the picture
    is stretched.

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
