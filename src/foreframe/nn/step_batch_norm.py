"""Batch normalisation per time step.

Letters: B batch, S steps, D channels, H height, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class StepBatchNorm(nn.BatchNorm2d):
    """BatchNorm over rows that are step after step (see `fold_steps`).

    Training statistics are separate for each step.
    A loop that calls a network once per frame normalises each frame over the batch; all steps in
    one call compute the same.
    Running statistics are updated step after step, as that loop would.
    """

    def forward(self, rows: Tensor, steps: int) -> Tensor:  # type: ignore[override]
        """[S * B, D, H, W] -> the same."""
        if not self.training:
            return super().forward(rows)
        return torch.cat([self._step(frame) for frame in rows.chunk(steps)])

    def _step(self, frame: Tensor) -> Tensor:
        self.num_batches_tracked.add_(1)  # type: ignore[union-attr]
        return F.batch_norm(
            frame,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            True,
            self.momentum or 0.0,
            self.eps,
        )
