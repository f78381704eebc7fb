"""Batch and time as one dimension, for layers that know of no time.

Letters: B batch, S steps.
"""

from __future__ import annotations

import torch
from torch import Tensor


def fold(frames: Tensor) -> Tensor:
    """[B, S, *] -> [B * S, *]; pictures come out channels-last in memory, which convolutions like best."""
    folded = frames.flatten(0, 1)
    return folded.contiguous(memory_format=torch.channels_last) if folded.ndim == 4 else folded


def unfold(rows: Tensor, steps: int) -> Tensor:
    """[B * S, *] -> [B, S, *]."""
    return rows.unflatten(0, (-1, steps))
