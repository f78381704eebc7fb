"""Convolutions as large as their picture: linear maps between a picture and a vector.

A convolution library reorders a million weights for every call; a matrix product does not.
The parameters, their names and the function are those of the convolution. Letters: R rows, D
channels, H height, W width.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class PictureToVector(nn.Conv2d):
    """`Conv2d` of kernel H x W: [R, D, H, W] -> [R, G]."""

    def __init__(self, inputs: int, outputs: int, size: tuple[int, int]) -> None:
        super().__init__(inputs, outputs, size)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(
            _channels_last(x).flatten(1), _channels_last(self.weight).flatten(1), self.bias
        )


class VectorToPicture(nn.ConvTranspose2d):
    """`ConvTranspose2d` of kernel H x W: [R, G] -> [R, D, H, W], channels last in memory."""

    def __init__(self, inputs: int, outputs: int, size: tuple[int, int]) -> None:
        super().__init__(inputs, outputs, size)

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        weight = _channels_last(self.weight)  # [G, H, W, D]
        made = (x @ weight.flatten(1)).unflatten(1, weight.shape[1:])
        assert self.bias is not None
        return (made + self.bias.to(made.dtype)).movedim(-1, 1)


def _channels_last(x: Tensor) -> Tensor:
    """[*, D, H, W] -> [*, H, W, D], as it lies in memory."""
    return x.movedim(1, -1)
