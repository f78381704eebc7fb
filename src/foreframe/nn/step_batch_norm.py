"""Batch normalisation that knows about time.

Letters: B batch, S steps, D channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class StepBatchNorm(nn.BatchNorm2d):
    """BatchNorm over [B, S, D, H, W] whose training statistics are those of each step alone.

    A loop that calls a network once a frame normalises each frame over the batch; doing all steps in one call must not
    change that function. Running statistics are updated step after step, as that loop would.
    """

    def forward(self, x: Tensor) -> Tensor:
        """[B, S, D, H, W] -> the same."""
        if not self.training:
            return super().forward(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        return torch.stack([self._step(frame) for frame in x.unbind(1)], 1)

    def _step(self, frame: Tensor) -> Tensor:
        self.num_batches_tracked.add_(1)  # type: ignore[union-attr]
        return F.batch_norm(
            frame, self.running_mean, self.running_var, self.weight, self.bias, True, self.momentum or 0.0, self.eps
        )

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002 - PyTorch's name
        if input.ndim not in (4, 5):
            raise ValueError(f"expected [B, S, D, H, W], got {list(input.shape)}")
