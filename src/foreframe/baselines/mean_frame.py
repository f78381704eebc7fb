"""`mean_frame`: the baseline that knows the scene and nothing else.

Every future frame is the training data's mean picture.

Letters: B batch, S steps, C channels, H height, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..clips import ClipSpec
from ._baseline import TrainingStatistics
from .copy_last import CopyLast


class MeanFrame(CopyLast):
    """Show the training split's mean picture.

    Attributes:
        mean: the picture [C, H, W], a weight like any other; mid-grey until it is fitted.
    """

    mean: Tensor

    def __init__(self, spec: ClipSpec) -> None:
        super().__init__(spec)
        self.register_buffer("mean", torch.full(spec.frame, 0.5))

    def fit(self, statistics: TrainingStatistics) -> None:
        self.mean.copy_(statistics.mean_frame)

    def decode(self, code: Tensor, conditions: Tensor, skips: tuple[Tensor, ...]) -> Tensor:
        return self.mean.expand(*code.shape[:2], -1, -1, -1)
