"""Measure what an optimiser step takes on this machine, with pictures of noise.

Letters: B clips, T frames, C channels, H height, W width, A condition.
"""

from __future__ import annotations

import time

import torch

from .. import models
from ..clips import ClipSpec
from ..futures_score import SCORES
from ..runtime import hardware
from .config import Config
from .step import ModelWithLoss, optimiser_of, scored_frames, weights_at

_MOST_CLIPS = 4  # larger batches are measured in part: beside what is fixed, time grows with them


def seconds_per_step(config: Config, spec: ClipSpec) -> float:
    """Return the seconds of an optimiser step, after one that warms up.

    Validation and saving are not in it.
    """
    batch = min(config.training.batch, _MOST_CLIPS)
    found = _measured(config, spec, batch)
    if batch == config.training.batch:
        return found
    half = batch // 2
    per_clip = max(found - _measured(config, spec, half), 0.0) / (batch - half)
    return found + per_clip * (config.training.batch - batch)


def _measured(config: Config, spec: ClipSpec, batch: int) -> float:
    """Seconds of a step in the middle of the run, with so many clips."""
    device, objective = hardware.device(), config.objective
    model = models.build(config.model, spec, config.model_options).to(device)
    model.to(memory_format=hardware.layout(config.training.layout))  # type: ignore[call-overload]
    with_loss = ModelWithLoss(
        model,
        config.clip.n_past,
        objective.score_context,
        SCORES[objective.score],
        objective.samples,
    )
    optimiser = optimiser_of(model, config)
    pushforward = config.clip.pushforward // 4  # about the mean of what is drawn
    length = config.clip.n_past + config.clip.horizon + pushforward
    noise = torch.Generator().manual_seed(0)
    frames = torch.randint(0, 256, (batch, length, *spec.frame), generator=noise).byte()
    conditions = torch.rand((batch, length, *spec.condition), generator=noise)
    frames, conditions = frames.to(device), conditions.to(device)
    half = hardware.precision(config.training.precision) == "bf16-mixed"
    middle = config.training.steps // 2
    seconds = 0.0
    for _ in range(2):
        began = time.monotonic()
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            found = with_loss(
                frames,
                conditions,
                list(range(batch)),
                weights_at(config, middle),
                (),
                pushforward,
                scored_frames(config, middle),
            )
        found.loss.backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        float(found.loss.detach())  # waits for the device
        seconds = time.monotonic() - began
    return seconds
