"""Residual convolution blocks, with and without a condition.

Letters: R rows (batch, or batch and time), D channels, H height, W width, E embedded condition.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

_CHANNELS_PER_GROUP = 8


def group_norm(channels: int) -> nn.GroupNorm:
    """GroupNorm with about 8 channels a group: the same in training and evaluation, at any batch size."""
    groups = next(
        g for g in range(max(channels // _CHANNELS_PER_GROUP, 1), 0, -1) if channels % g == 0
    )
    return nn.GroupNorm(groups, channels)


class ResidualBlock(nn.Module):
    """x + conv(silu(norm(conv(silu(norm(x)))))); the last convolution begins at zero, so the block begins as identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = group_norm(channels), group_norm(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """[R, D, H, W] -> [R, D, H, W]."""
        hidden = self.conv1(F.silu(self.norm1(x)))
        return x + self.conv2(F.silu(self.norm2(hidden)))


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
        """[R, D, H, W] with [R, E] -> [R, D, H, W]."""
        scale, shift = self.film(condition)[:, :, None, None].chunk(2, 1)
        hidden = self.norm2(self.conv1(F.silu(self.norm1(x))))
        return x + self.conv2(F.silu(hidden * (1 + scale) + shift))
