"""The arithmetic of an optimiser step.

Rollout and objective are one module's forward, so that hooks of a Fabric strategy run around it.

Letters: B clips, T frames, C channels, H height, W width, A condition.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..clips import Batch, to_float
from ..errors import InputError
from ..futures_score import FuturesScore, pooled_crps
from ..model import Model
from ..noise import Noise
from ..objective import elbo
from ..rollouts import rollout
from .config import Config
from .muon import Muon


class Weights(NamedTuple):
    """What a step minimises: a weighted sum of the ELBO and of two measures of sampled futures.

    Attributes:
        beta: weight of the KL divergence in the ELBO.
        elbo: weight of the ELBO.
        futures: weight of a proper score of sampled futures.
        error: weight of their squared error.
    """

    beta: float
    elbo: float = 1.0
    futures: float = 0.0
    error: float = 0.0

    @property
    def sampled(self) -> bool:
        """Whether futures are sampled."""
        return self.futures > 0 or self.error > 0


class Losses(NamedTuple):
    """What a step minimises and its parts; NaN for a part that the step did not compute.

    Attributes:
        loss: what is minimised, a scalar.
        mse: mean squared error per pixel, of the posterior's frames or else of sampled futures.
        distortion: squared error summed over a frame.
        rate_nats: KL in nats per frame.
        score: of sampled futures, a mean over frames.
    """

    loss: Tensor
    mse: Tensor
    distortion: Tensor
    rate_nats: Tensor
    score: Tensor


class ModelWithLoss(nn.Module):
    """A model with its objective.

    Args:
        model: the model to train.
        n_past: context frames.
        score_context: count the context frames after the first in the ELBO too.
        score: the score of sampled futures.
        samples: futures that it judges, for each clip.
    """

    def __init__(
        self,
        model: Model,
        n_past: int,
        score_context: bool,
        score: FuturesScore = pooled_crps,
        samples: int = 2,
    ) -> None:
        super().__init__()
        self.model, self.n_past = model, n_past
        self.score, self.samples = score, samples
        self.decode_from = 1 if score_context else n_past

    def forward(
        self,
        frames: Tensor,
        conditions: Tensor,
        seeds: list[int],
        weights: Weights,
        forced: tuple[int, ...],
        pushforward: int = 0,
        scored: tuple[int, ...] | None = None,
    ) -> Losses:
        """Return the losses of clips.

        Args:
            frames: uint8 [B, T, C, H, W].
            conditions: [B, T, *A].
            seeds: `seeds[b]` draws the noise of clip b.
            weights: of the objective's parts.
            forced: steps whose input is the true frame.
            pushforward: steps that the model predicts first; its last frames are then the context.
            scored: the frames of sampled futures that count; all by default.
        """
        truth, noise = to_float(frames), Noise(seeds)
        if pushforward:
            own = self._predict(truth, conditions[:, : self.n_past + pushforward], noise)
            truth = torch.cat([own, truth[:, self.n_past + pushforward :]], 1)
            conditions = conditions[:, pushforward:]
        parts = []
        if weights.elbo:
            parts.append(self._elbo(truth, conditions, noise, weights, forced))
        if weights.sampled:
            parts.append(self._sampled(truth, conditions, seeds, weights, scored))
        return parts[0] if len(parts) == 1 else _together(*parts)

    def _elbo(
        self,
        truth: Tensor,
        conditions: Tensor,
        noise: Noise,
        weights: Weights,
        forced: tuple[int, ...],
    ) -> Losses:
        made = rollout(
            self.model,
            truth,
            conditions,
            self.n_past,
            forced,
            noise=noise,
            decode_from=self.decode_from,
        )
        found = elbo(made, truth, weights.beta)
        return Losses(weights.elbo * found.loss, *found[1:], torch.full_like(found.mse, math.nan))

    def _sampled(
        self,
        truth: Tensor,
        conditions: Tensor,
        seeds: list[int],
        weights: Weights,
        scored: tuple[int, ...] | None,
    ) -> Losses:
        """Losses of futures that see the context alone, summed over frames, mean over clips.

        Where only some frames count, each stands for its share of the future.
        """
        n_past, steps = self.n_past, truth.shape[1]
        chosen = tuple(range(n_past, steps)) if scored is None else scored
        samples = self.samples if weights.futures else 1
        made = rollout(
            self.model,
            truth[:, :n_past],
            conditions,
            n_past,
            noise=Noise(seeds, samples),
            decode_from=n_past,
            decoded=scored,
        )
        drawn = made.frames.to(truth.dtype).unflatten(0, (len(truth), samples))
        future = truth[:, list(chosen)]
        error = (drawn - future[:, None]).square().mean()
        loss, score = weights.error * error, torch.full_like(error, math.nan)
        if weights.futures:
            score = self.score(drawn, future).mean()
            loss = loss + weights.futures * score
        mse = error.detach()
        rate = torch.full_like(mse, math.nan)
        pixels = future[0, 0].numel()
        return Losses((steps - n_past) * loss, mse, mse * pixels, rate, score.detach())

    @torch.no_grad()
    def _predict(self, truth: Tensor, conditions: Tensor, noise: Noise) -> Tensor:
        """Return the last predicted frames, without gradient: [B, n_past, C, H, W]."""
        made = rollout(
            self.model,
            truth[:, : self.n_past],
            conditions,
            self.n_past,
            noise=noise,
            decode_from=self.n_past,
        )
        return made.frames[:, -self.n_past :].float().clamp(0, 1)


def _together(likelihood: Losses, futures: Losses) -> Losses:
    """Both parts of an objective: errors are those of the ELBO's frames."""
    return likelihood._replace(loss=likelihood.loss + futures.loss, score=futures.score)


