"""`pose`: the published pose-conditioned model that dances from one frame.

It works at full resolution and remembers the last frame only.

Letters: B batch, S steps, R rows (S * B), D channels, H height, W width, Z = 12 latent channels.
1,585,620 parameters at the published sizes with a fixed prior.
Every convolution works at full resolution; a label image says where the limbs are at each step.
Corrected against the published code, with the same parameters: the generator is trained with z of
the posterior, batch normalisation is in evaluation mode at test time, and own frames are clamped
before they are fed back.
`label_activation=True` puts a LeakyReLU where the published code has one of slope 1 by accident.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..clips import ClipSpec
from ..gaussian import Gaussian
from ..model import Features, Model, PixelFeedback, Step
from ..nn.depthwise import DepthwiseBlock, PlainResidualBlock
from ..nn.folding import fold_steps, unfold_steps
from ..nn.latent import draw
from ..nn.requirements import choose, require_labels
from ..nn.step_batch_norm import StepBatchNorm

_FRAME, _LABEL, _LATENT = 128, 32, 12  # channels of a code, an embedded label and the latent
_ACTIVATION_SLOPE = 0.2


class Pose(Model):
    """A CVAE of the next frame given the last one and a label image, with a spatial latent.

    Args:
        spec: shapes of the clips; label images must have the size of the frames.
        prior: distribution of the latent before the next frame is seen: `fixed` is N(0, I), as
            published; `learned` is a Gaussian that depends on the last frame and the label.
        output: last layer of the decoder: `linear`, as published, or `sigmoid`, which keeps pixels
            in [0, 1].
        label_activation: use LeakyReLU(0.2) for the activations that are the identity in the
            published code, by accident; off by default, as published.

    Example:
        >>> Pose(ClipSpec((3, 32, 64), (3, 32, 64))).latent_shapes
        ((12, 32, 64),)

    References:
        Sohn et al. 2015 (Learning structured output representation using deep conditional
        generative models) for the CVAE.
    """

    feedback = PixelFeedback()

    def __init__(
        self,
        spec: ClipSpec,
        prior: Literal["fixed", "learned"] = "fixed",
        output: Literal["linear", "sigmoid"] = "linear",
        label_activation: bool = False,
    ) -> None:
        super().__init__(spec)
        colours, height, width = spec.frame
        require_labels("pose", spec)
        self.latent_shapes = ((_LATENT, height, width),)
        activation = nn.LeakyReLU(_ACTIVATION_SLOPE) if label_activation else nn.Identity()
        self.frame_encoder = frame_encoder(colours)
        self.label_encoder = LabelEncoder(spec.condition[0], activation)
        self.posterior = GaussianPredictor(activation)
        self.prior: nn.Module = choose("prior", prior, PRIORS)(activation)
        self.fusion = fusion()
        self.generator = nn.Sequential(generator(colours), choose("output", output, OUTPUTS)())

    def encode(self, frames: Tensor, conditions: Tensor) -> Features:
        return Features(unfold_steps(self.frame_encoder(fold_steps(frames)), frames.shape[1]), ())

    def embed(self, conditions: Tensor) -> Tensor:
        return self.label_encoder(conditions)

    def initial(self, code: Tensor) -> tuple[()]:
        return ()

    def step(
        self,
        state: tuple[()],
        previous: Tensor | None,
        condition: Tensor,
        target: Tensor | None,
        noise: tuple[Tensor, ...],
    ) -> tuple[tuple[()], Step]:
        assert previous is not None, (
            "pose has pixel feedback: the rollout always gives it the frame before"
        )
        prior = self.prior(previous, condition)
        posterior = None if target is None else self.posterior(target, condition)
        latent = draw(prior, posterior, noise[0])
        return state, latent.step(torch.cat([previous, latent.z.to(previous.dtype)], 1))

    def decode(self, code: Tensor, conditions: Tensor, skips: tuple[Tensor, ...]) -> Tensor:
        frame, z = code.split((_FRAME, _LATENT), 2)
        joined = torch.cat([frame, conditions.to(code.dtype), z], 2)
        return unfold_steps(self.generator(self.fusion(fold_steps(joined))), code.shape[1])


class LabelEncoder(nn.Module):
    """Label images to 32 channels.

    It has the only batch normalisation of the model, over each step separately.
    """

    def __init__(self, colours: int, activation: nn.Module) -> None:
        super().__init__()
        self.conv = nn.Conv2d(colours, 16, 7)
        self.norm = StepBatchNorm(16)
        self.activation = activation
        self.block = PlainResidualBlock(16, _LABEL)

    def forward(self, labels: Tensor) -> Tensor:
        """[B, S, C, H, W] -> [B, S, 32, H, W]."""
        steps = labels.shape[1]
        weights = self.conv.weight
        x = self.conv(F.pad(fold_steps(labels.to(weights.dtype)), (3, 3, 3, 3), mode="reflect"))
        return unfold_steps(self.block(self.activation(self.norm(x, steps))), steps)


class GaussianPredictor(nn.Module):
    """A frame's code and a label to a Gaussian over [B, Z, H, W]."""

    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            PlainResidualBlock(_FRAME + _LABEL, 3),
            DepthwiseBlock(3, 3),
            PlainResidualBlock(3, 6),
            DepthwiseBlock(6, 6),
            PlainResidualBlock(6, _LATENT),
            activation,
            nn.Conv2d(_LATENT, 2 * _LATENT, 1),
        )

    def forward(self, code: Tensor, label: Tensor) -> Gaussian:
        mean, logvar = self.layers(torch.cat([code, label.to(code.dtype)], 1)).chunk(2, 1)
        return Gaussian.from_heads(mean, logvar)


