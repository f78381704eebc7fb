"""Peak signal-to-noise ratio, in dB, of pictures with values in [0, 1].

Letters: C channels, H height, W width; * any leading dimensions.
"""

from __future__ import annotations

from torch import Tensor

_SMALLEST_MSE = 1e-10  # identical pictures have 100 dB, so that means stay finite


def psnr(predicted: Tensor, truth: Tensor) -> Tensor:
    """10 log10(1 / MSE) of each picture, the mean taken over all its numbers: [*, C, H, W] -> [*].

    >>> import torch
    >>> psnr(torch.zeros(1, 3, 2, 2), torch.full((1, 3, 2, 2), 0.1))
    tensor([20.])
    """
    return _decibels((predicted - truth).square().flatten(-3).mean(-1))


def psnr_of_channels(predicted: Tensor, truth: Tensor) -> Tensor:
    """The mean over colour channels of each channel's PSNR, as SVG's and the coursework's evaluators do: [*, C, H, W] -> [*]."""
    return _decibels((predicted - truth).square().flatten(-2).mean(-1)).mean(-1)


def _decibels(mse: Tensor) -> Tensor:
    return -10 * mse.clamp_min(_SMALLEST_MSE).log10()
