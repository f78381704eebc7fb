"""Fit the posterior of a model that was trained by its samples alone.

Letters: B clips, T frames.

A proper score of samples trains decoder and prior, and says nothing of q(z | x, c).
With both held fixed, the bound is maximised over q: what is left of the gap is that of amortised
inference (Cremer et al. 2018, arXiv 1801.03558).
So reconstructions, the rate and the best explanation of what happened are there for such a model
too, and its samples stay what they were.
"""

from __future__ import annotations

import contextlib
import math
from pathlib import Path

import numpy as np
import torch
from torch import nn

from .. import models
from ..clips import to_float
from ..model import Model
from ..noise import Noise
from ..objective import elbo
from ..rollouts import rollout
from ..runtime import hardware
from ..runtime.progress import progress
from .config import Config
from .plan import TrainingPlan

_MOST_STEPS, _LEAST_STEPS = 150, 5
_SHARE = 7  # of a training's steps: one in seven
_BATCH, _SCORED_FRAMES, _RATE = 8, 3, 3e-3
_NOTE = "posterior_steps"  # in the notes of a model whose posterior was fitted


def fit_posterior(plan: TrainingPlan, run: Path) -> None:
    """Fit the posterior of a run's model, unless training did or it was fitted before."""
    config, described = plan.config, models.describe(run)
    if _is_trained(config) or described["notes"].get(_NOTE):
        return
    model = models.load(run).to(hardware.device())
    posterior = getattr(model, "posterior", None)
    if not isinstance(posterior, nn.Module):
        return
    steps = max(min(config.training.steps // _SHARE, _MOST_STEPS), _LEAST_STEPS)
    _fit(model, posterior, plan, steps)
    notes = described["notes"] | {_NOTE: steps}
    models.save(model, described["model"], described["options"], run, notes)


def _is_trained(config: Config) -> bool:
    return any(config.objective.elbo(step) for step in range(config.training.steps))


def _fit(model: Model, posterior: nn.Module, plan: TrainingPlan, steps: int) -> None:
    """Maximise the bound over the posterior alone, on training clips."""
    config, device = plan.config, next(model.parameters()).device
    batch = min(config.training.batch, _BATCH)
    n_past, length = config.clip.n_past, config.clip.n_past + config.clip.horizon
    beta = config.objective.beta(config.training.steps - 1)
    model.eval().requires_grad_(False)
    posterior.requires_grad_(True)
    optimiser = torch.optim.AdamW(posterior.parameters(), lr=_RATE, weight_decay=0.0)
    rng = np.random.default_rng((config.training.seed, 0x90))
    with contextlib.ExitStack() as stack:
        advance = stack.enter_context(progress("fitting the posterior", steps, "steps"))
        for step in range(steps):
            for group in optimiser.param_groups:
                group["lr"] = _RATE * (1 + math.cos(math.pi * step / steps)) / 2
            clips = plan.clips.clips(rng.integers(len(plan.clips), size=batch).tolist()).to(device)
            truth = to_float(clips.frames[:, :length])
            drawn = rng.choice(
                np.arange(n_past, length), min(_SCORED_FRAMES, length - n_past), False
            )
            scored = sorted(drawn.tolist())
            seeds = rng.integers(1 << 62, size=batch).tolist()
            made = rollout(
                model,
                truth,
                clips.conditions[:, :length],
                n_past,
                noise=Noise(seeds),
                decode_from=n_past,
                decoded=scored,
            )
            optimiser.zero_grad(set_to_none=True)
            elbo(made, truth, beta, scored).loss.backward()
            optimiser.step()
            advance(1)
    model.requires_grad_(True)
