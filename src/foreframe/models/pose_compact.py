"""`pose_compact`: a small pose-conditioned model that remembers a frame and its pose.

It is not fed its own pictures.

Letters: B batch, S steps, R rows (B * S), D channels, H height, W width, G code, Z latent.
What a frame shows beside its pose (the dancer, clothes, the wall) comes from the context frame and
its label.
The label of step t says where the limbs are; a latent state says what labels do not: cloth, hair,
light.
What a limb looks like is looked up where the label of the context is like the label of step t.
The decoder is a U-Net over all that. It composes pictures: masks choose between new pixels, those
that were looked up, and those of the context frame. As nothing is fed back, frame 629 is as good as
frame 1.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..clips import ClipSpec
from ..model import Features, LatentFeedback, Model, Step
from ..nn.attention import LookUp
from ..nn.bounded import bounded
from ..nn.folding import fold, unfold
from ..nn.latent_lstms import LatentLstms, LstmStates
from ..nn.recurrent import GaussianLstm, LstmStack
from ..nn.requirements import halved_size, require_labels
from ..nn.residual import FilmBlock, ResidualEncoder

_PATCH = 2  # pixels per side that enter as channels
_GLANCE = (2, 4, 8)  # channels, height and width of the label as the latent state sees it


class State(NamedTuple):
    """The code of the last context frame and the states of the LSTMs."""

    origin: Tensor
    lstms: LstmStates


class PoseCompact(LatentLstms, Model):
    """A model from label images to pictures of the person seen in the context.

    Args:
        spec: shapes of the clips; label images must have the size of the frames, and H and W must
            be multiples of 16.
        code: G, numbers in the code of a frame, which is all that the recurrence sees of it.
        latent: Z, numbers in the latent of a step, which stands for what labels do not show, such
            as cloth, hair and light.
        width: numbers in the state of each LSTM: posterior, prior and predictor.
        channels: channels of encoder and decoder at 1/2, 1/4, 1/8 and 1/16 of the frame's size.
        mask_bias: what is added to the logits of new and looked-up pixels: below 0, training begins
            by keeping the context frame, above 0 by painting a new one.
        mask_limit: largest size of those logits, so that no choice between layers is final; 0 sets
            no limit, and a large learning rate may then end in a copy of the context frame.

    Example:
        >>> PoseCompact(ClipSpec((3, 32, 64), (3, 32, 64))).latent_shapes
        ((8,),)

    References:
        Denton & Fergus 2018 (arXiv 1802.07687) for the recurrence;
        Ronneberger et al. 2015 (arXiv 1505.04597) for the U-Net.
    """

    feedback = LatentFeedback()

    def __init__(
        self,
        spec: ClipSpec,
        code: int = 64,
        latent: int = 8,
        width: int = 96,
        channels: tuple[int, int, int, int] = (32, 64, 96, 128),
        mask_bias: float = -2.0,
        mask_limit: float = 0.0,
    ) -> None:
        super().__init__(spec)
        bottom = halved_size("pose_compact", spec, len(channels))
        require_labels("pose_compact", spec)
        self.latent_shapes = ((latent,),)
        label = channels[0]
        glance = _GLANCE[0] * _GLANCE[1] * _GLANCE[2]
        self.embedding = nn.Conv2d(_PATCH**2 * spec.condition[0], label, 3, padding=1)
        self.glance = nn.Conv2d(label, _GLANCE[0], 1)
        self.encoder = ResidualEncoder(_PATCH**2 * spec.frame[0] + label, channels, code, bottom)
        self.decoder = Decoder(spec.frame[0], label, channels, code, mask_bias, mask_limit)
        self.posterior = GaussianLstm(2 * code + glance, width, latent)
        self.prior = GaussianLstm(code + glance, width, latent)
        self.predictor = LstmStack(code + glance + latent, width, 1)
        self.predictor_out = nn.Linear(width, code)

    def encode(self, frames: Tensor, conditions: Tensor) -> Features:
        """Skips: the frame itself, its label, then a picture per stage."""
        steps, pixels = frames.shape[1], F.pixel_unshuffle(fold(frames), _PATCH)
        code, pictures = self.encoder(torch.cat([pixels, fold(conditions).to(pixels.dtype)], 1))
        skips = (frames, conditions, *(unfold(picture, steps) for picture in pictures))
        return Features(unfold(code, steps), skips)

    def embed(self, conditions: Tensor) -> Tensor:
        labels = fold(conditions).to(self.embedding.weight.dtype)
        return unfold(self.embedding(F.pixel_unshuffle(labels, _PATCH)), conditions.shape[1])

    def initial(self, code: Tensor) -> State:
        return State(code, self.initial_states(code))

    def step(
        self,
        state: State,
        previous: Tensor | None,
        condition: Tensor,
        target: Tensor | None,
        noise: tuple[Tensor, ...],
    ) -> tuple[State, Step]:
        origin = state.origin if previous is None else previous
        glance = F.adaptive_avg_pool2d(self.glance(condition), _GLANCE[1:]).flatten(1)
        known = torch.cat([origin, glance.to(origin.dtype)], 1)
        seen = None if target is None else torch.cat([known, target], 1)
        lstms, latent = self.infer(state.lstms, known, seen, noise[0])
        lstms, hidden = self.predict(lstms, known, latent)
        return State(origin, lstms), latent.step(self.predictor_out(hidden))

    def prepare_skips(self, skips: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return self.decoder.prepare_skips(skips)

    def decode(self, code: Tensor, conditions: Tensor, skips: tuple[Tensor, ...]) -> Tensor:
        return self.decoder(code, conditions, skips)


class Decoder(nn.Module):
    """A U-Net that takes a label down and a picture up.

    What the context shows is added at every stage.
    """

    def __init__(
        self,
        colours: int,
        label: int,
        channels: tuple[int, ...],
        code: int,
        mask_bias: float,
        mask_limit: float,
    ) -> None:
        super().__init__()
        deep = channels[::-1]
        self.mask_bias, self.mask_limit = mask_bias, mask_limit
        self.look_up = LookUp(label)
        self.enter = nn.Conv2d(label + _PATCH**2 * colours, channels[0], 1)
        self.joins = nn.ModuleList(nn.Conv2d(c, c, 1) for c in channels)
        self.down_blocks = nn.ModuleList(FilmBlock(c, code) for c in channels)
        self.downs = nn.ModuleList(
            nn.Conv2d(i, o, 3, stride=2, padding=1) for i, o in pairwise(channels)
        )
        self.ups = nn.ModuleList(nn.Conv2d(i, o, 1) for i, o in pairwise(deep))
        self.up_blocks = nn.ModuleList(FilmBlock(c, code) for c in deep[1:])
        self.leave = nn.Conv2d(channels[0], _PATCH**2 * (colours + 2), 3, padding=1)

    def prepare_skips(self, skips: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the context frame, keys of its label, and what each stage down adds."""
        frame, label, *pictures = skips
        return (
            frame,
            self.look_up.keys(label),
            *(join(p) for join, p in zip(self.joins, pictures, strict=True)),
        )

    def forward(self, code: Tensor, labels: Tensor, prepared: tuple[Tensor, ...]) -> Tensor:
        """[B, S, G] and [B, S, D, H/2, W/2] with prepared skips -> frames [B, S, C, H, W]."""
        steps, film = code.shape[1], fold(code)
        frame, keys, *known = prepared
        alike = self.look_up(labels, keys, F.pixel_unshuffle(frame, _PATCH))
        x = self.enter(torch.cat([fold(labels).to(code.dtype), alike.to(code.dtype)], 1))
        across = []
        for stage, (block, context) in enumerate(zip(self.down_blocks, known, strict=True)):
            x = self.downs[stage - 1](x) if stage else x
            x = block(fold(unfold(x, steps) + context[:, None]), film)
            across.append(x)
        for block, up, side in zip(self.up_blocks, self.ups, reversed(across[:-1]), strict=True):
            x = block(F.interpolate(up(x), scale_factor=2, mode="nearest") + side, film)
        painted = F.pixel_shuffle(self.leave(F.silu(x)), _PATCH).float()
        keep = torch.zeros_like(painted[:, :1])
        logits = bounded(painted[:, :2] + self.mask_bias, self.mask_limit)
        masks = torch.cat([keep, logits], 1).softmax(1)[:, :, None]  # [R, 3, 1, H, W]
        kept, found = (
            frame[:, None].float().expand(-1, steps, -1, -1, -1),
            F.pixel_shuffle(alike, _PATCH),
        )
        layers = torch.stack([fold(kept), found, torch.sigmoid(painted[:, 2:])], 1)
        return unfold((masks * layers).sum(1), steps)
