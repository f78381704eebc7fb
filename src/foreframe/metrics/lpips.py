"""`lpips`: learned perceptual image patch similarity, of the features of a network that classifies
pictures.

No weights come with this package: it is computed where a file of the network's features and one of
the heads are given.

Letters: B clips, N samples, S predicted frames, P pictures, C channels, H height, W width.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from ..errors import InputError
from ._metric import Metric, Score
from ._weights import WeightFile, Weights, load_into

# of values in [-1, 1], as published: ImageNet's mean and standard deviation of values in [0, 1]
_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
_AT_ONCE = 64  # pictures; bounds the memory of the features
_SMALLEST_NORM = 1e-10


def _alexnet() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 64, 11, 4, 2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(),
    )


def _vgg16() -> nn.Sequential:
    layers: list[nn.Module] = []
    widths = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
    inputs = 3
    for number, block in enumerate(widths):
        layers += [nn.MaxPool2d(2)] if number else []
        for width in block:
            layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
            inputs = width
    return nn.Sequential(*layers)


@dataclasses.dataclass(frozen=True)
class _Network:
    """A network whose features are compared.

    Attributes:
        title: its name.
        build: makes its layers, which are numbered as torchvision's `features` are.
        taps: the layers whose outputs are compared.
        widths: the channels of each.
        least_side: the smallest picture that reaches the last layer.
    """

    title: str
    build: Callable[[], nn.Sequential]
    taps: tuple[int, ...]
    widths: tuple[int, ...]
    least_side: int


_ALEXNET = _Network("AlexNet", _alexnet, (1, 4, 7, 9, 11), (64, 192, 384, 256, 256), 31)
_VGG16 = _Network("VGG16", _vgg16, (3, 8, 15, 22, 29), (64, 128, 256, 512, 512), 16)


class Lpips(nn.Module):
    """LPIPS, version 0.1.

    References: Zhang et al. 2018, The unreasonable effectiveness of deep features as a perceptual
        metric, equation 1.
    """

    def __init__(self, network: _Network) -> None:
        super().__init__()
        self.network = network
        self.features = network.build()
        self.heads = nn.ParameterList(
            nn.Parameter(torch.zeros(1, width, 1, 1)) for width in network.widths
        )
        self.register_buffer("shift", torch.tensor(_SHIFT).view(3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(_SCALE).view(3, 1, 1), persistent=False)

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """Compare pictures in [0, 1]: [P, 3, H, W] and [P, 3, H, W] to [P]."""
        pairs = zip(self._tapped(one), self._tapped(other), self.heads, strict=True)
        parts = [((a - b).square() * head).sum(1).mean((1, 2)) for a, b, head in pairs]
        return torch.stack(parts).sum(0)

    def _tapped(self, pictures: Tensor) -> list[Tensor]:
        """The features at each tap, of unit length over channels."""
        assert isinstance(self.shift, Tensor)
        assert isinstance(self.scale, Tensor)
        values, found = (pictures * 2 - 1 - self.shift) / self.scale, []
        for number, layer in enumerate(self.features):
            values = layer(values)
            if number in self.network.taps:
                norm = values.square().sum(1, keepdim=True).sqrt()
                found.append(values / (norm + _SMALLEST_NORM))
        return found


def _of_features(name: str) -> str | None:
    """The layout's name of a network's tensor, from torchvision's or the package lpips'."""
    found = re.fullmatch(r"(?:features|net\.slice\d)\.(\d+)\.(weight|bias)", name)
    return f"features.{found[1]}.{found[2]}" if found else None


def _of_heads(name: str) -> str | None:
    found = re.fullmatch(r"lin(\d)\.model\.1\.weight", name)
    return f"heads.{found[1]}" if found else None


ALEXNET_WEIGHTS = WeightFile(
    "alexnet",
    "AlexNet's of torchvision (alexnet-owt-7be5be79.pth)",
    ("features.0.weight", (64, 3, 11, 11)),
    {"7be5be79": "AlexNet of torchvision, ImageNet"},
    _of_features,
)
VGG16_WEIGHTS = WeightFile(
    "vgg16",
    "VGG16's of torchvision (vgg16-397923af.pth)",
    ("features.0.weight", (64, 3, 3, 3)),
    {"397923af": "VGG16 of torchvision, ImageNet"},
    _of_features,
)
ALEXNET_HEADS = WeightFile(
    "lpips-alexnet",
    "its heads of the package lpips (weights/v0.1/alex.pth)",
    ("heads.1", (1, 192, 1, 1)),
    {"df73285e35b22355": "LPIPS v0.1 for AlexNet"},
    _of_heads,
)
VGG16_HEADS = WeightFile(
    "lpips-vgg16",
    "its heads of the package lpips (weights/v0.1/vgg.pth)",
    ("heads.1", (1, 128, 1, 1)),
    {"a78928a0af1e5f0f": "LPIPS v0.1 for VGG16"},
    _of_heads,
)


def distances(model: Lpips, samples: Tensor, truth: Tensor) -> Tensor:
    """Return the LPIPS of each frame: [B, N, S, C, H, W] and [B, S, C, H, W] to [B, N, S].

    Raises:
        InputError: pictures that are too small, or of other than one or three channels.
    """
    channels, height, width = samples.shape[3:]
    least = model.network.least_side
    if channels not in (1, 3) or min(height, width) < least:
        raise InputError(
            f"LPIPS with {model.network.title} needs pictures of 1 or 3 channels and at least "
            f"{least}x{least}, got {channels} and {height}x{width}"
        )
    model.to(samples.device)
    one, other = (
        t.float().expand(samples.shape).flatten(0, 2).expand(-1, 3, -1, -1)
        for t in (samples, truth[:, None])
    )
    parts = [model(a, b) for a, b in zip(one.split(_AT_ONCE), other.split(_AT_ONCE), strict=True)]
    return torch.cat(parts).view(samples.shape[:3])


def _metric(network: _Network, features: WeightFile, heads: WeightFile) -> Metric:
    def load(weights: Mapping[str, Weights]) -> Score:
        tensors = {**weights[features.key], **weights[heads.key]}
        model = load_into(Lpips(network), tensors, f"LPIPS with {network.title}")
        assert isinstance(model, Lpips)
        return lambda samples, truth, context: distances(model, samples, truth)

    def without_weights(samples: Tensor, truth: Tensor, context: Tensor) -> Tensor:
        raise InputError(f"LPIPS needs weights: {features.title}, and {heads.title}")

    return Metric(
        "lpips",
        "LPIPS",
        "",
        False,
        3,
        without_weights,
        variant=f"version 0.1, {network.title}, of each frame",
        needs=(features, heads),
        load=load,
    )


METRIC = _metric(_ALEXNET, ALEXNET_WEIGHTS, ALEXNET_HEADS)
VGG16 = _metric(_VGG16, VGG16_WEIGHTS, VGG16_HEADS)
