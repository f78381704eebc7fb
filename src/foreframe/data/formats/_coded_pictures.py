"""Picture files (JPEG, PNG) that a source holds as bytes: one scale for grey of more than 8 bits.

Letters: H height, W width.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..pictures import decode_picture, stored_pixels
from ..sources.findings import Findings
from ..sources.pixels import PixelSample, PixelScale, pixel_scale

Array = NDArray[Any]


@dataclass(frozen=True)
class CodedPictures:
    """How the picture files of a camera become pictures.

    Attributes:
        scale: which numbers are black and white, for grey of more than 8 bits; None for colours.
        floats: whether the four bytes of a pixel are a float, as TFDS codes such pictures.
    """

    scale: PixelScale | None = None
    floats: bool = False

    @classmethod
    def of(
        cls,
        samples: Iterable[bytes],
        where: str,
        chosen: tuple[float, float] | None,
        dtype: str = "",
    ) -> CodedPictures:
        """Decide by a few picture files from all over a source.

        Args:
            samples: the picture files.
            where: the source and the camera.
            chosen: what a person says of the scale.
            dtype: of the pixels, where the source declares it.
        """
        floats = dtype == "float32"
        numbers = [_numbers(content, where, floats) for content in samples]
        deep = [pixels for pixels in numbers if pixels.dtype != np.uint8]
        if not deep and chosen is not None:
            raise InputError(f"--pixel-range: {where} is of bytes; leave --pixel-range out")
        if not deep:
            return cls()
        return cls(pixel_scale([PixelSample.of(pixels) for pixels in deep], where, chosen), floats)

    def to_rgb(self, content: bytes, where: str) -> Array:
        """Return uint8 [H, W, 3]."""
        if self.scale is None or not self.floats:
            return decode_picture(content, where, self.scale)
        shown = self.scale.to_bytes(_numbers(content, where, True), where)
        return np.repeat(shown[..., None], 3, axis=-1)

    def add_to(self, found: Findings) -> Findings:
        """Add what was decided to what was found."""
        if self.scale is None:
            return found
        return found.decided("channels", "grey", "more than 8 bits a pixel").decided(
            "pixel range", self.scale, self.scale.reason, "--pixel-range"
        )


def _numbers(content: bytes, where: str, floats: bool) -> Array:
    """Pixels as they are stored: [H, W], or [H, W, C] of colours."""
    pixels = stored_pixels(content, where)
    if not floats:
        return pixels
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[-1] != 4:
        raise InputError(f"{where} is no picture of float32; expected four bytes a pixel")
    return np.ascontiguousarray(pixels).view("<f4")[..., 0]
