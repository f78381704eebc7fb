"""Enlarge and convolve pictures in one step.

Letters: R rows, D channels, H height, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_NARROW, _MANY_PIXELS = 128, 2048  # bounds within which the transposed convolution is faster


class UpConv2d(nn.Module):
    """Nearest-neighbour upsampling by 2 and a 3x3 convolution: [R, D, H, W] -> [R, D', 2 H, 2 W].

    Several of the nine pixels under the kernel are copies, so each result depends on 2x2 pixels of
    the input.
    A transposed convolution of stride 2 with 4x4 sums of the weights is the same function, with
    four multiplications instead of nine and without the enlarged picture in memory.
    It is used where there are enough pixels to pay for the sums.
    """

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__()
        self.narrow = max(inputs, outputs) <= _NARROW
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        pixels = x.shape[0] * x.shape[2] * x.shape[3]
        if not self.narrow or pixels < _MANY_PIXELS:
            return self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))
        return F.conv_transpose2d(x, _summed(self.conv.weight), self.conv.bias, stride=2, padding=1)


def _summed(weight: Tensor) -> Tensor:
    """Return the kernel of the transposed convolution [D, D', 4, 4] from weights [D', D, 3, 3]."""
    outputs, inputs = weight.shape[:2]
    # The results that each tap of the 3-wide kernel adds to.
    taps = weight.new_tensor([[0, 0, 1, 1], [0, 1, 1, 0], [1, 1, 0, 0]])
    both = torch.einsum("km,ln->klmn", taps, taps).reshape(9, 16)
    return (weight.transpose(0, 1).reshape(-1, 9) @ both).view(inputs, outputs, 4, 4)
