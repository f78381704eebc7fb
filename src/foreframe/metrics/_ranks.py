"""Ranks of what happened among the samples.

Letters: B clips, N samples, S predicted frames, K context frames, C channels, H height, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..clips import to_uint8
from ._moving import upper_fifth


def rank_histogram(samples: Tensor, truth: Tensor, context: Tensor) -> Tensor:
    """Return how often the truth has each rank among the samples, where the samples move: shares
    [B, N + 1] that sum to 1.

    Flat where samples are drawn from the true distribution; high at both ends where they differ
    too little, in the middle where they differ too much. Pixels are the fifth of each frame that
    the samples change most since the context; to choose them by what happened would make ranks of
    a perfect forecast uneven. Values are compared as bytes, and a tie counts in equal parts for
    every rank that it allows.

    Args:
        samples: [B, N, S, C, H, W] in [0, 1].
        truth: [B, S, C, H, W].
        context: [B, K, C, H, W].

    References: Hamill 2001, Interpretation of rank histograms for verifying ensemble forecasts;
        Lerch et al. 2017, Forecaster's dilemma, for the choice of pixels.
    """
    changes = (samples - context[:, None, -1:]).abs().mean(1)
    moving = upper_fifth(changes).expand_as(truth)
    drawn, true = to_uint8(samples), to_uint8(truth)[:, None]
    below, ties = (drawn < true).sum(1), (drawn == true).sum(1)
    rows = []
    for b in range(len(samples)):
        first, width = below[b][moving[b]], ties[b][moving[b]] + 1
        share = 1 / width.double()
        count = samples.shape[1] + 1
        steps = torch.zeros(count + 1, dtype=torch.float64, device=samples.device)
        steps.index_add_(0, first, share)
        steps.index_add_(0, first + width, -share)
        rows.append(steps.cumsum(0)[:count] / len(first))
    return torch.stack(rows)
