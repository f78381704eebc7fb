"""Pictures kept as arrays of numbers: one layout of the channels and one scale for a whole source.

Letters: T frames, H height, W width.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..sources.findings import Findings
from ..sources.options import ChannelOrder, Flip
from ..sources.pixels import ChannelLayout, PixelSample, PixelScale, channel_layout, pixel_scale

Array = NDArray[Any]

_SAMPLES = 8


@dataclass(frozen=True)
class ArrayPictures:
    """How the arrays of a camera become pictures.

    Attributes:
        layout: where the channels are, and what they are.
        scale: which numbers are black and white.
    """

    layout: ChannelLayout
    scale: PixelScale

    @classmethod
    def of(
        cls, samples: Iterable[Array], where: str, chosen: tuple[float, float] | None = None
    ) -> ArrayPictures:
        """Decide by a few pictures [T, ...] from all over a source.

        `chosen` is what a person says of the scale.
        """
        found = list(samples)
        scale = pixel_scale([PixelSample.of(sample) for sample in found], where, chosen)
        return cls(channel_layout(found[0].shape, where), scale)

    def to_rgb(self, frames: Array, where: str) -> Array:
        """Return uint8 [T, H, W, 3]."""
        return self.scale.to_bytes(self.layout.to_rgb(frames), where)

    def add_to(self, found: Findings) -> Findings:
        """Add what was decided to what was found."""
        kind = self.layout.kind
        return found.decided("channels", kind, self.layout.reason).decided(
            "pixel range", self.scale, self.scale.reason, "--pixel-range"
        )


def upright(pictures: Array, flip: Flip) -> Array:
    """Return stored pictures [T, H, W, C] as they stand upright."""
    if flip == "none":
        return pictures
    return np.ascontiguousarray(
        pictures[:, ::-1] if flip == "vertical" else pictures[:, ::-1, ::-1]
    )


def reordered(picture: Array, order: ChannelOrder) -> Array:
    """Return stored pictures [..., 3] as RGB."""
    return picture if order == "rgb" else np.ascontiguousarray(picture[..., ::-1])


def sampled(count: int) -> list[int]:
    """Return a few places from the first to the last of `count`.

    >>> sampled(3), sampled(100)
    ([0, 1, 2], [0, 14, 28, 42, 57, 71, 85, 99])
    """
    return np.unique(np.linspace(0, count - 1, min(count, _SAMPLES)).round().astype(int)).tolist()


def with_camera(
    found: Findings, camera: str, in_colour: Iterable[str], chosen: str | None
) -> Findings:
    """Add which camera was taken, and what decided it."""
    others = ", ".join(name for name in in_colour if name != camera)
    reason = "--camera" if chosen else "its name" if others else "the only one in colour"
    beside = f" (there are also {others})" if others else ""
    return found.decided("camera", camera, reason + beside, "" if chosen else "--camera")


def with_choice(found: Findings, subject: str, value: object, reason: str, option: str) -> Findings:
    """Add a decision that `option` makes, unless it was made by that already."""
    return found.decided(subject, value, reason, "" if reason == option else option)
