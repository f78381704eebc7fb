"""Predictions of any tool, read by clip: which axis is what, and which number is white.

Letters: B clips, N samples, T predicted frames, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import InputError
from .files import Stored, digest_of, open_stored

Array = NDArray[Any]

_LAYOUTS = ("BNTHWC", "BNTCHW", "BTHWC", "BTCHW", "BNTHW", "BTHW")
_NEEDED = "BTHW"
_BEYOND = 0.1  # how far floats may leave [0, 1] and still be meant so; a decoder overshoots
_WORDS = {
    "B": "clips",
    "N": "samples",
    "T": "frames",
    "H": "height",
    "W": "width",
    "C": "channels",
}


@dataclass(frozen=True)
class Expected:
    """What predictions are of.

    Attributes:
        clips: how many.
        n_past: frames of context, which predictions leave out.
        frames: predicted frames of each clip.
        height: of a frame.
        width: of a frame.
        channels: of a frame.
    """

    clips: int
    n_past: int
    frames: int
    height: int
    width: int
    channels: int

    def allows(self, axis: str, size: int) -> bool:
        """Whether an axis may have a size; grey stands for any channels."""
        known = {"B": self.clips, "T": self.frames, "H": self.height, "W": self.width}
        if axis == "C":
            return size in (1, self.channels)
        return size >= 1 if axis == "N" else size == known[axis]

    def __str__(self) -> str:
        shape = f"[{self.clips}, samples, {self.frames}, {self.height}, {self.width}"
        return f"{shape}, {self.channels}]"


@dataclass(frozen=True)
class Values:
    """Which numbers are black and white."""

    black: float
    white: float
    about: str

    def to_floats(self, numbers: Array) -> Array:
        """Return numbers as floats in [0, 1]."""
        floats = numbers.astype(np.float32)
        if (self.black, self.white) != (0.0, 1.0):
            floats = (floats - self.black) / (self.white - self.black)
        return np.clip(floats, 0, 1)


@dataclass(frozen=True)
class Predictions:
    """Predictions of clips.

    Attributes:
        path: the file or folder.
        stored: the array in it.
        layout: its axes, as letters.
        values: its range.
        expected: what it is of.
        digest: of its content.
    """

    path: Path
    stored: Stored
    layout: str
    values: Values
    expected: Expected
    digest: str

    @property
    def samples(self) -> int:
        """N, of each clip."""
        return self.stored.shape[self.layout.index("N")] if "N" in self.layout else 1

    @property
    def notes(self) -> Mapping[str, Any]:
        """What was found out of them, for the results."""
        shape = "x".join(str(n) for n in self.stored.shape)
        return {
            "layout": f"{self.layout} {shape} {self.stored.dtype}",
            "values": self.values.about,
            "range": [self.values.black, self.values.white],
            "n_past": self.expected.n_past,
            "horizon": self.expected.frames,
        }

    def read(self, clips: Sequence[int], samples: int) -> Tensor:
        """Return the first samples of some clips, floats in [0, 1]: [B, N, T, C, H, W]."""
        found = (self._clip(index)[:samples] for index in clips)
        return torch.from_numpy(np.stack([self.values.to_floats(clip) for clip in found]))

    def _clip(self, index: int) -> Array:
        """The numbers of one clip [N, T, C, H, W]."""
        clip = clip_of(self.stored, self.layout, index)
        shape = (self.samples, self.expected.frames, self.expected.channels)
        grey = np.broadcast_to(clip, (*clip.shape[:2], shape[2], *clip.shape[3:]))
        if grey.shape != (*shape, self.expected.height, self.expected.width):
            got = [clip.shape[0], clip.shape[1], *clip.shape[3:], clip.shape[2]]
            first = [*shape[:2], self.expected.height, self.expected.width, shape[2]]
            raise InputError(
                f"{self.path}: clip {index} has shape {got}; expected {first}, as clip 0"
            )
        return grey


def open_predictions(
    path: Path,
    expected: Expected,
    layout: str | None = None,
    pixel_range: tuple[float, float] | None = None,
    advance: Callable[[int], None] = lambda count: None,
) -> Predictions:
    """Open predictions and find out what is what.

    Args:
        path: an npz, an npy, or a folder of videos or of folders of pictures.
        expected: what they should be of.
        layout: the axes as letters, such as `BNTCHW`; found by their sizes by default.
        pixel_range: the numbers that are black and white; found by dtype and range by default.
        advance: called with the number of clips that were looked at.

    Raises:
        InputError: another shape or number of clips, numbers that are not finite or of no known
            range, a file that cannot be read.
    """
    stored = open_stored(path)
    axes = _find_layout(stored.shape, expected, str(path), layout)
    values = _find_values(stored, axes, str(path), pixel_range, advance)
    return Predictions(path, stored, axes, values, expected, digest_of(path))


def clip_of(stored: Stored, layout: str, index: int) -> Array:
    """Return the numbers of one clip [N, T, C, H, W], N and C of 1 where there is no such axis."""
    clip, axes = stored.clip(index, layout.index("B")), layout.replace("B", "")
    for letter in "NC":
        if letter not in axes:
            clip, axes = clip[None], letter + axes
    return clip.transpose([axes.index(letter) for letter in "NTCHW"])


def _find_layout(shape: tuple[int, ...], expected: Expected, where: str, given: str | None) -> str:
    if given is not None:
        return _checked_layout(given.upper(), shape, expected, where)
    found = [axes for axes in _LAYOUTS if not _differences(axes, shape, expected)]
    if not found:
        near = [_differences(axes, shape, expected) for axes in _LAYOUTS if len(axes) == len(shape)]
        raise InputError(_misfit(shape, expected, where, min(near, key=len, default=[])))
    if len(found) > 1:
        raise InputError(
            f"{where} has shape {list(shape)}, which may be {' or '.join(found)}: say --layout"
        )
    return found[0]


def _checked_layout(given: str, shape: tuple[int, ...], expected: Expected, where: str) -> str:
    wrong = set(given) - set(_WORDS) or set(_NEEDED) - set(given) or len(set(given)) != len(given)
    if wrong:
        raise InputError(
            f"--layout {given}: expected a letter for each axis: B (clips), T (frames), H, W, and "
            "where there are such axes N (samples) and C (channels), as in BNTHWC"
        )
    if len(given) != len(shape):
        raise InputError(f"--layout {given} has {len(given)} axes; {where} has shape {list(shape)}")
    if differences := _differences(given, shape, expected):
        raise InputError(_misfit(shape, expected, where, differences))
    return given


def _differences(axes: str, shape: tuple[int, ...], expected: Expected) -> list[tuple[str, int]]:
    """The axes that have other sizes than are expected, with those."""
    if len(axes) != len(shape):
        return [(axis, 0) for axis in axes]
    pairs = zip(axes, shape, strict=True)
    return [(axis, size) for axis, size in pairs if not expected.allows(axis, size)]


def _misfit(
    shape: tuple[int, ...], expected: Expected, where: str, differences: list[tuple[str, int]]
) -> str:
    text = f"{where} has shape {list(shape)}; expected {expected}"
    if len(differences) != 1:
        return f"{text}, [clip, sample, time, height, width, channel], or --layout LETTERS"
    axis, size = differences[0]
    if axis == "T" and size == expected.n_past + expected.frames:
        return f"{text}: leave out the {expected.n_past} context frames of each clip"
    advice = {
        "B": "predict every clip that `foreframe eval --list-clips FILE` lists, in this order",
        "T": "say --horizon, or predict so many frames",
        "H": "resize them to the store's",
        "W": "resize them to the store's",
        "C": "bring them to the store's colours",
    }
    return f"{text}: it has {size} {_WORDS[axis]}; {advice[axis]}"


def _find_values(
    stored: Stored,
    layout: str,
    where: str,
    given: tuple[float, float] | None,
    advance: Callable[[int], None],
) -> Values:
    if given is not None:
        black, white = given
        if not (np.isfinite(given).all() and black != white):
            raise InputError(f"--pixel-range {black:g} {white:g}: expected two different numbers")
        _range_of(stored, layout, where, advance)
        return Values(black, white, f"{stored.dtype}, {black:g} is black and {white:g} white")
    if stored.dtype == np.uint8:
        return Values(0, 255, "uint8, 255 is white")
    low, high = _range_of(stored, layout, where, advance)
    span = f"{stored.dtype} from {low:.4g} to {high:.4g}"
    whole = stored.dtype.kind in "ui"
    if not whole and low >= -_BEYOND and high <= 1 + _BEYOND:
        cut = "" if low >= 0 and high <= 1 else ", cut to [0, 1]"
        return Values(0, 1, f"{span}, 1 is white{cut}")
    if low >= 0 and 2 < high <= 255:
        return Values(0, 255, f"{span}, 255 is white")
    raise InputError(
        f"{where} holds {span}; expected uint8, or floats in [0, 1]: "
        "say --pixel-range LOW HIGH, the numbers that are black and white"
    )


def _range_of(
    stored: Stored, layout: str, where: str, advance: Callable[[int], None]
) -> tuple[float, float]:
    """The smallest and the largest number, read clip by clip."""
    axis = layout.index("B")
    low, high = np.inf, -np.inf
    for index in range(stored.shape[axis]):
        clip = stored.clip(index, axis)
        least, most = float(clip.min()), float(clip.max())
        if not np.isfinite([least, most]).all():
            raise InputError(
                f"{where}: clip {index} holds NaN or infinity; expected finite numbers: no score "
                "means anything then"
            )
        low, high = min(low, least), max(high, most)
        advance(1)
    return low, high
