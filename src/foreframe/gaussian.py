"""Diagonal Gaussians over a latent.

Letters: B batch, Z latent (one or more dimensions).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_LOGVAR_BOUND = 20.0  # beyond it a variance underflows float32's useful range


@dataclass(frozen=True)
class Gaussian:
    """N(mean, exp(logvar)), independent in every dimension.

    Both are [B, *Z], float32 (float64 in a model of doubles).
    """

    mean: Tensor
    logvar: Tensor

    @classmethod
    def from_heads(cls, mean: Tensor, logvar: Tensor) -> Gaussian:
        """From a network's outputs, in float32 at least whatever the autocast."""
        dtype = torch.promote_types(mean.dtype, torch.float32)
        return cls(mean.to(dtype), logvar.to(dtype).clamp(-_LOGVAR_BOUND, _LOGVAR_BOUND))

    @classmethod
    def standard(cls, like: Tensor) -> Gaussian:
        """N(0, I) in the shape of `like`."""
        zeros = torch.zeros_like(like, dtype=torch.float32)
        return cls(zeros, zeros)

    def sample(self, noise: Tensor) -> Tensor:
        """mean + noise * exp(logvar / 2), for noise ~ N(0, I) [B, *Z]: [B, *Z].

        Source: Kingma & Welling 2014, section 2.4 (reparameterisation).
        """
        return self.mean + noise * torch.exp(0.5 * self.logvar)

    def kl_per_dimension(self, other: Gaussian) -> Tensor:
        """KL(self || other) in nats, of each latent dimension: [B, *Z]."""
        ratio = self.logvar - other.logvar
        distance = (self.mean - other.mean) ** 2 * torch.exp(-other.logvar)
        return 0.5 * (torch.exp(ratio) + distance - 1 - ratio)

    def kl(self, other: Gaussian) -> Tensor:
        """KL(self || other) in nats, summed over the latent: [B].

        >>> standard = Gaussian(torch.zeros(2, 3), torch.zeros(2, 3))
        >>> standard.kl(Gaussian(torch.ones(2, 3), torch.zeros(2, 3)))
        tensor([1.5000, 1.5000])

        Source: Kingma & Welling 2014, appendix B.
        """
        return self.kl_per_dimension(other).flatten(1).sum(1)
