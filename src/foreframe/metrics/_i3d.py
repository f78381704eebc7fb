"""I3D: Inception of three dimensions, a classifier of videos, for its features.

Letters: V videos, T frames, C channels, H height, W width. Tensors are [V, C, T, H, W], and layers
have the names of the weights that are published for PyTorch.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_Sides = tuple[int, int, int]

# width of the four branches: 1x1; 1x1 and then 3x3; 1x1 and then 3x3; pooled and then 1x1
_MIXED = {
    "Mixed_3b": (192, (64, 96, 128, 16, 32, 32)),
    "Mixed_3c": (256, (128, 128, 192, 32, 96, 64)),
    "Mixed_4b": (480, (192, 96, 208, 16, 48, 64)),
    "Mixed_4c": (512, (160, 112, 224, 24, 64, 64)),
    "Mixed_4d": (512, (128, 128, 256, 24, 64, 64)),
    "Mixed_4e": (512, (112, 144, 288, 32, 64, 64)),
    "Mixed_4f": (528, (256, 160, 320, 32, 128, 128)),
    "Mixed_5b": (832, (256, 160, 320, 32, 128, 128)),
    "Mixed_5c": (832, (384, 192, 384, 48, 128, 128)),
}
_CLASSES = 400


def _same(videos: Tensor, kernel: _Sides, stride: _Sides) -> Tensor:
    """Pad with zeros as TensorFlow does: an output has 1 / stride of the input, rounded up."""
    sides: list[int] = []
    for size, k, s in zip(reversed(videos.shape[2:]), reversed(kernel), reversed(stride)):
        missing = max(k - (size % s or s), 0)
        sides += [missing // 2, missing - missing // 2]
    return F.pad(videos, sides)


class _Unit(nn.Module):
    """A convolution, batch normalisation and ReLU."""

    def __init__(self, inputs: int, outputs: int, side: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.kernel, self.stride = (side,) * 3, (stride,) * 3
        self.conv3d = nn.Conv3d(inputs, outputs, self.kernel, self.stride, bias=False)
        self.bn = nn.BatchNorm3d(outputs)

    def forward(self, videos: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv3d(_same(videos, self.kernel, self.stride))))


class _Pool(nn.Module):
    def __init__(self, kernel: _Sides, stride: _Sides) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, videos: Tensor) -> Tensor:
        return F.max_pool3d(_same(videos, self.kernel, self.stride), self.kernel, self.stride)


class _Mixed(nn.Module):
    def __init__(self, inputs: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.b0 = _Unit(inputs, widths[0])
        self.b1a, self.b1b = _Unit(inputs, widths[1]), _Unit(widths[1], widths[2], 3)
        self.b2a, self.b2b = _Unit(inputs, widths[3]), _Unit(widths[3], widths[4], 3)
        self.b3a, self.b3b = _Pool((3, 3, 3), (1, 1, 1)), _Unit(inputs, widths[5])

    def forward(self, videos: Tensor) -> Tensor:
        branches = [
            self.b0(videos),
            self.b1b(self.b1a(videos)),
            self.b2b(self.b2a(videos)),
            self.b3b(self.b3a(videos)),
        ]
        return torch.cat(branches, 1)


class _Logits(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(1024, _CLASSES, 1)

    def forward(self, videos: Tensor) -> Tensor:
        return self.conv3d(videos)


class I3D(nn.Sequential):
    """Features of videos: the 400 logits of Kinetics, a mean over time.

    References: Carreira & Zisserman 2017, Quo vadis, action recognition? A new model and the
        Kinetics dataset, figure 3.
    """

    SIDE, LEAST_FRAMES = 224, 9  # the pool before the logits spans two times eight frames

    def __init__(self) -> None:
        def mixed(*names: str) -> list[tuple[str, nn.Module]]:
            return [(f"Mixed_{name}", _Mixed(*_MIXED[f"Mixed_{name}"])) for name in names]

        layers: list[tuple[str, nn.Module]] = [
            ("Conv3d_1a_7x7", _Unit(3, 64, 7, 2)),
            ("MaxPool3d_2a_3x3", _Pool((1, 3, 3), (1, 2, 2))),
            ("Conv3d_2b_1x1", _Unit(64, 64)),
            ("Conv3d_2c_3x3", _Unit(64, 192, 3)),
            ("MaxPool3d_3a_3x3", _Pool((1, 3, 3), (1, 2, 2))),
            *mixed("3b", "3c"),
            ("MaxPool3d_4a_3x3", _Pool((3, 3, 3), (2, 2, 2))),
            *mixed("4b", "4c", "4d", "4e", "4f"),
            ("MaxPool3d_5a_2x2", _Pool((2, 2, 2), (2, 2, 2))),
            *mixed("5b", "5c"),
            ("avg_pool", nn.AvgPool3d((2, 7, 7), 1)),
            ("logits", _Logits()),
        ]
        super().__init__(OrderedDict(layers))

    def forward(self, videos: Tensor) -> Tensor:
        """[V, 3, T, 224, 224] in [-1, 1] -> [V, 400]."""
        return super().forward(videos).mean((2, 3, 4))
