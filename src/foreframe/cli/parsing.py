"""Turn the words of a command line into the arguments of a function.

Types, defaults and help come from the function's signature and docstring.
"""

from __future__ import annotations

import collections.abc
import importlib
import inspect
import re
import textwrap
import typing
from collections.abc import Callable
from typing import Any

from ..errors import InputError, unknown
from ..plugins import with_names
from .commands import Command


def function_of(command: Command) -> Callable[..., Any]:
    """Return the Python function behind a command."""
    module, name = command.function.split(":")
    found: Callable[..., Any] = getattr(importlib.import_module(f"foreframe.{module}"), name)
    return found


def parse(command: Command, words: list[str]) -> dict[str, Any]:
    """Return the arguments of a command's function.

    If the function takes `changes`, dotted options and their shorthands are collected in it.

    Raises:
        InputError: an unknown option, with the nearest known one; a value of the wrong type; a
            missing argument.
    """
    from jsonargparse import ArgumentError

    function = function_of(command)
    asks_help = "-h" in words or "--help" in words
    configurable = "changes" in inspect.signature(function).parameters
    changes, words = _take_changes(words) if configurable and not asks_help else ({}, words)
    parser = _parser(command, function)
    if asks_help:
        print(_help(command, parser, configurable))
        raise SystemExit(0)
    try:
        given = parser.parse_args(_spelt_out(command, words, function)).as_dict()
    except (ArgumentError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{command.name}: {' '.join(str(error).split())}; "
            f"`foreframe {command.name} --help` shows the options"
        ) from None
    if "config" not in inspect.signature(function).parameters:
        del given["config"]
    arguments = {
        key: tuple(value) if isinstance(value, list) else value for key, value in given.items()
    }
    return arguments | ({"changes": changes} if changes else {})


def _parser(command: Command, function: Callable[..., Any]) -> Any:
    from jsonargparse import ArgumentParser

    parameters = inspect.signature(function).parameters
    parser = ArgumentParser(prog=f"foreframe {command.name}", exit_on_error=False)
    if "config" not in parameters:
        parser.add_argument("--config", action="config", help="a YAML file with these options")
    variable = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    skip = {"changes", *(_shorthands() if variable else ())}
    parser.add_function_arguments(function, as_positional=False, skip=skip)
    for flag, text in command.flags.items():
        parser.add_argument(f"--{flag}", type=bool, default=False, help=text)
    return parser


def _shorthands() -> dict[str, str]:
    """Return the options that are short for a configuration field."""
    from ..training.config import SHORTHANDS

    return SHORTHANDS


def _take_changes(words: list[str]) -> tuple[dict[str, Any], list[str]]:
    """Return dotted options and shorthands as {"any.field": value}, and the remaining words."""
    changes: dict[str, Any] = {}
    rest: list[str] = []
    shorthands, waiting = _shorthands(), list(words)
    while waiting:
        word = waiting.pop(0)
        name, equals, value = word.removeprefix("--").partition("=")
        short = name.replace("-", "_") in shorthands
        if not word.startswith("--") or not (short or "." in name):
            rest.append(word)
            continue
        field = shorthands[name.replace("-", "_")] if short else name
        values = [value] if equals else _take_values(field if short else "", waiting)
        if not values:
            raise InputError(f"--{name} has no value; expected --{name} VALUE")
        many = short and field == "clip.conditions"
        changes[field] = _yaml(_listed(values) if many else values[0])
    return changes, rest


def _take_values(shorthand: str, waiting: list[str]) -> list[str]:
    """Take the words that are an option's value from `waiting`."""
    if shorthand == "clip.conditions":
        return _take(waiting)
    if shorthand == "training.compile":
        return [waiting.pop(0)] if waiting[:1] in (["true"], ["false"]) else ["true"]
    return [waiting.pop(0)] if waiting else []


def _yaml(text: str) -> Any:
    from ..runtime.yaml_text import parse_yaml

    try:
        return parse_yaml(text, "an option")
    except InputError:
        return text


