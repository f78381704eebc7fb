"""`mean_frame`: the baseline that knows the scene and nothing else. Every future frame is the training data's mean picture.

Letters: B batch, S steps, C channels, H height, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..clips import ClipSpec
from .copy_last import CopyLast


class MeanFrame(CopyLast):
    """The mean picture is a weight like any other: `mean` [C, H, W], mid-grey until it is set."""

    mean: Tensor

    def __init__(self, spec: ClipSpec) -> None:
        super().__init__(spec)
        self.register_buffer("mean", torch.full(spec.frame, 0.5))

    def decode(self, code: Tensor, conditions: Tensor, skips: tuple[Tensor, ...]) -> Tensor:
        return self.mean.expand(*code.shape[:2], -1, -1, -1)
