"""What training needs to know before it begins, and what it says when it is done."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch

from .. import models
from ..clips import ClipSpec
from ..data.mixtures import MixedWindows, Mixture
from ..errors import InputError
from ..objective import sigma_of_beta
from ..runtime import hardware
from .config import Config
from .cost import cost_of, size_advice
from .step import weights_at

_CHECKED_STEPS = 1000  # of a run, evenly spread: schedules change slowly


@dataclass(frozen=True)
class Devices:
    """The processes that share each batch.

    Attributes:
        per_node: processes on each machine.
        nodes: machines.
    """

    per_node: int = 1
    nodes: int = 1

    @property
    def total(self) -> int:
        """Processes on all machines."""
        return self.per_node * self.nodes


@dataclass(frozen=True)
class TrainingPlan:
    """A resolved run: what is trained, on which clips, where and how long.

    Attributes:
        config: the run's configuration.
        spec: what the model's clips look like.
        clips: the clips to train on.
        validation: the clips to validate on; None if the store has none of this length.
        devices: the processes that share each batch.
        last_step: the optimiser step to stop after.
    """

    config: Config
    spec: ClipSpec
    clips: MixedWindows
    validation: MixedWindows | None
    devices: Devices
    last_step: int

    def __post_init__(self) -> None:
        loop, devices = self.config.training, self.devices
        if loop.batch % (devices.total * loop.accumulate):
            raise InputError(
                f"training.batch is {loop.batch}, devices {devices.per_node} on {devices.nodes} "
                f"machines, training.accumulate {loop.accumulate}; "
                "expected a batch that they can share equally"
            )


@dataclass(frozen=True)
class TrainingSummary:
    """A run in figures, known before it is trained.

    Attributes:
        config: the run's configuration.
        parameters: numbers that the model learns.
        frame: shape of a frame, (C, H, W).
        condition: shape of a condition.
        condition_columns: the store's columns that conditions are made of.
        future_states_given: whether conditions hold states that nothing but a recording knows.
        training_clips: number of clips to train on.
        equivalent_sigma: the pixel standard deviation that beta stands for at the last step.
        precision: the precision that is computed in.
        seconds_per_step: about so many on two cores; None for a model that was never measured.
        hours: about so many for all steps.
        advice: what to know of pictures far larger than those of the recipes.
    """

    config: Config
    parameters: int
    frame: tuple[int, ...]
    condition: tuple[int, ...]
    condition_columns: tuple[str, ...]
    future_states_given: bool
    training_clips: int
    equivalent_sigma: float
    precision: str
    seconds_per_step: float | None = None
    hours: float | None = None
    advice: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return JSON or YAML values."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        del values["advice"]  # words for a person
        values["config"] = self.config.to_dict()
        return {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}


@dataclass(frozen=True)
class TrainingResult:
    """What was resolved, and how training ended; after a dry run the steps are 0.

    Attributes:
        summary: the run in figures.
        steps: optimiser steps that the run has done by now.
        best_crps: best validation CRPS, of two prior samples per clip with the averaged weights;
            None if the run was not validated yet.
        best_psnr: validation PSNR of the same weights in dB, of one prior sample per clip.
        skipped_steps: steps whose gradients were not finite.
        rank: number of this process among those that trained.
    """

    summary: TrainingSummary
    steps: int = 0
    best_crps: float | None = None
    best_psnr: float | None = None
    skipped_steps: int = 0
    rank: int = 0


def plan_training(
    config: Config, stores: Mixture, devices: Devices, max_steps: int | None
) -> TrainingPlan:
    """Return the plan of a run.

    Raises:
        InputError: the batch cannot be shared equally, the stores lack clips or conditions, or
            some step would minimise nothing.
    """
    clip, steps = config.clip, config.training.steps
    for step in range(0, steps, -(-steps // _CHECKED_STEPS)):
        weights_at(config, step)
    spec = stores.clip_spec(clip.conditions)
    if clip.mirror and len(spec.condition) != 3:
        raise InputError(
            f"clip.mirror is on and conditions are {list(spec.condition)}; expected label images: "
            "an action to the left cannot be mirrored by turning a picture"
        )
    return TrainingPlan(
        config,
        spec,
        stores.windows(
            "train", clip.length, clip.conditions, detached_context=clip.detached_context
        ),
        _validation(stores, config),
        devices,
        min(config.training.steps, max_steps or config.training.steps),
    )


def summarise(plan: TrainingPlan) -> TrainingSummary:
    """Return a plan in figures.

    Raises:
        InputError: the model does not have these options, or does not take these clips.
    """
    config, spec = plan.config, plan.spec
    with torch.device("meta"):  # its shape without its weights
        model = models.build(config.model, spec, config.model_options)
    parameters = sum(p.numel() for p in model.parameters())
    cost = cost_of(config, spec.frame)
    last_beta = config.objective.beta(config.training.steps)
    return TrainingSummary(
        config=config,
        parameters=parameters,
        frame=spec.frame,
        condition=spec.condition,
        condition_columns=spec.columns,
        future_states_given=spec.uses_future_state,
        training_clips=len(plan.clips),
        equivalent_sigma=round(sigma_of_beta(last_beta, spec.pixels), 4),
        precision=hardware.precision(config.training.precision),
        seconds_per_step=round(cost.seconds_per_step, 3) if cost else None,
        hours=round(cost.hours, 2) if cost else None,
        advice=tuple(size_advice(config, parameters, spec.frame)),
    )


def _validation(stores: Mixture, config: Config) -> MixedWindows | None:
    """An even spread of validation clips; None if no episode of that split is long enough."""
    clip = config.clip
    try:
        return stores.windows(
            "validate",
            clip.length,
            clip.conditions,
            stride=clip.length,
            detached_context=clip.detached_context,
        )
    except InputError:
        return None
