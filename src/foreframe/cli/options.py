"""The options of a command, read from the signature and docstring of its function."""

from __future__ import annotations

import functools
import importlib
import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..runtime.hints import in_words, is_list, is_text
from .commands import Command

REQUIRED = inspect.Parameter.empty

_VALUES = {
    "data": "STORE",
    "resume_from": "RUN",
    "config": "FILE",
    "split_list": "FILE",
    "runtime": "FOLDER",
}
_CONFIG = "a YAML file with arguments of this command; what the command line says goes before it"
_PRINT_CONFIG = "print the arguments as such a file, and do nothing else"
_DEVICE = "where to compute: cpu, cuda, cuda:1 or mps; by default a CUDA device if there is one"


@dataclass(frozen=True)
class Option:
    """An argument of a command.

    Attributes:
        name: the function's name for it.
        hint: the type of its values.
        default: its default; `REQUIRED` for none.
        text: what it means.
        positional: whether its name may be left out.
        passed_on: whether the function takes it.
    """

    name: str
    hint: Any
    default: Any
    text: str
    positional: bool = False
    passed_on: bool = True

    @property
    def spelling(self) -> str:
        """Its name on the command line.

        >>> Option("max_steps", int, None, "").spelling
        '--max-steps'
        """
        return f"--{self.name.replace('_', '-')}"

    @property
    def title(self) -> str:
        """Its name and value, as the help shows them."""
        if self.positional:
            return f"{self.name.upper()}{' ...' if is_list(self.hint) else ''}"
        return self.spelling if self.hint is bool else f"{self.spelling} {self._value}"

    @property
    def kind(self) -> str:
        """Its type and default in words, as the help shows them."""
        if self.hint is bool:
            return ""
        chosen = typing.get_origin(self.hint) is typing.Literal  # the title lists the values
        words = [] if is_text(self.hint) or chosen else [in_words(self.hint)]
        if self.default is REQUIRED:
            words.append("required")
        elif isinstance(self.default, tuple) and self.default:
            words.append(f"default {' '.join(map(str, self.default))}")
        elif self.default not in (None, ()):
            words.append(f"default {self.default}")
        return f" ({'; '.join(words)})" if words else ""

    @property
    def _value(self) -> str:
        if typing.get_origin(self.hint) is typing.Literal:
            return "|".join(str(value) for value in typing.get_args(self.hint))
        if in_words(self.hint).endswith(("a whole number", "a number")):
            return "N"
        return _VALUES.get(self.name, self.name.rpartition("_")[2].upper())


def function_of(command: Command) -> Callable[..., Any]:
    """Return the Python function behind a command."""
    module, name = command.function.split(":")
    found: Callable[..., Any] = getattr(importlib.import_module(f"foreframe.{module}"), name)
    return found


def is_configurable(function: Callable[..., Any]) -> bool:
    """Return whether a function takes configuration fields."""
    return "changes" in inspect.signature(function).parameters


@functools.cache
def options_of(command: Command) -> dict[str, Option]:
    """Return the options of a command by name: positionals first, the common ones last."""
    from docstring_parser import parse

    function = function_of(command)
    hints = typing.get_type_hints(function)
    texts = {
        p.arg_name: " ".join((p.description or "").split())
        for p in parse(inspect.getdoc(function) or "").params
    }
    found = [
        Option(
            name,
            hints.get(name, str),
            parameter.default,
            texts.get(name, ""),
            name in command.positionals,
        )
        for name, parameter in inspect.signature(function).parameters.items()
        if name not in ("changes", "config") and parameter.kind is not parameter.VAR_KEYWORD
    ]
    found.sort(key=lambda option: not option.positional)
    found += [Option(flag, bool, False, text, False, False) for flag, text in command.flags.items()]
    if command.on_device:
        found.append(Option("device", str, None, _DEVICE, False, False))
    found.append(Option("config", str, None, _CONFIG, False, False))
    found.append(Option("print_config", bool, False, _PRINT_CONFIG, False, False))
    return {option.name: option for option in found}


def shorthands_of(function: Callable[..., Any]) -> dict[str, str]:
    """Return the options that are short for a configuration field."""
    from ..training.config import SHORTHANDS

    takes_more = any(
        p.kind is p.VAR_KEYWORD for p in inspect.signature(function).parameters.values()
    )
    return SHORTHANDS if takes_more else {}
