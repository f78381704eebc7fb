"""What an embedded world knows of a clip beside its pixels.

Letters: B clips, N samples, S predicted frames, T frames of the clips, O objects, J joints, C
channels, H height, W width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

ARM, FIRST_OBJECT = 2, 3  # marks: 0 the room, 1 the bin


@dataclass(frozen=True)
class ObjectMarks:
    """Which object is seen at each pixel, and what happened to it since the context.

    Attributes:
        marks: uint8 [B, T, H, W]: 2 is the arm, 3 + i object i.
        moved: whether it left its place since the last context frame, bool [B, T, O].
        disturbed: whether it was touched or moved since then, bool [B, T, O].
    """

    marks: Tensor
    moved: Tensor
    disturbed: Tensor

    def of_object(self, number: int) -> Tensor:
        """Where an object is seen: bool [B, T, H, W]."""
        return self.marks == FIRST_OBJECT + number

    def paths_of_moved(self, context: int) -> Tensor:
        """Return the pixels of moved objects, where they were in the last context frame and where
        they are: bool [B, T, H, W]."""
        found = torch.zeros_like(self.marks, dtype=torch.bool)
        for number in range(self.moved.shape[-1]):
            seen = self.of_object(number)
            found |= (seen | seen[:, context - 1 : context]) & self.moved[..., number, None, None]
        return found

    @property
    def arm(self) -> Tensor:
        """Where the arm is seen: bool [B, T, H, W]."""
        return self.marks == ARM


@dataclass(frozen=True)
class WorldTruth:
    """What a world tells of clips.

    Attributes:
        objects: where its objects are; None in a world without, and for recordings.
        joints: places of a dancer's joints in pixels, x and y, [B, T, J, 2]; None elsewhere.
    """

    objects: ObjectMarks | None = None
    joints: Tensor | None = None


def squared_error(samples: Tensor, truth: Tensor) -> Tensor:
    """Return the squared error of each pixel, a mean over channels: [B, N, S, H, W]."""
    return (samples - truth[:, None]).square_().mean(3)
