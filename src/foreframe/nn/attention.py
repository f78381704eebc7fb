"""Attention from a label to a remembered picture, by the similarity of their labels.

Letters: B batch, S steps, R rows (B * S), D channels of a label, K channels of a key, V channels of
the remembered picture, H height, W width, P = H W places.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .folding import fold, unfold

_REACH = 5  # kernel size of both layers that make keys
_SHARPNESS = 10.0  # initial scale of the similarities of keys, which have length 1


class LookUp(nn.Module):
    """Attention from the places of one label to those of another, with shared keys and queries.

    Each place takes what was seen where the label around it was similar.
    A convolution can only take what was at the same place; attention finds the sleeve of a raised
    arm in a picture in which the arm hung down.
    Both labels go through the same network, so similarity is meaningful before training.

    Args:
        label: D, channels of a label.
        key: K, channels of a key.

    References:
        Vaswani et al. 2017 (arXiv 1706.03762), section 3.2.
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
        """Return what was seen at places with similar labels [R, V, H, W].

        Args:
            labels: the labels to look up [B, S, D, H, W].
            keys: the keys of the remembered picture's label [B, P, K].
            seen: the remembered picture [B, V, H, W].
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
