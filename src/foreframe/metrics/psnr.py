"""`psnr`: peak signal-to-noise ratio, in dB, of pictures with values in [0, 1].

Letters: B clips, N samples, S predicted frames, C channels, H height, W width; * any leading
    dimensions.
"""

from __future__ import annotations

from torch import Tensor

from ._metric import Metric

_SMALLEST_MSE = 1e-10  # identical pictures have 100 dB, so that means stay finite


def psnr(predicted: Tensor, truth: Tensor) -> Tensor:
    """Return 10 log10(1 / MSE) of each picture, the MSE over all its values: [*, C, H, W] -> [*].

    >>> import torch
    >>> psnr(torch.zeros(1, 3, 2, 2), torch.full((1, 3, 2, 2), 0.1))
    tensor([20.])
    """
    return decibels((predicted - truth).square().flatten(-3).mean(-1))


def psnr_of_channels(predicted: Tensor, truth: Tensor) -> Tensor:
    """Return the mean over colour channels of each channel's PSNR, as SVG's and the coursework's
    evaluators do.

    Shapes: [*, C, H, W] -> [*].
    """
    return decibels((predicted - truth).square().flatten(-2).mean(-1)).mean(-1)


def decibels(mse: Tensor) -> Tensor:
    """Return 10 log10(1 / MSE) of mean squared errors; 100 dB for none."""
    return -10 * mse.clamp_min(_SMALLEST_MSE).log10()


def _of_frames(samples: Tensor, truth: Tensor, context: Tensor) -> Tensor:
    return psnr(samples, truth[:, None])


def _of_channels(samples: Tensor, truth: Tensor, context: Tensor) -> Tensor:
    return psnr_of_channels(samples, truth[:, None])


METRIC = Metric("psnr", "PSNR", "dB", True, 2, _of_frames)
PER_CHANNEL = Metric("psnr", "PSNR", "dB", True, 2, _of_channels)
