"""`ssim`: structural similarity.

Letters: B clips, N samples, S predicted frames, C channels, H height, W width, P pixels per side of
    the window; * any leading dimensions.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError
from ._metric import Metric, Score


@dataclass(frozen=True)
class Window:
    """The neighbourhood over which SSIM compares pictures, and what it takes for their range.

    Attributes:
        weights: along one side, P of them, whose sum is 1.
        value_range: L: the difference of the largest and the smallest value that are possible.
        unbiased: whether variances are divided by the number of pixels less 1.
    """

    weights: tuple[float, ...]
    value_range: float = 1.0
    unbiased: bool = False


def _gaussian(size: int, sigma: float) -> tuple[float, ...]:
    offsets = torch.arange(size, dtype=torch.float64) - size // 2
    weights = torch.exp(-(offsets**2) / (2 * sigma**2))
    return tuple((weights / weights.sum()).tolist())


_GAUSSIAN_11 = Window(_gaussian(11, 1.5))
_UNIFORM_7 = Window((1 / 7,) * 7, unbiased=True)
_UNIFORM_7_L2 = dataclasses.replace(_UNIFORM_7, value_range=2.0)


def ssim(predicted: Tensor, truth: Tensor, window: Window = _GAUSSIAN_11) -> Tensor:
    """Return the SSIM of each picture, a mean over valid positions and channels.

    With the usual window, Gaussian of 11 pixels and sigma 1.5, and L = 1, the same as scikit-image
    with `gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1` away from the
    borders. Shapes: [*, C, H, W] -> [*].

    Raises:
        InputError: pictures smaller than the window.

    References: Wang et al. 2004, Image quality assessment: from error visibility to structural
        similarity, equation 13.
    """
    side = len(window.weights)
    if min(predicted.shape[-2:]) < side:
        raise InputError(
            f"SSIM needs pictures of at least {side}x{side}, got {list(predicted.shape[-2:])}"
        )
    shape = torch.broadcast_shapes(predicted.shape, truth.shape)
    x, y = predicted.double(), truth.double()  # not expanded: samples share what is the truth's
    mean_x, mean_y = _blur(x, window), _blur(y, window)
    factor = side**2 / (side**2 - 1) if window.unbiased else 1.0
    var_x, var_y = (_blur(t * t, window) - m**2 for t, m in ((x, mean_x), (y, mean_y)))
    product = mean_x * mean_y
    covariance = _blur(x * y, window) - product
    c1, c2 = ((k * window.value_range) ** 2 for k in (0.01, 0.03))
    luminance = (2 * product + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * factor * covariance + c2) / (factor * (var_x + var_y) + c2)
    return (luminance * structure).mean((-2, -1)).expand(shape[:-2]).mean(-1).float()


def _blur(rows: Tensor, window: Window) -> Tensor:
    """Return the window's weighted mean at each valid position.

    [*, H, W] -> [*, H - P + 1, W - P + 1].
    """
    height, width = rows.shape[-2:]
    return _band(height, window, rows).T @ (rows @ _band(width, window, rows))


def _band(size: int, window: Window, like: Tensor) -> Tensor:
    """Return a column for each valid position, with the weights around it.

    [size, size - P + 1].
    """
    weights = torch.tensor(window.weights, dtype=like.dtype, device=like.device)
    valid = size - len(weights) + 1
    band = like.new_zeros(size, valid)
    for offset, weight in enumerate(weights):
        band.diagonal(-offset)[:valid] = weight
    return band


def luma_of_bytes(pictures: Tensor) -> Tensor:
    """Return grey pictures as Pillow makes them of truncated bytes, in [0, 1].

    [*, C, H, W] -> [*, 1, H, W]; the luma of ITU-R 601 of three channels, else their mean.
    """
    values = (pictures.double() * 255 + 1e-3).clamp(0, 255).floor()  # 1e-3: k / 255 is k again
    if values.shape[-3] != 3:
        return values.mean(-3, keepdim=True) / 255
    red, green, blue = values.unbind(-3)
    grey = ((19595 * red + 38470 * green + 7471 * blue + 32768) / 65536).floor()
    return grey.unsqueeze(-3) / 255


def _with(window: Window) -> Score:
    def of_frames(samples: Tensor, truth: Tensor, context: Tensor) -> Tensor:
        return ssim(samples, truth[:, None], window)

    return of_frames


def _of_grey(samples: Tensor, truth: Tensor, context: Tensor) -> Tensor:
    return ssim(luma_of_bytes(samples), luma_of_bytes(truth)[:, None])


_EACH = "valid positions, mean over channels"

METRIC = Metric(
    "ssim",
    "SSIM",
    "",
    True,
    3,
    _with(_GAUSSIAN_11),
    variant=f"Gaussian window of 11 pixels, sigma 1.5, L = 1, {_EACH}",
    least=-1.0,
    most=1.0,
)
"""As in TensorFlow, piqa, SRVP's `ssim_loss` and Finn's `finn_ssim`."""

UNIFORM_7 = dataclasses.replace(
    METRIC,
    function=_with(_UNIFORM_7),
    variant=f"uniform window of 7x7 pixels, sample covariance, L = 1, {_EACH}",
)
"""As scikit-image has it by default for values in [0, 1]."""

UNIFORM_7_L2 = dataclasses.replace(
    METRIC,
    function=_with(_UNIFORM_7_L2),
    variant=f"uniform window of 7x7 pixels, sample covariance, L = 2 by accident, {_EACH}",
)
"""As in SVG's `eval_seq` and OpenSTL: scikit-image took [-1, 1] for the range of any floats, and
the figure comes out higher."""

GREY = dataclasses.replace(
    METRIC,
    function=_of_grey,
    variant="of grey pictures of truncated bytes, Gaussian window of 11 pixels, sigma 1.5, L = 1, "
    "valid positions",
)
"""As in MCVD's `video_gen`."""
