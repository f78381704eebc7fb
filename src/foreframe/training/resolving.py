"""Resolve a recipe, a file of changes and changes from the command line to a typed configuration.

Nothing in a configuration names a class to import: a model is chosen by the name of its file, a
schedule by its `kind`.
"""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from .. import models
from ..errors import InputError, unknown
from ..plugins import RECIPES, SCHEDULES
from ..runtime.files import read_text
from ..runtime.hints import check_plain, read_value
from ..runtime.yaml_text import parse_yaml
from ..schedules import Schedule, schedule_class
from .config import SECTIONS, Config, schedule_fields


def resolve(
    recipe: str,
    config: str | Path | None = None,
    changes: Mapping[str, Any] | None = None,
    begun_with: Mapping[str, Any] | None = None,
) -> Config:
    """Return the configuration of a run.

    Args:
        recipe: name of a recipe.
        config: a YAML file whose values override the recipe's.
        changes: dotted names and values that override both: `{"training.steps": 100}`.
        begun_with: what `Config.to_dict` gave when the run began, which then stands for the recipe:
            a run keeps its settings when a later version has a better recipe of that name.

    Raises:
        InputError: an unknown recipe, section or option, naming the nearest; a value of the wrong
            type.
    """
    values = _read_yaml(RECIPES.text(recipe), f"recipe {recipe}")
    if begun_with and begun_with.get("recipe") == recipe:
        begun = stretchable(begun_with)
        values = {name: value for name, value in begun.items() if name != "recipe"}
    if config is not None:
        overriding = stretchable(_read_yaml(_text_of(config), str(config)))
        _merge(values, {name: value for name, value in overriding.items() if name != "recipe"})
    for name, value in (changes or {}).items():
        change: Any = value
        for part in reversed(name.split(".")):
            change = {part: change}
        _merge(values, change)
    return _typed(recipe, values)


def with_defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration that an earlier version's `Config.to_dict` wrote, with today's fields.

    Raises:
        InputError: an option that this version does not have.
    """
    sections = {name: value for name, value in values.items() if name != "recipe"}
    return _typed(str(values.get("recipe")), sections).to_dict()


def stretchable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration whose schedules follow `training.steps` where they were made for it.

    A resolved configuration names the steps of each schedule; with other `training.steps` these
    would stay what they were.

    >>> stretchable({"training": {"steps": 9}, "optimiser": {"learning_rate": {"total_steps": 9}}})
    {'training': {'steps': 9}, 'optimiser': {'learning_rate': {}}}
    """
    training = values.get("training")
    steps = training.get("steps") if isinstance(training, Mapping) else None

    def without(value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        kept = {key: without(part) for key, part in value.items()}
        if steps is not None and kept.get("total_steps") == steps:
            del kept["total_steps"]
        return kept

    return {key: without(value) for key, value in values.items()}


def _typed(recipe: str, values: Mapping[str, Any]) -> Config:
    for section in values:
        if section not in {"model", *SECTIONS}:
            raise unknown("section", section, {"model", *SECTIONS})
    model = dict(_mapping(values.get("model"), "model"))
    name = str(model.pop("name", None))
    options = _parse(models.model_class(name), model, "model", skip={"spec"})
    steps = _mapping(values.get("training"), "training").get("steps")
    # The training section comes first: its number of steps is what schedules are made for.
    order = sorted(SECTIONS, key=lambda section: section != "training")
    sections = {
        section: _section(section, _mapping(values.get(section), section), steps)
        for section in order
    }
    return Config(recipe, name, options, **sections)


def _section(name: str, values: Mapping[str, Any], steps: Any) -> Any:
    """Return a section's dataclass; its schedules are built first, each by its kind."""
    cls = SECTIONS[name]
    schedules = schedule_fields(cls)
    built = {
        key: _schedule(f"{name}.{key}", value, steps)
        for key, value in values.items()
        if key in schedules
    }
    for field in dataclasses.fields(cls):
        required = field.default is dataclasses.MISSING
        if field.name in schedules and field.name not in built and required:
            raise InputError(
                f"{name}.{field.name} is missing; expected a number or a schedule such as "
                "{kind: constant, value: 1}"
            )
    others = {key: value for key, value in values.items() if key not in schedules}
    return cls(**_parse(cls, others, name, schedules), **built)


def _schedule(name: str, value: Any, steps: Any) -> Schedule:
    options = dict(_mapping(_constant(value), name))
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
    """Return the constant schedule that a bare number stands for."""
    return {"kind": "constant", "value": value} if isinstance(value, int | float | str) else value


def _parse(
    cls: type, values: Mapping[str, Any], where: str, skip: Collection[str] = ()
) -> dict[str, Any]:
    """Return values checked against the signature of `cls`, with its defaults filled in."""
    from jsonargparse import ArgumentError, ArgumentParser

    known = [name for name in inspect.signature(cls).parameters if name not in skip]
    for key in values:
        if key not in known:
            raise unknown("option", f"{where}.{key}", [f"{where}.{name}" for name in known])
        if values[key] is None:
            raise InputError(f"{where}.{key} is empty; expected a value, or leave it out")
    check_plain(where, values)
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(cls, skip=set(skip))
    try:
        parsed: dict[str, Any] = parser.parse_object(dict(values)).as_dict()
    except (ArgumentError, TypeError, ValueError, RecursionError) as error:
        hints = _hints(cls)
        for key, value in values.items():
            read_value(f"{where}.{key}", hints.get(key, Any), value)  # says which of them it is
        raise InputError(f"{where}: {' '.join(str(error).split())}") from None
    return {
        key: tuple(value) if isinstance(value, list) else value for key, value in parsed.items()
    }


def _hints(cls: type) -> dict[str, Any]:
    """Return the types of a class's arguments."""
    return typing.get_type_hints(cls) | typing.get_type_hints(
        inspect.getattr_static(cls, "__init__")
    )


def _text_of(config: str | Path) -> str:
    try:
        return read_text(Path(config), "a YAML file")
    except InputError as error:
        raise InputError(f"--config {error}") from None


def _read_yaml(text: str, where: str) -> dict[str, Any]:
    return dict(_mapping(parse_yaml(text, where) or {}, where))


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InputError(f"{where} is {value!r}; expected options by name")
    for name in value:
        if not isinstance(name, str):
            raise InputError(f"{where} has the name {name!r}; expected options by name, as text")
    return value


def _merge(values: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """Put changes over values; a schedule of another kind, or a bare number, replaces all of it."""
    for key, change in changes.items():
        if not isinstance(change, Mapping):
            values[key] = change
            continue
        old = _constant(values.get(key))
        same_kind = isinstance(old, dict) and change.get("kind", old.get("kind")) == old.get("kind")
        values[key] = old if same_kind else dict(change)
        if same_kind:
            _merge(values[key], change)
