"""Pixels as the source means them: which axis is the channels, and which number is white.

Letters: T frames, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from .findings import AmbiguousSource

Array = NDArray[Any]

SMALLEST = 9  # pixels of a side below which a picture is a misread axis
_DEPTH = ("depth", "disparity", "range_image")
_STACKED_AT_MOST = 30
_STRIP = 4  # pixels of a side below which a picture is a strip
_BLACK, _WHITE = 0.0, 255.0


@dataclass(frozen=True)
class ChannelLayout:
    """Where the channels of an array of pictures are, and what they are.

    Attributes:
        axis: the axis of the channels, -1 or 1 for arrays [T, ...]; None for pictures without
            (grey).
        kind: grey, rgb, rgba, or stacked (several RGB pictures, the last one current).
        channels: how many.
        reason: what decided it.
    """

    axis: int | None
    kind: Literal["grey", "rgb", "rgba", "stacked"]
    channels: int
    reason: str

    def to_rgb(self, frames: Array) -> Array:
        """Pictures of any dtype as [T, H, W, 3].

        Grey is repeated, alpha composed on black (floats or ints alike).
        """
        if self.axis is None:
            return np.repeat(frames[..., None], 3, axis=-1)
        last = np.moveaxis(frames, self.axis, -1)
        if self.kind == "grey":
            return np.repeat(last, 3, axis=-1)
        if self.kind == "stacked":
            return last[..., -3:]
        if self.kind == "rgba":
            return _composed(last)
        return last


def channel_layout(shape: Sequence[int], where: str, names: Sequence[str] = ()) -> ChannelLayout:
    """Tell the axis of the channels of pictures [T, ...] by names, else by what would be absurd
    otherwise.

    `names` are those of the axes after the first, where the source says them ("height", "width",
    "channel").

    Raises:
        InputError: nothing that makes sense; more than one picture in the channels of the last
            axis.

    >>> channel_layout((6, 96, 96, 4), "a.npz").kind, channel_layout((6, 3, 96, 96), "a.npz").axis
    ('rgba', 1)
    """
    if len(shape) == 3 and min(shape[1:]) >= SMALLEST:
        return ChannelLayout(None, "grey", 1, f"shape {list(shape)} has no axis of channels")
    if len(shape) != 4:
        raise InputError(
            f"{where} has shape {list(shape)}; expected pictures [T, H, W, C] or [T, C, H, W]"
        )
    named = [n.casefold() for n in names] if len(names) == 3 else []
    if any(n.startswith(("channel", "rgb", "c")) for n in named):
        axis = next(i for i, n in enumerate(named) if n.startswith(("channel", "rgb", "c")))
        if axis == 1:
            raise InputError(f"{where} has axes {list(names)}; expected channels first or last")
        return _kind(shape, -1 if axis == 2 else 1, where, f"axes named {', '.join(names)}")
    last = shape[3] < SMALLEST and min(shape[1], shape[2]) >= SMALLEST
    first = shape[1] <= _STACKED_AT_MOST and shape[1] < min(shape[2], shape[3]) >= SMALLEST
    if last == first:  # tiny pictures, of which one reading alone has colours
        last = shape[3] in (1, 3, 4) and min(shape[1:3]) > _STRIP
        first = shape[1] in (1, 3, 4, 6, 9) and min(shape[2:]) > _STRIP
    if last == first:
        raise InputError(
            f"{where} has shape {list(shape)}, in which no axis is clearly that of the channels; "
            "expected [T, H, W, 3], "
            "[T, 3, H, W], grey (1) or RGBA (4), and pictures of at least 9 pixels a side"
        )
    return _kind(
        shape,
        -1 if last else 1,
        where,
        f"shape {list(shape)}: any other reading has sides of a few pixels",
    )


def _kind(shape: Sequence[int], axis: int, where: str, reason: str) -> ChannelLayout:
    channels = shape[axis]
    kinds: dict[int, Literal["grey", "rgb", "rgba"]] = {1: "grey", 3: "rgb", 4: "rgba"}
    if channels in kinds:
        return ChannelLayout(axis, kinds[channels], channels, reason)
    if axis == 1 and channels % 3 == 0 and channels:
        why = (
            f"{channels} channels first are {channels // 3} stacked pictures, "
            "the last is the current one"
        )
        return ChannelLayout(axis, "stacked", channels, why)
    raise InputError(
        f"{where} has {channels} channels (shape {list(shape)}); expected 1, 3 or 4: "
        "several cameras or moments side by side "
        "must be taken apart first"
    )


def is_depth(key: str) -> bool:
    """Whether a camera's name says that its pixels are distances.

    >>> is_depth("obs/agentview_depth"), is_depth("image")
    (True, False)
    """
    return any(word in key.casefold() for word in _DEPTH)


def _composed(pictures: Array) -> Array:
    """RGBA on black; the alpha's full value is that of the dtype, or 1 for floats up to 1."""
    alpha = pictures[..., 3:].astype(np.float64)
    full = (
        np.iinfo(pictures.dtype).max
        if pictures.dtype.kind in "ui"
        else max(1.0, 255.0 * (alpha.max(initial=0) > 1))
    )
    return (pictures[..., :3] * (alpha / full)).round(6).astype(pictures.dtype)


