"""Residual convolution blocks, with and without a condition.

Letters: R rows (batch, or batch and time), I and D channels, H height, W width, E embedded
condition, G code.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

_CHANNELS_PER_GROUP = 8


def group_norm(channels: int) -> nn.GroupNorm:
    """Return GroupNorm with about 8 channels per group.

    Unlike batch normalisation, it is the same in training and evaluation, at any batch size.
    """
    groups = next(
        g for g in range(max(channels // _CHANNELS_PER_GROUP, 1), 0, -1) if channels % g == 0
    )
    return nn.GroupNorm(groups, channels)


class ResidualBlock(nn.Module):
    """A residual block: x + conv(silu(norm(conv(silu(norm(x)))))).

    The last convolution starts at zero, so the block starts as the identity.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = group_norm(channels), group_norm(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Map [R, D, H, W] to [R, D, H, W]."""
        hidden = self.conv1(F.silu(self.norm1(x)))
        return x + self.conv2(F.silu(self.norm2(hidden)))


class ResidualEncoder(nn.Module):
    """Encode pictures with a residual block per stage and strided convolutions between stages.

    Args:
        inputs: I, channels of the input.
        channels: D of each stage.
        code: G, size of the code.
        bottom: height and width of the last stage.
    """

    def __init__(
        self, inputs: int, channels: tuple[int, ...], code: int, bottom: tuple[int, int]
    ) -> None:
        super().__init__()
        self.enter = nn.Conv2d(inputs, channels[0], 3, padding=1)
        self.blocks = nn.ModuleList(ResidualBlock(c) for c in channels)
        self.downs = nn.ModuleList(
            nn.Conv2d(i, o, 3, stride=2, padding=1) for i, o in pairwise(channels)
        )
        self.norm = group_norm(channels[-1])
        self.leave = nn.Linear(channels[-1] * bottom[0] * bottom[1], code)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Map [R, I, H, W] to a code [R, G] and a picture per stage [R, D, H', W']."""
        pictures = [self.blocks[0](self.enter(x))]
        for down, block in zip(self.downs, self.blocks[1:], strict=True):
            pictures.append(block(down(pictures[-1])))
        return self.leave(F.silu(self.norm(pictures[-1])).flatten(1)), pictures


class FilmBlock(ResidualBlock):
    """A residual block whose second normalisation is scaled and shifted by a condition.

    Source: Perez et al. 2018 (arXiv 1709.07871), equation 2.
    """

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__(channels)
        self.film = nn.Linear(condition, 2 * channels)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:  # type: ignore[override]
        """Map [R, D, H, W] and a condition [R, E] to [R, D, H, W]."""
        scale, shift = self.film(condition)[:, :, None, None].chunk(2, 1)
        hidden = self.norm2(self.conv1(F.silu(self.norm1(x))))
        return x + self.conv2(F.silu(hidden * (1 + scale) + shift))
