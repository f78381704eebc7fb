"""`spread_skill`: how much the samples differ, over how far their mean is from what happened.

1 where samples are drawn from the true distribution; below 1 the model is overconfident, at 0 its
samples are all the same.

Letters: B clips, N samples, S predicted frames, K context frames, C channels, H height, W width.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ._metric import Array, Metric

_NOTHING = 1e-12  # variance; samples that agree and are right are calibrated


def variance(samples: Tensor) -> Tensor:
    """Return the variance over samples, a mean over numbers of a frame; 0 of one sample.

    Sample by sample, which is many times faster than over a dimension in the middle.
    Shapes: [B, N, S, C, H, W] -> [B, S].
    """
    mean = samples.mean(1)
    total = torch.stack([(one - mean).square_().flatten(2).mean(2) for one in samples.unbind(1)])
    return total.sum(0) / max(1, samples.shape[1] - 1)


def _of_frames(samples: Tensor, truth: Tensor, context: Tensor) -> Tensor:
    """The expected squared error of the mean by the spread, and the real one: [B, 1, S, 2].

    References: Fortin et al. 2014, Why should ensemble spread match the RMSE of the ensemble
        mean?, equation 15, for the factor (N + 1) / N.
    """
    count = samples.shape[1]
    spread = variance(samples) * ((count + 1) / count)
    error = (samples.mean(1) - truth).square_().flatten(2).mean(2)
    return torch.stack([spread, error], -1)[:, None]


def _ratio(parts: Array) -> Array:
    return np.asarray(np.sqrt((parts[..., 0] + _NOTHING) / (parts[..., 1] + _NOTHING)))


METRIC = Metric(
    "spread_skill",
    "spread/skill",
    "",
    None,
    2,
    _of_frames,
    joint=True,
    combine=_ratio,
    least_samples=2,
    least=0.0,
)
