"""`grey`: the baseline that shows the mean brightness of the training split."""

import torch
from torch import Tensor

from foreframe.baselines import TrainingStatistics, copy_last
from foreframe.clips import ClipSpec


class Grey(copy_last.CopyLast):
    """Show one grey."""

    level: Tensor

    def __init__(self, spec: ClipSpec) -> None:
        super().__init__(spec)
        self.register_buffer("level", torch.tensor(0.5))

    def fit(self, statistics: TrainingStatistics) -> None:
        self.level.copy_(statistics.mean_frame.mean())

    def decode(self, code: Tensor, conditions: Tensor, skips: tuple[Tensor, ...]) -> Tensor:
        return self.level.expand(*code.shape[:2], *self.spec.frame)
