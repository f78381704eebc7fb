"""`crps`: the continuous ranked probability score of each number of a picture.

How far the samples, as a distribution, are from what happened: the absolute error of a single
sample, and less where the samples differ as much as they should. A blur cannot win by hedging, as
it does by PSNR: the score is best in expectation for the true distribution alone.

Letters: B clips, N samples, S predicted frames, K context frames, C channels, H height, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ._metric import Metric


def fair_crps(samples: Tensor, truth: Tensor) -> Tensor:
    """Return the CRPS of each frame, a mean over its numbers: [B, N, S, C, H, W] and
    [B, S, C, H, W] to [B, S].

    `E|x - y| - E|x - x'| / 2`, with the second mean over pairs of different samples, so that the
    expected score does not depend on N. One sample has its absolute error.

    References: Gneiting & Raftery 2007, Strictly proper scoring rules, prediction, and estimation,
        equation 21; Ferro 2014, Fair scores for ensemble forecasts, equation 7, for the pairs.

    >>> fair_crps(torch.tensor([0.0, 1.0]).view(1, 2, 1, 1, 1, 1), torch.zeros(1, 1, 1, 1, 1))
    tensor([[0.]])
    """
    error = (samples - truth[:, None]).abs().flatten(3).mean(3).mean(1)
    return error - _distance_within(samples) / 2


def _distance_within(samples: Tensor) -> Tensor:
    """The mean absolute difference of two different samples, [B, S]; 0 where there is one."""
    count = samples.shape[1]
    if count == 1:
        return samples.new_zeros(len(samples), samples.shape[2])
    total = sum(
        (samples[:, i + 1 :] - samples[:, i : i + 1]).abs_().flatten(3).mean(3).sum(1)
        for i in range(count - 1)
    )
    return torch.as_tensor(total) / (count * (count - 1) / 2)


def _of_frames(samples: Tensor, truth: Tensor, context: Tensor) -> Tensor:
    return fair_crps(samples, truth)[:, None]


METRIC = Metric("crps", "CRPS", "", False, 4, _of_frames, joint=True, proper=True, least=0.0)
