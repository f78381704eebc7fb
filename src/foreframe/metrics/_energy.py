"""The energy score of square patches.

Letters: B clips, N samples, S predicted frames, K context frames, C channels, H height, W width, P
    pixels per side of a patch, L patches.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ._metric import Metric


def fair_energy_score(samples: Tensor, truth: Tensor, patch: int) -> Tensor:
    """Return the energy score of each frame, a mean over its patches: [B, N, S, C, H, W] and
    [B, S, C, H, W] to [B, S].

    `E||x - y|| - E||x - x'|| / 2` of patches of `patch` x `patch` pixels as vectors, with the
    second mean over pairs of different samples; norms are divided by the root of the vector's
    length, so that figures of different patches compare. Patches at the lower and right border are
    smaller where the size is no multiple.

    References: Gneiting & Raftery 2007, Strictly proper scoring rules, prediction, and estimation,
        equation 22; Ferro 2014, Fair scores for ensemble forecasts, for the pairs.
    """
    error = _norms(samples - truth[:, None], patch).mean(1)
    return error - _distance_within(samples, patch) / 2


def _distance_within(samples: Tensor, patch: int) -> Tensor:
    """The mean distance of two different samples, [B, S]; 0 where there is one."""
    count = samples.shape[1]
    if count == 1:
        return samples.new_zeros(len(samples), samples.shape[2])
    total = sum(
        _norms(samples[:, i + 1 :] - samples[:, i : i + 1], patch).sum(1) for i in range(count - 1)
    )
    return torch.as_tensor(total) / (count * (count - 1) / 2)


def _norms(difference: Tensor, patch: int) -> Tensor:
    """The root mean square of each patch, a mean over patches weighted by their pixels.

    [B, N, S, C, H, W] -> [B, N, S].
    """
    squares = difference.square_().mean(3).flatten(0, 2)[:, None]
    height, width = squares.shape[-2:]
    side = min(patch, height), min(patch, width)
    means = F.avg_pool2d(squares, side, ceil_mode=True, count_include_pad=False)
    pixels = F.avg_pool2d(
        squares.new_ones(1, 1, height, width), side, ceil_mode=True, divisor_override=1
    )
    weighted = means.sqrt() * (pixels / (height * width))
    return weighted.flatten(1).sum(1).view(difference.shape[:3])


def energy_metric(patch: int) -> Metric:
    """Return the metric of patches of a size."""

    def of_frames(samples: Tensor, truth: Tensor, context: Tensor) -> Tensor:
        return fair_energy_score(samples, truth, patch)[:, None]

    name, title = f"energy_{patch}", f"energy {patch} px"
    return Metric(name, title, "", False, 4, of_frames, joint=True, proper=True, least=0.0)
