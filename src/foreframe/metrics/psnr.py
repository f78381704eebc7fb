"""`psnr`: peak signal-to-noise ratio, in dB, of pictures with values in [0, 1].

Letters: B clips, N samples, S predicted frames, C channels, H height, W width; * any leading
    dimensions.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from torch import Tensor

from ._metric import Array, Metric

_SMALLEST_MSE = 1e-10  # identical pictures have 100 dB, so that means stay finite
_EPSILON = 1e-8  # of piqa


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


def _of_frames_plus_epsilon(samples: Tensor, truth: Tensor, context: Tensor) -> Tensor:
    return -10 * ((samples - truth[:, None]).square_().flatten(3).mean(3) + _EPSILON).log10()


def _of_mean_error(values: Array) -> Array:
    """The PSNR of a clip's mean MSE, of the PSNR of its frames: [..., S] -> [...]."""
    return np.asarray(-10 * np.log10((10 ** (-values / 10)).mean(-1)))


METRIC = Metric(
    "psnr",
    "PSNR",
    "dB",
    True,
    2,
    _of_frames,
    variant="of each frame, its MSE over all channels",
    least=0.0,
)

PER_CHANNEL = dataclasses.replace(
    METRIC,
    function=_of_channels,
    variant="of each channel of each frame, then the mean over channels",
)
"""As in SVG's `eval_seq`, SRVP's `test.py` and the coursework."""

OF_CLIP = dataclasses.replace(
    METRIC,
    over_frames=_of_mean_error,
    variant="of the mean MSE of a clip's frames, one figure for each clip",
)
"""As in MCVD's `video_gen`; never above the mean over frames, far below it where a rollout drifts.

The figures of frames are of each frame.
"""

PLUS_EPSILON = dataclasses.replace(
    METRIC,
    function=_of_frames_plus_epsilon,
    variant="of each frame, 1e-8 added to its MSE: 80 dB for identical pictures",
)
"""As in the package piqa, which iVideoGPT and Nano World Models use."""