def weights_at(config: Config, step: int) -> Weights:
    """Return the weights of the objective's parts at an optimiser step.

    Raises:
        InputError: all of them are 0.
    """
    options = config.objective
    weights = Weights(
        options.beta(step), options.elbo(step), options.futures(step), options.error(step)
    )
    if not weights.elbo and not weights.sampled:
        raise InputError(
            f"objective.elbo, objective.futures and objective.error are all 0 at step {step}; "
            "expected one of them above 0 at every step"
        )
    return weights


def forced_steps(config: Config, step: int) -> tuple[int, ...]:
    """Return the steps after the context whose input is the true frame.

    They are drawn from the seed and the optimiser step (or epoch) alone.
    In the context the input is always the true frame.
    """
    options = config.teacher_forcing
    ratio = options.ratio(step)
    drawn_at = step // options.epoch_steps if options.draw == "epoch" else step
    rng = np.random.default_rng((config.training.seed, drawn_at, 0x7F))
    future = range(config.clip.n_past + 1, config.clip.n_past + config.clip.horizon)
    draws = (
        rng.random(len(future)) if options.draw == "step" else np.full(len(future), rng.random())
    )
    return tuple(t for t, draw in zip(future, draws, strict=True) if draw < ratio)


def mirrored(clips: Batch, seeds: list[int]) -> Batch:
    """Return clips of label images, about half of them mirrored from left to right.

    Which ones depends on their seeds alone.
    """
    chosen = torch.tensor([seed % 2 == 1 for seed in seeds], device=clips.frames.device)
    where = chosen[:, None, None, None, None]
    return Batch(*(torch.where(where, images.flip(-1), images) for images in clips))


def scored_frames(config: Config, step: int) -> tuple[int, ...] | None:
    """Return the frames of sampled futures that count at a step, None if all do.

    They are drawn from the seed and the optimiser step alone.
    """
    count, clip = config.objective.scored_frames, config.clip
    if not 0 < count < clip.horizon:
        return None
    rng = np.random.default_rng((config.training.seed, step, 0x5C))
    drawn = rng.choice(clip.horizon, count, replace=False) + clip.n_past
    return tuple(sorted(int(frame) for frame in drawn))


def pushforward_steps(config: Config, step: int) -> int:
    """Return how many steps the model predicts before its clip begins.

    The number is drawn from the seed and the optimiser step alone, evenly over the orders of
    magnitude from 1 to `clip.pushforward`, because long ones cost most.
    It is 0 if fewer than the context's frames are drawn.
    """
    at_most = config.clip.pushforward
    if not at_most:
        return 0
    rng = np.random.default_rng((config.training.seed, step, 0xF0))
    drawn = int((at_most + 1) ** rng.random())
    return drawn if drawn > config.clip.n_past else 0


def optimiser_of(model: Model, config: Config, sharded: bool = False) -> torch.optim.Optimizer:
    """Return the optimiser, with weight decay on matrices and kernels only.

    The learning rate is set before every step.
    A sharded optimiser holds in each process only the moments of its share of the parameters (ZeRO
    stage 1; Rajbhandari et al. 2020, arXiv 1910.02054).

    Raises:
        InputError: Muon is to be sharded.
    """
    options = config.optimiser
    how: dict[str, Any] = {
        "lr": options.learning_rate(0),
        "betas": (options.beta1, options.beta2),
    }
    if options.name == "muon":
        if sharded:
            raise InputError(
                "training.sharded is on and optimiser.name is muon, which needs whole matrices; "
                "expected one of both: set training.sharded=false or optimiser.name=adamw"
            )
        return Muon(model.parameters(), **how, weight_decay=options.weight_decay)
    groups = [
        {
            "params": [p for p in model.parameters() if p.ndim >= 2],
            "weight_decay": options.weight_decay,
        },
        {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    how["fused"] = True
    if sharded:
        from torch.distributed.optim import ZeroRedundancyOptimizer

        return ZeroRedundancyOptimizer(groups, torch.optim.AdamW, **how)
    return torch.optim.AdamW(groups, **how)


@torch.no_grad()
def update_average(average: dict[str, Tensor], model: nn.Module, decay: float, step: int) -> None:
    """Update the exponential moving average of the weights in place; integers are copied.

    The decay warms up as (1 + step) / (10 + step).
    """
    decay = min(decay, (1 + step) / (10 + step))
    now = model.state_dict()
    floats = [key for key in average if average[key].is_floating_point()]
    if decay > 0:
        torch._foreach_lerp_([average[k] for k in floats], [now[k] for k in floats], 1 - decay)
    for key in average:
        if decay <= 0 or not average[key].is_floating_point():
            average[key].copy_(now[key])