class StandardPredictor(nn.Module):
    """N(0, I) with the signature of a predictor."""

    def __init__(self, activation: nn.Module) -> None:
        super().__init__()

    def forward(self, code: Tensor, label: Tensor) -> Gaussian:
        return Gaussian.standard(code[:, :_LATENT])


PRIORS: Mapping[str, type[GaussianPredictor | StandardPredictor]] = {
    "fixed": StandardPredictor,
    "learned": GaussianPredictor,
}
OUTPUTS: Mapping[str, type[nn.Module]] = {"linear": nn.Identity, "sigmoid": nn.Sigmoid}


def frame_encoder(colours: int) -> nn.Sequential:
    """[R, C, H, W] -> [R, 128, H, W]."""
    return nn.Sequential(
        PlainResidualBlock(colours, 16),
        DepthwiseBlock(16, 16),
        PlainResidualBlock(16, 32),
        DepthwiseBlock(32, 32),
        PlainResidualBlock(32, 64),
        DepthwiseBlock(64, 64),
        nn.Conv2d(64, _FRAME, 3, padding=1),
    )


def fusion() -> nn.Sequential:
    """A frame's code, a label and a latent, [R, 172, H, W], to [R, 192, H, W]."""
    joined = _FRAME + _LABEL + _LATENT
    return nn.Sequential(
        DepthwiseBlock(joined, joined),
        PlainResidualBlock(joined, 43),
        DepthwiseBlock(43, 86),
        PlainResidualBlock(86, 86),
        DepthwiseBlock(86, 96),
        nn.Conv2d(96, 192, 1),
    )


def generator(colours: int) -> nn.Sequential:
    """[R, 192, H, W] -> [R, C, H, W]."""
    return nn.Sequential(
        DepthwiseBlock(192, 192),
        PlainResidualBlock(192, 96),
        DepthwiseBlock(96, 96),
        PlainResidualBlock(96, 48),
        DepthwiseBlock(48, 48),
        PlainResidualBlock(48, 24),
        DepthwiseBlock(24, 24),
        nn.Conv2d(24, colours, 1),
    )
