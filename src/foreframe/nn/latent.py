"""The latent of a step: from the posterior where the target is seen, else from the prior.

Letters: B batch, Z latent (one or more dimensions); * any dimensions.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from ..gaussian import Gaussian
from ..model import Step


class Latent(NamedTuple):
    """A latent with the Gaussians that it could be drawn from.

    Attributes:
        z: the latent [B, *Z].
        posterior: None where the target was not seen.
        prior: what is known of z before the target is seen.
    """

    z: Tensor
    posterior: Gaussian | None
    prior: Gaussian

    def step(self, code: Tensor) -> Step:
        """Return the step of a model that predicts `code` [B, *] and has only this latent."""
        return Step(code, None if self.posterior is None else (self.posterior,), (self.prior,))


def draw(prior: Gaussian, posterior: Gaussian | None, noise: Tensor) -> Latent:
    """Draw from the posterior if there is one, else from the prior; `noise` ~ N(0, I) [B, *Z]."""
    return Latent((prior if posterior is None else posterior).sample(noise), posterior, prior)
