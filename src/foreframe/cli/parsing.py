"""From words to a function's arguments: types, defaults and help come from its signature and docstring."""

from __future__ import annotations

import collections.abc
import importlib
import inspect
import typing
from collections.abc import Callable
from typing import Any

from ..errors import InputError, unknown
from .commands import Command


def function_of(verb: Command) -> Callable[..., Any]:
    """The Python function that a verb is."""
    module, name = verb.function.split(":")
    found: Callable[..., Any] = getattr(importlib.import_module(f"foreframe.{module}"), name)
    return found


def parse(verb: Command, words: list[str]) -> dict[str, Any]:
    """The arguments of the verb's function. Dotted options go into `changes`, if it takes them.

    Raises:
        InputError: an unknown option, naming the nearest; a value of the wrong type; something missing.
    """
    from jsonargparse import ArgumentError, ArgumentParser

    function = function_of(verb)
    parameters = inspect.signature(function).parameters
    changes, words = _changes(words) if "changes" in parameters else ({}, words)
    own_config = "config" in parameters
    parser = ArgumentParser(
        prog=f"foreframe {verb.name}", description=verb.summary, exit_on_error=False
    )
    if not own_config:
        parser.add_argument("--config", action="config", help="a YAML file with these options")
    parser.add_function_arguments(function, as_positional=False, skip={"changes"})
    for flag, text in verb.flags.items():
        parser.add_argument(f"--{flag}", type=bool, default=False, help=text)
    if "-h" in words or "--help" in words:
        print(_help(verb, parser))
        raise SystemExit(0)
    try:
        given = parser.parse_args(_spelt_out(verb, words, function)).as_dict()
    except (ArgumentError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{verb.name}: {' '.join(str(error).split())}; `foreframe {verb.name} --help` says the options"
        ) from None
    given.pop("config", None) if not own_config else None
    arguments = {
        key: tuple(value) if isinstance(value, list) else value for key, value in given.items()
    }
    return arguments | ({"changes": changes} if changes else {})


def _changes(words: list[str]) -> tuple[dict[str, Any], list[str]]:
    """`--any.field VALUE` and `--any.field=VALUE` as {"any.field": value}, and the other words."""
    import yaml

    changes: dict[str, Any] = {}
    rest: list[str] = []
    waiting = iter(words)
    for word in waiting:
        name, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or "." not in name:
            rest.append(word)
            continue
        text = value if equals else next(waiting, None)
        if text is None:
            raise InputError(f"--{name} has no value; expected --{name} VALUE")
        try:
            changes[name] = yaml.safe_load(text)
        except yaml.YAMLError:
            changes[name] = text
    return changes, rest


def _spelt_out(verb: Command, words: list[str], function: Callable[..., Any]) -> list[str]:
    """Words as the parser wants them: positionals by name, flags with a value, lists in brackets."""
    kinds = typing.get_type_hints(function) | dict.fromkeys(verb.flags, bool)
    known = {
        f"--{name.replace('_', '-')}": name for name in kinds if name not in ("return", "changes")
    } | {"--config": "config"}
    positionals, spelt = list(verb.positionals), []
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if not word.startswith("--"):
            name = _next_positional(verb, positionals, word)
            many = _is_tuple(kinds[name])
            values = [word, *(_take(waiting) if many else [])]
            spelt.append(f"--{name}={_listed(values) if many else word}")
            continue
        option, equals, value = word.partition("=")
        if option.replace("_", "-") not in known:
            raise unknown(f"option of {verb.name}", option, known)
        name = known[option.replace("_", "-")]
        if name in positionals:
            positionals.remove(name)
        kind = kinds.get(name, str)
        if kind is bool and not equals:
            values = [waiting.pop(0)] if waiting and waiting[0] in ("true", "false") else ["true"]
        else:
            values = [value] if equals else _take(waiting) if _is_tuple(kind) else waiting[:1]
            del waiting[: 0 if equals or _is_tuple(kind) else 1]
        if not values or (not equals and values[0].startswith("--")):
            raise InputError(f"{option} has no value; expected {option} VALUE")
        spelt.append(f"--{name}={_listed(values) if _is_tuple(kind) else values[0]}")
    parameters = inspect.signature(function).parameters
    needed = [name for name in positionals if parameters[name].default is inspect.Parameter.empty]
    if needed and not any(word.startswith("--config") for word in words):
        raise InputError(
            f"{verb.name} needs {needed[0].upper()}; expected: foreframe {verb.name} {verb.usage}"
        )
    return spelt


def _next_positional(verb: Command, left: list[str], word: str) -> str:
    if not left:
        raise InputError(f"{word!r} is one too many; expected: foreframe {verb.name} {verb.usage}")
    return left.pop(0)


def _take(waiting: list[str]) -> list[str]:
    """The words up to the next option, taken away from `waiting`."""
    end = next((i for i, word in enumerate(waiting) if word.startswith("--")), len(waiting))
    taken, waiting[:end] = waiting[:end], []
    return taken


def _is_tuple(kind: Any) -> bool:
    if typing.get_origin(kind) in (tuple, collections.abc.Sequence):
        return True
    return any(_is_tuple(option) for option in typing.get_args(kind))


def _listed(values: list[str]) -> str:
    """`64 64`, `64,64` and `[64, 64]` are the same list.

    >>> _listed(["64", "64"]), _listed(["action,state"])
    ('[64,64]', '[action,state]')
    """
    joined = ",".join(values)
    return joined if joined.startswith("[") else f"[{joined}]"


def _help(verb: Command, parser: Any) -> str:
    text: str = parser.format_help()
    options = text[text.index("options:") :] if "options:" in text else text
    return f"usage: foreframe {verb.name} {verb.usage}\n\n{verb.summary}\n\n{options.rstrip()}"
