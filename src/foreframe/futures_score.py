"""Scores of sampled futures as objectives: differentiable, proper, fair.

A model that minimises one draws samples from the distribution of what can happen: the score is
best, in expectation, for that distribution alone, and the expectation does not depend on how many
samples are drawn.
No posterior and no weight of a KL is needed: what is trained is what is sampled.

Letters: B clips, N samples, S frames, C channels, H height, W width, P pixels per side.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import combinations

import torch
from torch import Tensor
from torch.nn import functional as F

FuturesScore = Callable[[Tensor, Tensor], Tensor]
"""Samples [B, N, S, C, H, W] and what happened [B, S, C, H, W] to scores of frames [B, S]."""

_POOLS = (1, 2, 4, 8)
_PATCHES = (1, 4, 16)
_SMALLEST = 1e-10  # squared distance, so that the root has a gradient where samples are equal


def pooled_crps(samples: Tensor, truth: Tensor) -> Tensor:
    """Return the fair CRPS of each number, a mean over pictures of full size and average-pooled by
    2, 4 and 8.

    Pooling makes neighbours count together, so that coarse structure is scored as well as pixels.

    References: Gneiting & Raftery 2007, equation 21; Ferro 2014 for fairness; Lang et al. 2024
        (AIFS-CRPS, arXiv 2412.15832) for training by it.

    >>> pooled_crps(torch.ones(1, 2, 1, 3, 8, 8), torch.zeros(1, 1, 3, 8, 8))
    tensor([[1.]])
    """
    sizes = [by for by in _POOLS if by <= min(samples.shape[-2:])]
    scores = [_fair(_pool(samples, by), _pool(truth, by), _mean_absolute) for by in sizes]
    return torch.stack(scores).mean(0)


def patch_energy(samples: Tensor, truth: Tensor) -> Tensor:
    """Return the fair energy score of patches of 1, 4 and 16 pixels as vectors, a mean over all.

    References: Gneiting & Raftery 2007, equation 22; Ferro 2014 for fairness.

    >>> patch_energy(torch.ones(1, 2, 1, 3, 8, 8), torch.zeros(1, 1, 3, 8, 8))
    tensor([[1.0000]])
    """
    scores = [_fair(samples, truth, partial(_patch_norm, patch)) for patch in _PATCHES]
    return torch.stack(scores).mean(0)


def _mean_absolute(difference: Tensor) -> Tensor:
    return difference.abs().mean((2, 3, 4))


def _patch_norm(patch: int, difference: Tensor) -> Tensor:
    squares = difference.square().mean(2)
    side = min(patch, *squares.shape[-2:])
    means = F.avg_pool2d(squares, side, ceil_mode=True, count_include_pad=False)
    return means.clamp_min(_SMALLEST).sqrt().mean((2, 3))


def _pool(frames: Tensor, by: int) -> Tensor:
    """Pictures [*, C, H, W] average-pooled."""
    if by == 1:
        return frames
    small = F.avg_pool2d(frames.flatten(0, -4), by, ceil_mode=True, count_include_pad=False)
    return small.view(*frames.shape[:-2], *small.shape[-2:])


def _fair(samples: Tensor, truth: Tensor, distance: Callable[[Tensor], Tensor]) -> Tensor:
    """The mean distance from the truth, less half that of two different samples: [B, S].

    `distance` is a norm of differences [B, S, C, H, W].
    """
    drawn = samples.unbind(1)
    error = torch.stack([distance(sample - truth) for sample in drawn]).mean(0)
    pairs = [distance(one - other) for one, other in combinations(drawn, 2)]
    return error - torch.stack(pairs).mean(0) / 2 if pairs else error


SCORES: dict[str, FuturesScore] = {"crps": pooled_crps, "energy": patch_energy}
