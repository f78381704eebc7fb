"""Batch and time as a single dimension, for layers without time.

Letters: B batch, S steps.
Rows are clip after clip, or step after step: the second where a layer normalises over all clips of
a step, whose rows are then adjacent.
"""

from __future__ import annotations

import torch
from torch import Tensor


def fold(frames: Tensor) -> Tensor:
    """[B, S, *] -> [B * S, *], clip after clip.

    Pictures come out channels-last in memory, which convolutions like best.
    """
    return _channels_last(frames.flatten(0, 1))


def unfold(rows: Tensor, steps: int) -> Tensor:
    """[B * S, *] -> [B, S, *]."""
    return rows.unflatten(0, (-1, steps))


def fold_steps(frames: Tensor) -> Tensor:
    """[B, S, *] -> [S * B, *], step after step; pictures come out channels-last in memory."""
    return _channels_last(frames.transpose(0, 1).flatten(0, 1))


def unfold_steps(rows: Tensor, steps: int) -> Tensor:
    """[S * B, *] -> [B, S, *]."""
    return rows.unflatten(0, (steps, -1)).transpose(0, 1)


def _channels_last(rows: Tensor) -> Tensor:
    return rows.contiguous(memory_format=torch.channels_last) if rows.ndim == 4 else rows