def _spelt_out(command: Command, words: list[str], function: Callable[..., Any]) -> list[str]:
    """Rewrite words for the parser: every value follows `--name=`, lists are in brackets."""
    kinds = _kinds(command, function)
    options = {f"--{name.replace('_', '-')}": name for name in kinds}
    positionals, spelt, waiting = list(command.positionals), [], list(words)
    gathered: dict[str, list[str]] = {}  # of options that may be given again and again
    while waiting:
        word = waiting.pop(0)
        if not word.startswith("--"):
            name = _next_positional(command, positionals, word)
            many = _is_tuple(kinds[name])
            spelt.append(f"--{name}={_listed([word, *_take(waiting)]) if many else word}")
            continue
        option, equals, value = word.partition("=")
        option = option.replace("_", "-")
        if option not in options:
            raise unknown(
                f"option of {command.name}", word.partition("=")[0], _known(options, function)
            )
        name = options[option]
        if name in positionals:
            positionals.remove(name)
        values = [value] if equals else _values_of(kinds[name], waiting)
        if not values or (not equals and values[0].startswith("--")):
            raise InputError(f"{option} has no value; expected {option} VALUE")
        if _is_open_tuple(kinds[name]):
            values = gathered[name] = [*gathered.get(name, ()), *values]
        spelt.append(f"--{name}={_listed(values) if _is_tuple(kinds[name]) else values[0]}")
    _check_complete(command, function, positionals, words)
    return spelt


def _kinds(command: Command, function: Callable[..., Any]) -> dict[str, Any]:
    """Return the type of every option."""
    hints = typing.get_type_hints(function)
    named = {
        name: hints.get(name, str)
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "changes" and parameter.kind is not inspect.Parameter.VAR_KEYWORD
    }
    return {"config": str} | named | dict.fromkeys(command.flags, bool)


def _known(options: dict[str, str], function: Callable[..., Any]) -> list[str]:
    """Return the options to suggest, including shorthands."""
    configurable = "changes" in inspect.signature(function).parameters
    shorthands = _shorthands() if configurable else ()
    return [*options, *(f"--{name.replace('_', '-')}" for name in shorthands)]


def _values_of(kind: Any, waiting: list[str]) -> list[str]:
    """Take the words that are the value of an option of this type from `waiting`."""
    if kind is bool:
        return [waiting.pop(0)] if waiting[:1] in (["true"], ["false"]) else ["true"]
    if _is_tuple(kind):
        return _take(waiting)
    return [waiting.pop(0)] if waiting else []


def _next_positional(command: Command, left: list[str], word: str) -> str:
    if not left:
        raise InputError(
            f"{word!r} is one too many; expected: foreframe {command.name} {command.usage}"
        )
    return left.pop(0)


def _check_complete(
    command: Command, function: Callable[..., Any], left: list[str], words: list[str]
) -> None:
    """Raise an InputError if a positional argument without a default is left."""
    parameters = inspect.signature(function).parameters
    needed = [name for name in left if parameters[name].default is inspect.Parameter.empty]
    if needed and not any(word.startswith("--config") for word in words):
        raise InputError(
            f"{command.name} needs {needed[0].upper()}; "
            f"expected: foreframe {command.name} {command.usage}"
        )


def _take(waiting: list[str]) -> list[str]:
    """Take the words up to the next option from `waiting`."""
    end = next((i for i, word in enumerate(waiting) if word.startswith("--")), len(waiting))
    taken, waiting[:end] = waiting[:end], []
    return taken


def _is_tuple(kind: Any) -> bool:
    if typing.get_origin(kind) in (tuple, collections.abc.Sequence):
        return True
    return any(_is_tuple(option) for option in typing.get_args(kind))


def _is_open_tuple(kind: Any) -> bool:
    """Whether it is a tuple of any length, so that the option can be repeated."""
    return typing.get_origin(kind) is tuple and typing.get_args(kind)[-1:] == (Ellipsis,)


def _listed(values: list[str]) -> str:
    """Return `64 64`, `64,64` or `[64, 64]` as one list.

    >>> _listed(["64", "64"]), _listed(["action,state"])
    ('[64,64]', '[action,state]')
    """
    joined = ",".join(values)
    return joined if joined.startswith("[") else f"[{joined}]"


def _help(command: Command, parser: Any, configurable: bool) -> str:
    for action in parser._actions:
        action.help = with_names(action.help) if action.help else action.help
    parser.formatter_class = _formatter()
    text: str = parser.format_help()
    options = text[text.index("options:") :] if "options:" in text else text
    options = re.sub(r"--\w+", lambda found: found[0].replace("_", "-"), options)
    parts = [
        f"usage: foreframe {command.name} {command.usage}",
        with_names(command.summary),
        options.rstrip(),
    ]
    if configurable:
        from ..training.documentation import help_text

        parts.append(help_text())
    return "\n\n".join(parts)


def _formatter() -> type:
    from jsonargparse import DefaultHelpFormatter

    class WholeNames(DefaultHelpFormatter):  # type: ignore[misc]
        """Wrap help texts at spaces only, so that names with dashes stay whole."""

        def _split_lines(self, text: str, width: int) -> list[str]:
            return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)

    return WholeNames
