"""Bring conditions of different scales to one scale.

Letters: A condition.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..clips import ClipSpec

_BOUND = 5.0


class Standardise(nn.Module):
    """Standardise each column with the statistics of the training split: (x - mean) / std.

    A constant column becomes 0, an image stays as it is.
    Values are clamped to 5 standard deviations: a joint that hardly moved in training must not
    dominate when it does move.
    The statistics are part of the model's configuration, not of its weights.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, spec: ClipSpec) -> None:
        super().__init__()
        width = len(spec.names)
        mean = torch.tensor(spec.mean if width else [0.0], dtype=torch.float32)
        std = torch.tensor(spec.std if width else [1.0], dtype=torch.float32)
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer(
            "std", torch.where(std > 1e-8, std, torch.ones_like(std)), persistent=False
        )

    def forward(self, conditions: Tensor) -> Tensor:
        """Map [..., *A] to [..., *A]."""
        if conditions.shape[-1] == 0:
            return conditions
        return ((conditions.to(self.mean.dtype) - self.mean) / self.std).clamp(-_BOUND, _BOUND)
