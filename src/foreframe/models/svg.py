"""`svg`: stochastic video generation with actions, as published.

It has VGG networks for pictures and vector LSTMs, and is fed its own frames.

Letters: B batch, S steps, R rows (S * B), D channels, H height, W width, A condition, G code, Z
latent.
Denton & Fergus 2018 (arXiv 1802.07687), with the condition given to the frame predictor.
22,241,539 parameters at the published sizes with seven conditions and a fixed prior.
Corrected against the published code, with the same parameters: conditions are standardised, the
skips come from the last context frame, and the posterior has seen the first frame.
`skip_frame=-2` and `posterior_sees_first_frame=False` restore the published behaviour.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..clips import ClipSpec
from ..model import Features, Model, PixelFeedback, Step
from ..nn.folding import fold_steps, unfold_steps
from ..nn.full_kernel_conv import PictureToVector, VectorToPicture
from ..nn.latent_lstms import LatentLstms, LstmStates
from ..nn.recurrent import FixedPrior, GaussianLstm, LstmStack
from ..nn.requirements import choose, halved_size, require_vectors
from ..nn.standardise import Standardise
from ..nn.step_batch_norm import StepBatchNorm
from ..nn.upsampling import UpConv2d

_HALVINGS = 4  # poolings


PRIORS: Mapping[str, type[FixedPrior | GaussianLstm]] = {
    "fixed": FixedPrior,
    "learned": GaussianLstm,
}


class Svg(LatentLstms, Model):
    """SVG with a fixed or a learned prior (SVG-FP, SVG-LP), conditioned on vectors.

    Args:
        spec: shapes and statistics of the clips; H and W must be multiples of 16, and conditions
            vectors.
        code: G, numbers in the code of a frame; the default is the published size.
        latent: Z, numbers in the latent of a step; the default is the published size.
        width: numbers in the state of each LSTM: posterior, prior, and both of the predictor; the
            default is the published size.
        channels: channels of encoder and decoder at the frame's size, 1/2, 1/4 and 1/8 of it; the
            defaults are those of VGG, as published.
        prior: distribution of the latent before the next frame is seen: `fixed` is N(0, I)
            (SVG-FP), `learned` is a Gaussian that depends on the frames before (SVG-LP).
        skip_frame: context frame whose pictures the decoder sees: -1 is the last one, -2 the one
            before it, as in the published code.
        posterior_sees_first_frame: give the first frame to the posterior before the first step; the
            published code does not.

    Example:
        >>> spec = ClipSpec((3, 64, 64), (2,), names=("x", "y"), mean=(0.0,) * 2, std=(1.0,) * 2)
        >>> Svg(spec, channels=(4, 4, 8, 8), prior="learned").latent_shapes
        ((64,),)

    References:
        Denton & Fergus 2018 (arXiv 1802.07687).
    """

    feedback = PixelFeedback()

    def __init__(
        self,
        spec: ClipSpec,
        code: int = 128,
        latent: int = 64,
        width: int = 256,
        channels: tuple[int, int, int, int] = (64, 128, 256, 512),
        prior: Literal["fixed", "learned"] = "fixed",
        skip_frame: Literal[-1, -2] = -1,
        posterior_sees_first_frame: bool = True,
    ) -> None:
        super().__init__(spec)
        require_vectors("svg", spec)
        bottom = halved_size("svg", spec, _HALVINGS)
        self.latent_shapes = ((latent,),)
        self.skip_frame = skip_frame
        self.posterior_sees_first_frame = posterior_sees_first_frame
        self.standardise = Standardise(spec)
        self.encoder = Encoder(spec.frame[0], channels, code, bottom)
        self.decoder = Decoder(spec.frame[0], channels, code, bottom)
        self.predictor = LstmStack(code + latent + spec.condition[0], width, 2)
        self.predictor_out = nn.Sequential(nn.Linear(width, code), nn.BatchNorm1d(code), nn.Tanh())
        self.posterior = GaussianLstm(code, width, latent)
        self.prior = choose("prior", prior, PRIORS)(code, width, latent)
        self.apply(_published_init)

    def encode(self, frames: Tensor, conditions: Tensor) -> Features:
        return self.encoder(frames)

    def embed(self, conditions: Tensor) -> Tensor:
        return self.standardise(conditions)

    def initial(self, code: Tensor) -> LstmStates:
        states = self.initial_states(code)
        if not self.posterior_sees_first_frame:
            return states
        return states._replace(posterior=self.posterior(code, states.posterior)[1])

    def step(
        self,
        state: LstmStates,
        previous: Tensor | None,
        condition: Tensor,
        target: Tensor | None,
        noise: tuple[Tensor, ...],
    ) -> tuple[LstmStates, Step]:
        assert previous is not None, (
            "svg has pixel feedback: the rollout always gives it the frame before"
        )
        state, latent = self.infer(state, previous, target, noise[0])
        state, hidden = self.predict(state, previous, latent, condition)
        return state, latent.step(self.predictor_out(hidden))

    def prepare_skips(self, skips: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return self.decoder.prepare_skips(skips)

    def decode(self, code: Tensor, conditions: Tensor, skips: tuple[Tensor, ...]) -> Tensor:
        return self.decoder(code, skips)


class VggLayer(nn.Module):
    """Convolution, batch normalisation of each step, LeakyReLU(0.2).

    Rows are step after step: [R, D, H, W] -> [R, D', H, W].
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm = StepBatchNorm(outputs)

    def forward(self, x: Tensor, steps: int) -> Tensor:
        return F.leaky_relu_(self.norm(self.conv(x), steps), 0.2)


class JoinLayer(nn.Module):
    """A VGG layer over cat(up(x), skip).

    The half of the skip is convolved once (`prepare_skips`) for all steps that share it.
    conv(cat(x, s)) = conv_x(x) + conv_s(s): the published weights in two halves, the same function.
    `moving` and `still` are the names that the two halves have in saved weights.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.moving = UpConv2d(inputs, outputs, bias=False)
        self.still = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm = StepBatchNorm(outputs)

    def forward(self, x: Tensor, steps: int, prepared: Tensor) -> Tensor:
        """Rows [S * B, D, H, W] with the skip's half [B, D', 2 H, 2 W] -> [S * B, D', 2 H, 2 W]."""
        joined = self.moving(x).unflatten(0, (steps, -1)) + prepared
        return F.leaky_relu_(self.norm(joined.flatten(0, 1), steps), 0.2)


class Stage(nn.ModuleList):
    """Layers in a row."""

    def forward(self, x: Tensor, steps: int) -> Tensor:
        for layer in self:
            x = layer(x, steps)
        return x


class Encoder(nn.Module):
    """Stages of 2, 2, 3, 3 layers like VGG's, pooling between, then a convolution over the rest."""

    def __init__(
        self, colours: int, channels: tuple[int, ...], code: int, bottom: tuple[int, int]
    ) -> None:
        super().__init__()
        depths = (2, 2, 3, 3)
        inputs = (colours, *channels[:-1])
        self.stages = nn.ModuleList(
            Stage(VggLayer(i if n == 0 else o, o) for n in range(depth))
            for i, o, depth in zip(inputs, channels, depths, strict=True)
        )
        self.last = PictureToVector(channels[-1], code, bottom)
        self.norm = StepBatchNorm(code)

    def forward(self, frames: Tensor) -> Features:
        """[B, S, C, H, W] -> code [B, S, G], a skip per stage."""
        steps, x, skips = frames.shape[1], fold_steps(frames), []
        for stage in self.stages:
            x = stage(x, steps)
            skips.append(unfold_steps(x, steps))
            x = F.max_pool2d(x, 2)
        code = torch.tanh(self.norm(self.last(x)[:, :, None, None], steps))
        return Features(unfold_steps(code.flatten(1), steps), tuple(skips))


class Decoder(nn.Module):
    """The mirror of the encoder: at each stage enlarged, and joined with the skip of that size."""

    def __init__(
        self, colours: int, channels: tuple[int, ...], code: int, bottom: tuple[int, int]
    ) -> None:
        super().__init__()
        a, b, c, d = channels
        self.first = VectorToPicture(code, d, bottom)
        self.norm = StepBatchNorm(d)
        self.joins = nn.ModuleList(
            [JoinLayer(d, d), JoinLayer(c, c), JoinLayer(b, b), JoinLayer(a, a)]
        )
        self.stages = nn.ModuleList(
            [
                Stage([VggLayer(d, d), VggLayer(d, c)]),
                Stage([VggLayer(c, c), VggLayer(c, b)]),
                Stage([VggLayer(b, a)]),
                Stage(),
            ]
        )
        self.last = nn.ConvTranspose2d(a, colours, 3, padding=1)

    def prepare_skips(self, skips: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the skips [B, D, H, W] as the joining layers take them, the smallest first."""
        return tuple(
            join.still(skip)  # type: ignore[operator]
            for join, skip in zip(self.joins, reversed(skips), strict=True)
        )

    def forward(self, code: Tensor, prepared: tuple[Tensor, ...]) -> Tensor:
        """[B, S, G] with prepared skips -> frames [B, S, C, H, W] in (0, 1)."""
        steps = code.shape[1]
        x = F.leaky_relu_(self.norm(self.first(fold_steps(code)), steps), 0.2)
        for join, stage, background in zip(self.joins, self.stages, prepared, strict=True):
            x = stage(join(x, steps, background), steps)
        return unfold_steps(torch.sigmoid(self.last(x)), steps)


def _published_init(module: nn.Module) -> None:
    """Draw N(0, 0.02) for weights, 0 for biases, N(1, 0.02) for normalisation.

    LSTM cells keep PyTorch's own.
    """
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.modules.batchnorm._BatchNorm):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