@dataclass(frozen=True)
class PixelSample:
    """What a few pictures of a source hold: its dtype, smallest and largest number."""

    dtype: str
    low: float
    high: float

    @classmethod
    def of(cls, pictures: Array) -> PixelSample:
        if not pictures.size:
            return cls(pictures.dtype.name, 0.0, 0.0)
        return cls(pictures.dtype.name, float(pictures.min()), float(pictures.max()))


@dataclass(frozen=True)
class PixelScale:
    """One scale for all pictures of a source: `low` becomes 0, `high` becomes 255.

    Attributes:
        low: the number that is black.
        high: the number that is white.
        reason: what decided it.
    """

    low: float
    high: float
    reason: str

    def to_bytes(self, pictures: Array, where: str) -> Array:
        """Pictures as uint8 of the same shape.

        Raises:
            InputError: a pixel outside of the scale, or one that is no number.
        """
        if pictures.dtype == np.uint8 and (self.low, self.high) == (_BLACK, _WHITE):
            return pictures
        sample = PixelSample.of(pictures)
        if not (sample.low >= self.low and sample.high <= self.high):
            raise InputError(
                f"{where} has pixels from {sample.low:g} to {sample.high:g}; "
                f"expected {self.low:g} to {self.high:g} as in the "
                "rest of the source: say --pixel-range LOW HIGH, the numbers that are black and "
                "white"
            )
        span = (np.asarray(pictures, np.float32) - self.low) * (_WHITE / (self.high - self.low))
        return np.asarray(np.round(span), np.uint8)

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g} become 0 to 255"


def pixel_scale(
    samples: Iterable[PixelSample], where: str, chosen: tuple[float, float] | None = None
) -> PixelScale:
    """Find the one scale of a source from samples of several of its episodes (the first, the
    middle, the last, ...).

    Raises:
        AmbiguousSource: numbers that fit two scales, such as 16 bits of which few are used.
    """
    found = list(samples)
    if chosen is not None:
        if not chosen[0] < chosen[1]:
            raise InputError(
                f"--pixel-range is {chosen[0]:g} {chosen[1]:g}; "
                "expected the number of black, then of white"
            )
        return PixelScale(*chosen, "--pixel-range")
    low, high = min(s.low for s in found), max(s.high for s in found)
    dtypes = sorted({s.dtype for s in found})
    seen = f"{', '.join(dtypes)} from {low:g} to {high:g} in {len(found)} samples"
    option = "--pixel-range LOW HIGH, the numbers that are black and white"
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError(f"{where} holds NaN or infinity ({seen}); expected finite pixels")
    if dtypes == ["bool"]:
        return PixelScale(0, 1, "boolean pixels")
    if all(d == "uint8" for d in dtypes):
        if 0 < high <= 1:
            raise AmbiguousSource(
                where,
                ("bytes, all of them nearly black", "0 and 1, a mask"),
                "--pixel-range 0 255 or --pixel-range 0 1",
            )
        return PixelScale(0, 255, "bytes")
    if all(np.dtype(d).kind == "f" for d in dtypes):
        for bounds in ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)):
            if bounds[0] <= low and high <= bounds[1]:
                return PixelScale(*bounds, seen)
        raise AmbiguousSource(
            where,
            (
                f"floats over the range that is used, {low:g} to {high:g}",
                "floats of another unit, such as metres",
            ),
            option,
        )
    if low >= 0 and high <= 1:
        raise AmbiguousSource(
            where,
            (f"{seen}: bytes, nearly black", f"{seen}: a mask of 0 and 1"),
            "--pixel-range 0 255 or --pixel-range 0 1",
        )
    if low >= 0 and high <= _WHITE and "uint16" not in dtypes:
        return PixelScale(0, 255, seen)
    if low >= 0 and dtypes == ["uint16"] and high > 2**15:
        return PixelScale(0, 65535, f"16 bits, {seen}")
    raise AmbiguousSource(
        where, (f"the whole range of {dtypes[-1]}", f"the range that is used ({seen})"), option
    )
