"""Structural similarity.

Letters: C channels, H height, W width; * any leading dimensions.
"""

from __future__ import annotations

import torch
from torch import Tensor

_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2  # for values in [0, 1]


def ssim(predicted: Tensor, truth: Tensor) -> Tensor:
    """SSIM with a Gaussian window of 11 pixels, sigma 1.5, valid positions only, L = 1, mean over channels: [*, C, H, W] -> [*].

    Source: Wang et al. 2004, equation 13. The same as scikit-image with `gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False, data_range=1` away from the borders.

    Raises:
        ValueError: pictures smaller than the window.
    """
    if min(predicted.shape[-2:]) < _WINDOW:
        raise ValueError(
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
    """The window's weighted mean at each valid position: [R, H, W] -> [R, H - 10, W - 10], as two products of matrices."""
    height, width = rows.shape[-2:]
    return _window(height, rows).T @ (rows @ _window(width, rows))


def _window(size: int, like: Tensor) -> Tensor:
    """A column for each valid position, with the Gaussian's weights around it: [size, size - 10]."""
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
