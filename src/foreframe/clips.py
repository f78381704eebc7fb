"""Clips and their conventions.

Letters: B batch, T frames, C channels, H height, W width, A condition (one or more dimensions).
Layout is B T C H W. Frames are uint8 at rest and in transfer, floats in [0, 1] inside models.
`conditions[:, t]` is all that is known of step t before frame t is seen: the action that leads to frame t, the position
before it, the pose image that goes with it. The data code makes that shift once; nobody else shifts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Batch(NamedTuple):
    """Frames uint8 [B, T, C, H, W] and conditions float32 [B, T, *A] (raw units)."""

    frames: Tensor
    conditions: Tensor

    def to(self, device: torch.device) -> Batch:
        """The clip on a device; pinned memory travels without waiting."""
        return Batch(
            self.frames.to(device, non_blocking=True), self.conditions.to(device, non_blocking=True)
        )


@dataclass(frozen=True)
class ClipSpec:
    """What a model's clips look like; it travels with the weights.

    `condition` is A. For vectors `names`, `mean`, `std`, `low`, `high` have one entry a number, measured on the training
    split; for label images they are empty. `columns` are the store's columns that the conditions are made of.
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
        """Numbers in a frame, N = C H W: what turns a mean squared error into a frame's distortion."""
        channels, height, width = self.frame
        return channels * height * width

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ClipSpec:
        """From JSON values (lists become tuples).

        >>> spec = ClipSpec((3, 64, 64), (4,))
        >>> ClipSpec.from_dict(spec.to_dict()) == spec
        True
        """
        fields: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in values.items()
        }
        return cls(**fields)


def to_float(frames: Tensor) -> Tensor:
    """uint8 frames to floats in [0, 1], on whatever device they are.

    >>> to_float(torch.tensor([0, 255], dtype=torch.uint8))
    tensor([0., 1.])
    """
    return frames.to(torch.float32, copy=True).div_(255)  # in place: half the time of a second copy


def to_uint8(frames: Tensor) -> Tensor:
    """Floats to uint8, clamped to [0, 1] first so that nothing wraps.

    >>> to_uint8(torch.tensor([-0.5, 0.5, 1.5]))
    tensor([  0, 128, 255], dtype=torch.uint8)
    """
    return (frames.float().clamp(0, 1) * 255).round().to(torch.uint8)
