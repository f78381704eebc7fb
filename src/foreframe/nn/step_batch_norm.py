"""Batch normalisation per time step.

Letters: B batch, S steps, D channels, H height, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class StepBatchNorm(nn.BatchNorm2d):
    """Batch normalisation of all steps in one call, with separate statistics for each step.

    It computes what a loop computes that calls a network once per frame, and so normalises each
    frame over the batch.
    Running statistics are updated step after step, as in that loop.
    Rows are ordered step after step (see `fold_steps`).
    """

    def forward(self, rows: Tensor, steps: int) -> Tensor:  # type: ignore[override]
        """Normalise rows [S * B, D, H, W]."""
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
