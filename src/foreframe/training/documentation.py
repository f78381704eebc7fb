"""Document every configuration field, from the docstring of the class that it belongs to."""

from __future__ import annotations

import inspect
import textwrap
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .. import models
from ..plugins import MODELS, SCHEDULES
from ..schedules import Constant, Schedule, schedule_class
from .config import SECTIONS, SHORTHANDS, Config

_WIDTH = 100
REQUIRED = "required"


@dataclass(frozen=True)
class FieldDoc:
    """The documentation of a configuration field.

    Attributes:
        name: dotted name, as on the command line.
        type: what values it takes.
        default: its default as YAML, or "required".
        text: what it means.
    """

    name: str
    type: str
    default: str
    text: str


@dataclass(frozen=True)
class SectionDoc:
    """The documentation of the fields of one class.

    Attributes:
        title: what is configured, such as `training` or `model: svg`.
        summary: first line of the class's docstring.
        fields: its fields, in the order of its signature.
    """

    title: str
    summary: str
    fields: tuple[FieldDoc, ...]


def sections() -> list[SectionDoc]:
    """Return the documentation of all fields: sections, models and kinds of schedule.

    >>> [section.title for section in sections()][:3]
    ['clip', 'objective', 'teacher_forcing']
    """
    return [
        *(_document(name, cls, f"{name}.") for name, cls in SECTIONS.items()),
        *(
            _document(f"model: {name}", models.model_class(name), "model.")
            for name in MODELS.names()
        ),
        *(
            _document(f"schedule: {kind}", schedule_class(kind), "SCHEDULE.")
            for kind in SCHEDULES.names()
        ),
    ]


def help_text() -> str:
    """Return every field with its default and meaning, for a terminal."""
    blocks = ["configuration fields (a recipe overrides these defaults):"]
    for section in sections():
        lines = [f"{section.title}: {section.summary}"]
        for field in section.fields:
            lines.append(f"  --{field.name} ({field.type}, {_default_words(field)})")
            lines += textwrap.indent(textwrap.fill(field.text, _WIDTH - 8), " " * 8).splitlines()
        blocks.append("\n".join(lines))
    shorts = (
        f"--{name.replace('_', '-')} is short for --{full}" for name, full in SHORTHANDS.items()
    )
    blocks.append("\n".join(shorts))
    blocks.append(
        "A schedule is a number, or a mapping with a kind: "
        "--objective.beta.kind cyclical --objective.beta.cycles 4"
    )
    return "\n\n".join(blocks)


def commented_yaml(config: Config) -> str:
    """Return a resolved configuration as YAML with the meaning of each field above it."""
    values = config.to_dict()
    lines = [
        "# The resolved configuration of a run; `--config` takes this file.",
        _line("recipe", values["recipe"]),
    ]
    model = _document("model", models.model_class(config.model), "")
    lines += ["model:", f"  # {model.summary}", f"  {_line('name', config.model)}"]
    options = {key: value for key, value in values["model"].items() if key != "name"}
    lines += _commented(options, model, "  ")
    for name, cls in SECTIONS.items():
        lines += [f"{name}:", *_commented(values[name], _document(name, cls, ""), "  ")]
    return "\n".join(lines) + "\n"


def _commented(values: Mapping[str, Any], doc: SectionDoc, indent: str) -> Iterator[str]:
    texts = {field.name: field.text for field in doc.fields}
    for key, value in values.items():
        comment = f"{indent}# "
        yield from textwrap.wrap(
            texts.get(key, ""), _WIDTH, initial_indent=comment, subsequent_indent=comment
        )
        if isinstance(value, Mapping):
            yield f"{indent}{key}:"
            yield f"{indent}  {_line('kind', value['kind'])}"
            others = {name: option for name, option in value.items() if name != "kind"}
            kind = _document(key, schedule_class(value["kind"]), "")
            yield from _commented(others, kind, indent + "  ")
        else:
            yield f"{indent}{_line(key, value)}"


def _document(title: str, cls: type, prefix: str) -> SectionDoc:
    from docstring_parser import parse

    text = inspect.getdoc(cls) or ""
    found, summary = parse(text), " ".join(text.partition("\n\n")[0].split())
    texts = {p.arg_name: " ".join((p.description or "").split()) for p in found.params}
    hints = typing.get_type_hints(cls) | typing.get_type_hints(
        inspect.getattr_static(cls, "__init__")
    )
    fields = tuple(
        FieldDoc(f"{prefix}{name}", _type(hints[name]), _default(p.default), texts.get(name, ""))
        for name, p in inspect.signature(cls).parameters.items()
        if name != "spec"
    )
    return SectionDoc(title, summary, fields)


def _type(hint: Any) -> str:
    """Return a type in words.

    >>> _type(typing.Literal["a", "b"]), _type(tuple[int, ...]), _type(float)
    ('a | b', 'list of int', 'float')
    """
    if hint == Schedule:
        return "schedule"
    if typing.get_origin(hint) is typing.Literal:
        return " | ".join(str(value) for value in typing.get_args(hint))
    if typing.get_origin(hint) is tuple:
        return f"list of {_type(typing.get_args(hint)[0])}"
    return getattr(hint, "__name__", str(hint))


def _default(value: Any) -> str:
    if value is inspect.Parameter.empty:
        return REQUIRED
    if isinstance(value, Constant):
        return _yaml(value.value)
    return _yaml(list(value) if isinstance(value, tuple) else value)


def _default_words(field: FieldDoc) -> str:
    return field.default if field.default == REQUIRED else f"default {field.default}"


def _line(key: str, value: Any) -> str:
    return f"{key}: {_yaml(value)}"


def _yaml(value: Any) -> str:
    """Return a value as YAML on one line.

    >>> _yaml([1, 2]), _yaml(True), _yaml(1e-6)
    ('[1, 2]', 'true', '1.0e-06')
    """
    import yaml

    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000)
    return text.removesuffix("...\n").strip()
