"""`ssim`: structural similarity.

Letters: B clips, N samples, S predicted frames, C channels, H height, W width; * any leading
    dimensions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import InputError
from ._metric import Metric

_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2  # for values in [0, 1]


def ssim(predicted: Tensor, truth: Tensor) -> Tensor:
    """Return the SSIM of each picture: Gaussian window of 11 pixels, sigma 1.5, valid positions, L
    = 1, mean over channels.

    The same as scikit-image with `gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
    data_range=1` away from the borders. Shapes: [*, C, H, W] -> [*].

    Raises:
        InputError: pictures smaller than the window.

    References: Wang et al. 2004, Image quality assessment: from error visibility to structural
        similarity, equation 13.
    """
    if min(predicted.shape[-2:]) < _WINDOW:
        raise InputError(
            f"SSIM needs pictures of at least {_WINDOW}x{_WINDOW}, got {list(predicted.shape[-2:])}"
        )
    shape = torch.broadcast_shapes(predicted.shape, truth.shape)
    x, y = (t.expand(shape).reshape(-1, *shape[-2:]).double() for t in (predicted, truth))
    mean_x, mean_y = _blur(x), _blur(y)
    var_x, var_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    structure = (2 * covariance + _C2) / (var_x + var_y + _C2)
    return (luminance * structure).mean((1, 2)).reshape(shape[:-2]).mean(-1).float()


def _blur(rows: Tensor) -> Tensor:
    """Return the window's weighted mean at each valid position.

    [R, H, W] -> [R, H - 10, W - 10].
    """
    height, width = rows.shape[-2:]
    return _window(height, rows).T @ (rows @ _window(width, rows))


def _window(size: int, like: Tensor) -> Tensor:
    """Return a column for each valid position, with the Gaussian's weights around it.

    [size, size - 10].
    """
    valid = size - _WINDOW + 1
    offsets = (
        torch.arange(size, device=like.device)[:, None]
        - torch.arange(valid, device=like.device)
        - _WINDOW // 2
    )
    weights = torch.exp(-(offsets.to(like.dtype) ** 2) / (2 * _SIGMA**2)) * (
        offsets.abs() <= _WINDOW // 2
    )
    return weights / weights.sum(0)


def _of_frames(samples: Tensor, truth: Tensor, context: Tensor) -> Tensor:
    return ssim(samples, truth[:, None])


METRIC = Metric("ssim", "SSIM", "", True, 3, _of_frames)
