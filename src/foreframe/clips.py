"""Clips and their conventions.

Letters: B batch, T frames, C channels, H height, W width, A condition (one or more dimensions).
Layout is B T C H W. Frames are uint8 at rest and in transfer, floats in [0, 1] inside models.
`conditions[:, t]` is all that is known of step t before frame t is seen: the action that leads to
frame t, the position before it, the pose image that goes with it. The data code makes that shift,
and no other code does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor

from .errors import InputError
from .runtime.typed import read_as
from .showing import Page, facts, page, pictures


class Batch(NamedTuple):
    """Clips side by side.

    Attributes:
        frames: uint8 [B, T, C, H, W].
        conditions: [B, T, *A], numbers as float32 in raw units, label images as uint8.
    """

    frames: Tensor
    conditions: Tensor

    def to(self, device: torch.device) -> Batch:
        """Return the clips on a device; pinned memory travels without waiting."""
        return Batch(
            self.frames.to(device, non_blocking=True), self.conditions.to(device, non_blocking=True)
        )

    def _repr_html_(self) -> str:
        """Show the frames of some clips, a row each, in a notebook."""
        count, length, channels, height, width = self.frames.shape
        said = {
            "clips": count,
            "frames": f"{length} of {height}x{width}x{channels}, {self.frames.dtype}",
            "conditions": f"{list(self.conditions.shape)}, {self.conditions.dtype}",
        }
        shown = pictures(as_pictures(self.frames), f"{length} frames of a clip in each row")
        return page("clips", shown, facts(said))

    def _display_(self) -> Page:  # for marimo, which would show a tuple
        return Page(self._repr_html_())


@dataclass(frozen=True)
class ClipSpec:
    """What a model's clips look like; it travels with the weights.

    Attributes:
        frame: C, H, W.
        condition: A.
        columns: the store's columns that the conditions are made of.
        names: a name per number of a condition; empty for label images, as are the four below.
        mean: mean of each number over the training split.
        std: standard deviation of each number over the training split.
        low: smallest value of each number in the training split.
        high: largest value of each number in the training split.
        frames_per_second: of the recordings, where it is known.
        uses_future_state: whether the conditions hold states that are not known before they are
            measured.
    """

    frame: tuple[int, int, int]
    condition: tuple[int, ...]
    columns: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    frames_per_second: float | None = None
    uses_future_state: bool = False

    @property
    def pixels(self) -> int:
        """Numbers per frame, N = C H W.

        A mean squared error times N is the distortion of a frame.
        """
        channels, height, width = self.frame
        return channels * height * width

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ClipSpec:
        """Build from JSON values (lists become tuples).

        >>> spec = ClipSpec((3, 64, 64), (4,))
        >>> ClipSpec.from_dict(spec.to_dict()) == spec
        True
        """
        spec = read_as(cls, values, "the description of a model's clips")
        counts = {len(getattr(spec, name)) for name in ("mean", "std", "low", "high")}
        if min(*spec.frame, *spec.condition, 0) < 0 or counts - {0, *spec.condition[:1]}:
            raise InputError(
                f"the description of a model's clips contradicts itself: frames "
                f"{list(spec.frame)}, conditions {list(spec.condition)}, "
                f"statistics of {sorted(counts)} numbers"
            )
        return spec


def to_float(frames: Tensor) -> Tensor:
    """Convert bytes to floats in [0, 1], on whatever device they are.

    >>> to_float(torch.tensor([0, 255], dtype=torch.uint8))
    tensor([0., 1.])
    """
    return frames.to(torch.float32, copy=True).div_(255)  # in place: half the time of a second copy


def as_floats(values: Tensor) -> Tensor:
    """Convert bytes to floats in [0, 1] and return floats as they are.

    >>> as_floats(torch.tensor([255], dtype=torch.uint8)), as_floats(torch.tensor([-7.5]))
    (tensor([1.]), tensor([-7.5000]))
    """
    return to_float(values) if values.dtype == torch.uint8 else values


def as_pictures(frames: Tensor) -> NDArray[Any]:
    """Return frames [..., C, H, W] as bytes in the order of pictures: [..., H, W, C]."""
    shown = frames if frames.dtype == torch.uint8 else to_uint8(frames)
    found: NDArray[Any] = shown.detach().movedim(-3, -1).cpu().numpy()
    return found


def to_uint8(frames: Tensor) -> Tensor:
    """Convert floats to uint8, clamped to [0, 1] first so that nothing wraps.

    >>> to_uint8(torch.tensor([-0.5, 0.5, 1.5]))
    tensor([  0, 128, 255], dtype=torch.uint8)
    """
    return (frames.float().clamp(0, 1) * 255).round().to(torch.uint8)
