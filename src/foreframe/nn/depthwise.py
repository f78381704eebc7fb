"""Residual blocks for full resolution: plain ones, and depthwise ones with a gated part.

Letters: R rows (batch, or batch and time), I and O channels, H height, W width.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


def _shortcut(inputs: int, outputs: int) -> nn.Module:
    return nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)


class PlainResidualBlock(nn.Module):
    """Two 3x3 convolutions with a LeakyReLU(0.01) after each, and a shortcut.

    It maps [R, I, H, W] to [R, O, H, W].
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = _shortcut(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        hidden = F.leaky_relu_(self.conv1(x), 0.01)
        return F.leaky_relu_(self.conv2(hidden), 0.01) + self.shortcut(x)


class DepthwiseBlock(nn.Module):
    """Pointwise, depthwise 3x3 and pointwise convolutions with a shortcut, then a gated part.

    It maps [R, I, H, W] to [R, O, H, W].
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(inputs, inputs, 1)
        self.depthwise = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs)
        self.leave = nn.Conv2d(inputs, outputs, 1)
        self.shortcut = _shortcut(inputs, outputs)
        self.widen = nn.Conv2d(outputs, 4 * outputs, 1)
        self.narrow = nn.Conv2d(2 * outputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.leave(self.depthwise(F.leaky_relu_(self.enter(x), 0.01))) + self.shortcut(x)
        value, gate = self._widened(x)
        return x + self.narrow(value * F.leaky_relu_(gate, 0.1))

    def _widened(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Compute both halves of `widen` separately, so that each is contiguous.

        The halves of one channels-last picture would not be.
        """
        weights, biases = self.widen.weight.chunk(2), self.widen.bias.chunk(2)  # type: ignore[union-attr]
        return F.conv2d(x, weights[0], biases[0]), F.conv2d(x, weights[1], biases[1])
