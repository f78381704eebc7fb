"""The typed configuration of a run: what a recipe resolves to.

The `Attributes` of each section are the documentation of its fields: `foreframe train --help`, the
reference page and the comments in a run's `recipe.yaml` show these lines.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..errors import InputError
from ..runtime.hardware import Layout, Precision
from ..schedules import Constant, Schedule, kind_of


@dataclass(frozen=True)
class ClipConfig:
    """What a training clip is.

    Attributes:
        n_past: context frames, which the model sees before it predicts.
        horizon: frames to predict after the context.
        conditions: column names or roles of the store that are known before each frame is seen;
            `action` is known when a model drives or plans, the future `state` is not.
        context: where the context frames are taken from: `before` the other frames, or `anywhere`
            in the episode, for models that tell a frame from its condition at any distance.
        pushforward: up to how many steps the model predicts without gradient before the clip
            begins, so that it learns to continue from its own frames (Brandstetter et al. 2022,
            arXiv 2202.03376).
        mirror: show every other clip mirrored, left to right, drawn anew each time; for label
            images alone, since the meaning of numbers cannot be mirrored.
    """

    n_past: int = 2
    horizon: int = 10
    conditions: tuple[str, ...] = ("action",)
    context: Literal["before", "anywhere"] = "before"
    pushforward: int = 0
    mirror: bool = False

    @property
    def length(self) -> int:
        """Frames of a clip, with those that the pushforward may take."""
        return self.n_past + self.pushforward + self.horizon

    @property
    def detached_context(self) -> int:
        """How many context frames are taken from elsewhere in the episode."""
        return self.n_past if self.context == "anywhere" else 0

    def __post_init__(self) -> None:
        _at_least_one("clip", self, "n_past", "horizon")


@dataclass(frozen=True)
class ObjectiveConfig:
    """What training minimises.

    Attributes:
        beta: weight of the KL divergence in nats against the mean squared error per pixel.
        score_context: count the context frames after the first in the loss too.
        elbo: weight of the ELBO; at steps with 0 no posterior is computed.
        futures: weight of a proper score of sampled futures.
        score: that score: fair CRPS of pooled pictures, or fair energy score of patches.
        samples: futures that are sampled for each clip, at least 2.
        error: weight of the squared error of sampled futures: alone, a fast start before the score,
            for the context is all that is encoded.
        scored_frames: how many frames of a sampled future are decoded and count at a step, drawn
            anew for each; 0 is all of them.
    """

    beta: Schedule
    score_context: bool = False
    elbo: Schedule = Constant(1.0)  # noqa: RUF009 - frozen
    futures: Schedule = Constant(0.0)  # noqa: RUF009 - frozen
    score: Literal["crps", "energy"] = "crps"
    samples: int = 2
    error: Schedule = Constant(0.0)  # noqa: RUF009 - frozen
    scored_frames: int = 0

    def __post_init__(self) -> None:
        if self.scored_frames < 0:
            raise InputError(
                f"objective.scored_frames is {self.scored_frames}; expected 0 (all) or more"
            )
        if self.samples < 2:
            raise InputError(
                f"objective.samples is {self.samples}; expected at least 2: a single sample cannot "
                "be scored as a distribution"
            )


@dataclass(frozen=True)
class TeacherForcingConfig:
    """When the input after the context is the true frame; the target always is.

    Attributes:
        ratio: probability that the input is the true frame instead of the model's own.
        draw: how often that is drawn: for each `step` of a clip, for each batch of clips (`clip`),
            or once for every `epoch_steps` optimiser steps (`epoch`).
        epoch_steps: optimiser steps that share one draw if `draw` is `epoch`.
    """

    ratio: Schedule = Constant(1.0)  # noqa: RUF009 - frozen
    draw: Literal["step", "clip", "epoch"] = "clip"
    epoch_steps: int = 600

    def __post_init__(self) -> None:
        _at_least_one("teacher_forcing", self, "epoch_steps")


@dataclass(frozen=True)
class OptimiserConfig:
    """AdamW, or Muon for matrices and kernels; without weight decay on vectors.

    Attributes:
        learning_rate: step size.
        name: `adamw`, or `muon`, whose steps take longer and teach more (Jordan et al. 2024).
        beta1: decay of the mean of gradients, in AdamW.
        beta2: decay of the mean of squared gradients.
        weight_decay: decoupled decay of matrices and kernels; with 0 the optimiser is Adam.
        clip_norm: largest norm of the gradients; 0 does not clip.
        ema_decay: decay of the averaged weights, which are validated and saved; 0 does not average.
    """

    learning_rate: Schedule
    name: Literal["adamw", "muon"] = "adamw"
    beta1: float = 0.9
    beta2: float = 0.999
    weight_decay: float = 0.0
    clip_norm: float = 0.0
    ema_decay: float = 0.0


@dataclass(frozen=True)
class LoopConfig:
    """How long to train, how often to log and save, and how to compute; all in optimiser steps.

    Attributes:
        steps: optimiser steps of the whole training.
        batch: clips per optimiser step, over all devices.
        seed: seed of the initial weights, the order of the clips and all noise.
        precision: `32-true` or `bf16-mixed`; `auto` is bf16 on hardware that multiplies it.
        layout: memory layout of convolutions; `auto` is `channels_last`.
        compile: compile the model's encoder, step and decoder with torch.compile.
        accumulate: number of parts that each device computes its share of the batch in, one after
            the other; gradients add up to the same step in less memory, except for batch
            normalisation.
        sharded: keep on each device only the optimiser's moments of its share of the weights; any
            number of devices can resume from the saved states.
        log_every: steps between lines of the log.
        validate_every: steps between validations.
        validation_clips: largest number of clips that a validation scores.
        save_every: steps between saved states.
        keep: number of saved states to keep.
        first_clips: share of the clips to train on at first, above 0 and at most 1.
        first_steps: steps for which only the share `first_clips` is used.
    """

    steps: int
    batch: int = 16
    seed: int = 0
    precision: Precision = "auto"
    layout: Layout = "auto"
    compile: bool = False
    accumulate: int = 1
    sharded: bool = False
    log_every: int = 20
    validate_every: int = 500
    validation_clips: int = 32
    save_every: int = 500
    keep: int = 2
    first_clips: float = 1.0
    first_steps: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.first_clips <= 1:
            raise InputError(
                f"training.first_clips is {self.first_clips}; expected a share above 0, at most 1"
            )
        _at_least_one("training", self, "steps", "batch", "accumulate", "validation_clips", "keep")
        _at_least_one("training", self, "log_every", "validate_every", "save_every")


@dataclass(frozen=True)
class Config:
    """The configuration of a run: everything that it depends on, except the data.

    Attributes:
        recipe: name of the recipe.
        model: name of the model.
        model_options: keyword arguments of the model.
        clip: what a training clip is.
        objective: what training minimises.
        teacher_forcing: when the true frame is the input.
        optimiser: how weights follow their gradients.
        training: how long to train and how to compute.
    """

    recipe: str
    model: str
    model_options: Mapping[str, Any]
    clip: ClipConfig
    objective: ObjectiveConfig
    teacher_forcing: TeacherForcingConfig
    optimiser: OptimiserConfig
    training: LoopConfig

    def to_dict(self) -> dict[str, Any]:
        """Return JSON or YAML values in the form of a recipe."""
        return {
            "recipe": self.recipe,
            "model": {"name": self.model, **_plain(self.model_options)},
            **{name: _plain(getattr(self, name)) for name in SECTIONS},
        }


SECTIONS: dict[str, type] = {
    "clip": ClipConfig,
    "objective": ObjectiveConfig,
    "teacher_forcing": TeacherForcingConfig,
    "optimiser": OptimiserConfig,
    "training": LoopConfig,
}

# Options of `train` that stand for a configuration field.
SHORTHANDS = {
    "conditions": "clip.conditions",
    "horizon": "clip.horizon",
    "save_every": "training.save_every",
    "precision": "training.precision",
    "layout": "training.layout",
    "compile": "training.compile",
}


def schedule_fields(section: type) -> set[str]:
    """Return the names of a section's fields that are schedules.

    >>> sorted(schedule_fields(ObjectiveConfig))
    ['beta', 'elbo', 'error', 'futures']
    """
    return {
        field.name for field in dataclasses.fields(section) if field.type in ("Schedule", Schedule)
    }


def _at_least_one(section: str, options: object, *names: str) -> None:
    for name in names:
        if getattr(options, name) < 1:
            raise InputError(f"{section}.{name} is {getattr(options, name)}; expected at least 1")


def _plain(value: Any) -> Any:
    """Return dataclasses, schedules and tuples as mappings and lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kind = kind_of(value) if callable(value) else None
        fields = {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"kind": kind, **fields} if kind else fields
    if isinstance(value, Mapping):
        return {key: _plain(v) for key, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, tuple | list) else value
