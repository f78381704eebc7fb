"""Convolutions as large as their picture: linear maps between a picture and a vector.

A convolution library reorders a million weights at every call; a matrix product does not.
Function, parameters and their names are those of the convolution.

Letters: R rows, D channels, G vector, H height, W width.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class PictureToVector(nn.Conv2d):
    """A `Conv2d` with a kernel of H x W, which maps [R, D, H, W] to [R, G]."""

    def __init__(self, inputs: int, outputs: int, size: tuple[int, int]) -> None:
        super().__init__(inputs, outputs, size)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(
            _channels_last(x).flatten(1), _channels_last(self.weight).flatten(1), self.bias
        )


class VectorToPicture(nn.ConvTranspose2d):
    """A `ConvTranspose2d` with a kernel of H x W, which maps [R, G] to [R, D, H, W].

    The picture is channels-last in memory.
    """

    def __init__(self, inputs: int, outputs: int, size: tuple[int, int]) -> None:
        super().__init__(inputs, outputs, size)

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        weight = _channels_last(self.weight)  # [G, H, W, D]
        made = (x @ weight.flatten(1)).unflatten(1, weight.shape[1:])
        assert self.bias is not None
        return (made + self.bias.to(made.dtype)).movedim(-1, 1)


def _channels_last(x: Tensor) -> Tensor:
    """Return [*, D, H, W] as [*, H, W, D], its order in memory."""
    return x.movedim(1, -1)
