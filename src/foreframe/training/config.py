"""A training configuration: a recipe, a file of changes, and changes from the command line, resolved to typed values.

Recipes are YAML files in `recipes/`; a new one there is known by its name. Nothing in a configuration names a class to
import: a model is chosen by the name of its file, a schedule by its `kind`.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .. import models
from ..errors import InputError, unknown
from ..plugins import RECIPES, SCHEDULES
from ..runtime.hardware import Layout, Precision
from ..schedules import Constant, Schedule, kind_of, schedule_class


@dataclass(frozen=True)
class ClipConfig:
    """What a training clip is.

    `conditions` are column names or roles of the store: `action` is known when one drives or plans; `state` is the truth
    of the future, which nobody has then. `context` says where the context frames come from: from `before` the others, or
    from `anywhere` in the episode, for models that are to tell a frame from its condition however long ago they saw one.

    Before a clip begins the model has gone up to `pushforward` steps on its own, without gradient, so that it learns to go
    on from what it makes of a long future (Brandstetter et al. 2022, arXiv 2202.03376, name it so).
    """

    n_past: int = 2
    horizon: int = 10
    conditions: tuple[str, ...] = ("action",)
    context: Literal["before", "anywhere"] = "before"
    pushforward: int = 0

    @property
    def length(self) -> int:
        """Frames of a clip, with those that the model may go ahead on its own."""
        return self.n_past + self.pushforward + self.horizon

    @property
    def apart(self) -> int:
        """How many context frames come from elsewhere."""
        return self.n_past if self.context == "anywhere" else 0

    def __post_init__(self) -> None:
        _at_least_one("clip", self, "n_past", "horizon")


@dataclass(frozen=True)
class ObjectiveConfig:
    """`beta` weighs the KL against a mean squared error per pixel; with `score_context` the frames 1 ... n_past - 1 count too."""

    beta: Schedule
    score_context: bool = False


@dataclass(frozen=True)
class TeacherForcingConfig:
    """With which probability the true frame is the input after the context.

    It is drawn for each frame (`step`), for each batch of clips (`clip`), or once for every `epoch_steps` optimiser steps
    (`epoch`). The target is the true frame either way.
    """

    ratio: Schedule = Constant(1.0)  # noqa: RUF009 - frozen
    draw: Literal["step", "clip", "epoch"] = "clip"
    epoch_steps: int = 600

    def __post_init__(self) -> None:
        _at_least_one("teacher_forcing", self, "epoch_steps")


@dataclass(frozen=True)
class OptimiserConfig:
    """AdamW without weight decay on vectors (with `weight_decay` 0 it is Adam); `clip_norm` 0 and `ema_decay` 0 are off."""

    learning_rate: Schedule
    beta1: float = 0.9
    beta2: float = 0.999
    weight_decay: float = 0.0
    clip_norm: float = 0.0
    ema_decay: float = 0.0


@dataclass(frozen=True)
class LoopConfig:
    """How long and how often, all in optimiser steps. `batch` is the number of clips over all devices.

    With `accumulate` a device takes its share of the batch in so many parts, one after the other, and adds up the gradients:
    the same step (but for batch normalisation, whose statistics are a part's) in less memory. `sharded` has each of several devices
    keep the optimiser's moments of its share of the weights alone: the same step again, and states that any number of devices go
    on from. `precision` is chosen for the machine unless given, `layout` is channels last, and with `compile` torch.compile makes
    the model's encoder, step and decoder. For the first `first_steps` steps only the share `first_clips` of the clips is used.
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
        every = ("log_every", "validate_every", "save_every")
        _at_least_one(
            "training", self, "steps", "batch", "accumulate", "validation_clips", "keep", *every
        )


def _at_least_one(section: str, options: Any, *names: str) -> None:
    for name in names:
        if getattr(options, name) < 1:
            raise InputError(f"{section}.{name} is {getattr(options, name)}; expected at least 1")


@dataclass(frozen=True)
class Config:
    """All that a run is made of, beside the data."""

    recipe: str
    model: str
    model_options: dict[str, Any]
    clip: ClipConfig
    objective: ObjectiveConfig
    teacher_forcing: TeacherForcingConfig
    optimiser: OptimiserConfig
    training: LoopConfig

    def to_dict(self) -> dict[str, Any]:
        """As JSON or YAML values, in the form that a recipe has."""
        sections = {name: _plain(getattr(self, name)) for name in _SECTIONS}
        return {
            "recipe": self.recipe,
            "model": {"name": self.model, **_plain(self.model_options)},
            **sections,
        }


_SECTIONS: dict[str, type] = {
    "clip": ClipConfig,
    "objective": ObjectiveConfig,
    "teacher_forcing": TeacherForcingConfig,
    "optimiser": OptimiserConfig,
    "training": LoopConfig,
}


def resolve(
    recipe: str, config: str | Path | None = None, changes: Mapping[str, Any] | None = None
) -> Config:
    """The configuration of a run.

    Args:
        recipe: name of a recipe.
        config: a YAML file whose values go over the recipe's.
        changes: dotted names to values, which go over both: `{"training.steps": 100}`.

    Raises:
        InputError: an unknown recipe, section or option, naming the nearest; a value of the wrong type.
    """
    values = _read_yaml(RECIPES.text(recipe), f"recipe {recipe}")
    if config is not None:
        try:
            text = Path(config).read_text()
        except OSError as error:
            raise InputError(
                f"--config {config} cannot be read ({error.strerror}); expected a YAML file"
            ) from None
        _merge(values, {k: v for k, v in _read_yaml(text, str(config)).items() if k != "recipe"})
    for name, value in (changes or {}).items():
        change: Any = value
        for part in reversed(name.split(".")):
            change = {part: change}
        _merge(values, change)
    return _typed(recipe, values)


def _typed(recipe: str, values: dict[str, Any]) -> Config:
    for section in values:
        if section not in {"model", *_SECTIONS}:
            raise unknown("section", section, {"model", *_SECTIONS})
    model = dict(_mapping(values.get("model"), "model"))
    name = model.pop("name", None)
    kind = models.model_class(str(name))
    steps = _mapping(values.get("training"), "training").get("steps")
    order = sorted(
        _SECTIONS, key=lambda key: key != "training"
    )  # its number of steps is what schedules are made for
    sections = {
        key: _section(key, _SECTIONS[key], _mapping(values.get(key), key), steps) for key in order
    }
    return Config(recipe, str(name), _parse(kind, model, "model"), **sections)


def _section(name: str, cls: type, values: Mapping[str, Any], steps: Any) -> Any:
    """A section's dataclass; its schedules are built first, each by its kind."""
    values = dict(values)
    schedules = {f.name for f in dataclasses.fields(cls) if f.type in ("Schedule", Schedule)}
    built = {
        key: _schedule(f"{name}.{key}", values.pop(key), steps) for key in schedules & set(values)
    }
    if lacking := [
        f.name
        for f in dataclasses.fields(cls)
        if f.name in schedules - set(built) and f.default is dataclasses.MISSING
    ]:
        raise InputError(
            f"{name}.{lacking[0]} is missing; expected a number or a schedule such as {{kind: constant, value: 1}}"
        )
    parsed = _parse(cls, values, name, schedules)
    return cls(**parsed, **built)


def _schedule(name: str, value: Any, steps: Any) -> Schedule:
    value = _constant(value)
    options = dict(_mapping(value, name))
    kind = str(options.pop("kind", None))
    if kind not in SCHEDULES.names():
        raise unknown(f"kind of schedule in {name}", kind, SCHEDULES.names())
    cls = schedule_class(kind)
    if "total_steps" in inspect.signature(cls).parameters:
        options.setdefault("total_steps", steps)
    parsed = _parse(cls, options, name)
    try:
        schedule: Schedule = cls(**parsed)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    return schedule


def _constant(value: Any) -> Any:
    """A bare number is a constant schedule."""
    return {"kind": "constant", "value": value} if isinstance(value, int | float | str) else value


def _parse(
    cls: type, values: Mapping[str, Any], where: str, skip: set[str] | None = None
) -> dict[str, Any]:
    """Values checked against the types in the signature of `cls`, with its defaults filled in."""
    from jsonargparse import ArgumentError, ArgumentParser

    skip = {"spec", *(skip or ())}
    known = [name for name in inspect.signature(cls).parameters if name not in skip]
    for key in values:
        if key not in known:
            raise unknown("option", f"{where}.{key}", [f"{where}.{name}" for name in known])
        if values[key] is None:
            raise InputError(f"{where}.{key} is empty; expected a value, or leave it out")
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(cls, skip=skip & set(inspect.signature(cls).parameters))
    try:
        parsed: dict[str, Any] = parser.parse_object(dict(values)).as_dict()
    except (ArgumentError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{where}: {reason}") from None
    return {
        key: tuple(value) if isinstance(value, list) else value for key, value in parsed.items()
    }


def _read_yaml(text: str, where: str) -> dict[str, Any]:
    import yaml

    try:
        found = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise InputError(f"{where} is not YAML ({' '.join(str(error).split())})") from None
    return dict(_mapping(found, where))


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InputError(f"{where} is {value!r}; expected options by name")
    return value


def _merge(values: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """Changes over values. A schedule of another kind replaces the old one whole; so does a bare number."""
    for key, change in changes.items():
        if not isinstance(change, Mapping):
            values[key] = change
            continue
        old = _constant(values.get(key))
        same_kind = isinstance(old, dict) and change.get("kind", old.get("kind")) == old.get("kind")
        values[key] = old if same_kind else dict(change)
        if same_kind:
            _merge(values[key], change)


def _plain(value: Any) -> Any:
    """Dataclasses, schedules and tuples as mappings and lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kind = kind_of(value) if callable(value) else None
        return {
            **({"kind": kind} if kind else {}),
            **{f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)},
        }
    if isinstance(value, Mapping):
        return {key: _plain(v) for key, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, tuple | list) else value
