"""Look up in a remembered picture what was seen where the label was similar.

Letters: B batch, S steps, R rows (B * S), D channels of a label, K of a key, V of what is looked
up, H height, W width, P = H W places.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .folding import fold, unfold

_REACH = 5  # kernel size of both layers that make keys
_SHARPNESS = 10.0  # initial; keys have length 1


class LookUp(nn.Module):
    """Attention from the places of a label to those of another.

    It finds what was seen at a place with similar labels around it.
    A convolution can only take what stood at the same place; this finds the sleeve of a raised arm
    in a picture in which the arm hung down. Both labels go through the same network, so similarity
    is meaningful before training.
    Source: Vaswani et al. 2017 (arXiv 1706.03762), section 3.2, with shared keys and queries.
    """

    def __init__(self, label: int, key: int = 32) -> None:
        super().__init__()
        self.like = nn.Sequential(
            nn.Conv2d(label, key, _REACH, padding=_REACH // 2),
            nn.SiLU(),
            nn.Conv2d(key, key, _REACH, padding=_REACH // 2),
        )
        self.log_sharpness = nn.Parameter(torch.tensor(math.log(_SHARPNESS)))

    def keys(self, labels: Tensor) -> Tensor:
        """Map labels [R, D, H, W] to keys of length 1: [R, P, K]."""
        return F.normalize(self.like(labels).float(), dim=1).flatten(2).transpose(1, 2)

    def forward(self, labels: Tensor, keys: Tensor, seen: Tensor) -> Tensor:
        """Look up labels [B, S, D, H, W]: [R, V, H, W].

        Args:
            labels: where to look something up.
            keys: of the label that something was seen with [B, P, K].
            seen: what was seen [B, V, H, W].
        """
        steps, (height, width) = labels.shape[1], labels.shape[3:]
        asked = (
            unfold(self.keys(fold(labels)), steps).flatten(1, 2) * self.log_sharpness.exp()
        )  # [B, S * P, K]
        values = seen.flatten(2).transpose(1, 2).float()
        found = F.scaled_dot_product_attention(
            asked[:, None], keys[:, None], values[:, None], scale=1.0
        )[:, 0]
        return found.unflatten(1, (steps, height, width)).permute(0, 1, 4, 2, 3).flatten(0, 1)
