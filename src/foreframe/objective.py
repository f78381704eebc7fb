"""The evidence lower bound of a rollout, in physical units.

Letters: B clips, T steps, S scored steps, C channels, H height, W width; N = C H W, the numbers in
a frame.

    log p(x | c) = E_q[log p(x | z, c)] - KL(q(z | x, c) || p(z | c)) + KL(q || p(z | x, c)),

where the last term is at least 0, so the first two are the bound. Distortion D is the squared error
summed over a frame, rate R is nats per frame. The field writes the loss as MSE + beta KL with the
MSE a mean over pixels; that is (D + beta N R) / N. As a Gaussian likelihood, D / (2 sigma^2) + R,
it has the pixel standard deviation sigma = sqrt(beta N / 2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .rollouts import Rollout


class Elbo(NamedTuple):
    """The bound and its parts.

    All but the loss are means over clips and scored frames, without gradient.

    Attributes:
        loss: what is minimised, a scalar.
        mse: mean squared error per pixel.
        distortion: squared error summed over a frame.
        rate_nats: KL in nats per frame.
    """

    loss: Tensor
    mse: Tensor
    distortion: Tensor
    rate_nats: Tensor


def elbo(result: Rollout, truth: Tensor, beta: float, decoded: Sequence[int] | None = None) -> Elbo:
    """Sum MSE + beta KL over the decoded steps, mean over clips, as both published systems train.

    Args:
        result: a rollout that saw all of `truth`.
        truth: the clip's frames [B, T, C, H, W], floats in [0, 1].
        beta: weight of the KL against a mean squared error per pixel.
        decoded: the frames that were decoded, where these are not all; the others do not count.

    Source: Denton & Fergus 2018 (arXiv 1802.07687), equation 1; Higgins et al. 2017 for beta.
    """
    steps = range(result.first, truth.shape[1]) if decoded is None else decoded
    wanted = truth[:, list(steps)]
    errors = (result.frames.to(wanted.dtype) - wanted).square().flatten(2)  # [B, S, N]
    mse = errors.mean(2)
    rate = _rates(result, steps, mse)
    loss = (mse + beta * rate).sum(1).mean()
    found = mse.detach().mean()
    return Elbo(loss, found, found * errors.shape[2], rate.detach().mean())


def _rates(result: Rollout, steps: Sequence[int], like: Tensor) -> Tensor:
    """Return the KL of each scored step in nats: [B, S]."""
    rates = []
    for step in steps:
        posterior, prior = result.posteriors[step - 1], result.priors[step - 1]
        if posterior is None:
            raise ValueError(
                "a scored step saw no target frame; "
                "expected a rollout over all of the clip's frames"
            )
        levels = [q.kl(p) for q, p in zip(posterior, prior, strict=True)]
        rates.append(torch.stack(levels).sum(0) if levels else torch.zeros_like(like[:, 0]))
    return torch.stack(rates, 1)


def sigma_of_beta(beta: float, pixels: int) -> float:
    """Return the pixel standard deviation that a KL weight stands for, in units of [0, 1].

    >>> round(sigma_of_beta(1e-4, 3 * 64 * 64), 2)
    0.78
    """
    return math.sqrt(beta * pixels / 2)


def beta_of_sigma(sigma: float, pixels: int) -> float:
    """Return the KL weight that stands for a pixel standard deviation.

    >>> round(sigma_of_beta(beta_of_sigma(0.035, 12288), 12288), 3)
    0.035
    """
    return 2 * sigma**2 / pixels
