"""Turn the words of a command line into the arguments of a function.

Types, defaults and help come from the function's signature and docstring.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import InputError, unknown
from ..runtime.hints import is_list, is_open_list, list_of, read_text
from ..runtime.yaml_text import parse_yaml
from . import spelling
from .argument_files import as_file, read_arguments, with_commas
from .commands import Command
from .helping import command_help
from .options import (
    REQUIRED,
    Option,
    function_of,
    is_configurable,
    options_of,
    shorthands_of,
)

Values = dict[str, Any]


def parse(command: Command, words: list[str]) -> Values:
    """Return the arguments of a command's function, and the switches of the command line.

    Where the function takes `changes`, dotted options and their shorthands are collected in it.

    Raises:
        InputError: an unknown option, with the nearest known one; a value of the wrong type; a
            missing argument.
    """
    if "-h" in words or "--help" in words:
        print(command_help(command))
        raise SystemExit(0)
    function, options = function_of(command), options_of(command)
    texts, changes = _Words(command, function, options, words).read()
    given: Values = {}
    if "config" in texts:
        given, below = read_arguments(command, texts.pop("config"))
        changes = {**below, **changes}
    given |= {
        name: read_text(_named(options[name]), options[name].hint, text)
        for name, text in texts.items()
    }
    if given.pop("print_config", False):
        print(as_file(command, given, changes), end="")
        raise SystemExit(0)
    _check_complete(command, options, given)
    defaults = {
        name: option.default
        for name, option in options.items()
        if option.default is not REQUIRED and name not in ("config", "print_config")
    }
    return {**defaults, **given, **({"changes": changes} if changes else {})}


class _Words:
    """The words after a command, read from the first to the last.

    Args:
        command: the command.
        function: its function.
        options: its options by name.
        words: the words.
    """

    def __init__(
        self,
        command: Command,
        function: Callable[..., Any],
        options: Mapping[str, Option],
        words: list[str],
    ) -> None:
        self.command, self.options, self.waiting = command, options, list(words)
        self.configurable = is_configurable(function)
        self.shorthands = shorthands_of(function)
        self.positionals = list(command.positionals)
        self.texts: dict[str, str] = {}
        self.changes: Values = {}
        self.gathered: dict[str, list[str]] = {}

    def read(self) -> tuple[dict[str, str], Values]:
        """Return the text of each option by its name, and the values of configuration fields."""
        while self.waiting:
            word = self.waiting.pop(0)
            if not word.startswith("--"):
                self._positional(word)
                continue
            word, equals, value = word.partition("=")
            self._option(word, [value] if equals else None)
        return self.texts, self.changes

    def _positional(self, word: str) -> None:
        if not self.positionals:
            usage = f"foreframe {self.command.name} {self.command.usage}"
            raise InputError(f"{word!r} is one too many; expected: {usage}")
        name = self.positionals.pop(0)
        many = is_list(self.options[name].hint)
        self.texts[name] = list_of([word, *self._values()]) if many else word

    def _option(self, word: str, given: list[str] | None) -> None:
        name = word.removeprefix("--")
        if self.configurable and "." in name:
            field = name.replace("-", "_")
            self.changes[field] = _yaml(self._one(word, given))
            return
        name = self._known(word, given)
        if name in self.shorthands:
            self._shorthand(name, word, given)
            return
        option = self.options[name]
        if name in self.positionals:
            self.positionals.remove(name)
        if option.hint is bool:
            self.texts[name] = given[0] if given else self._switch()
        elif is_list(option.hint):
            values = self._values() if given is None else given
            if not values:
                raise InputError(f"{word} has no value; expected {word} VALUE")
            if is_open_list(option.hint):  # given again and again
                values = self.gathered[name] = [*self.gathered.get(name, ()), *values]
            self.texts[name] = list_of([with_commas(value) for value in values])
        else:
            self.texts[name] = self._one(word, given)

    def _known(self, word: str, given: list[str] | None) -> str:
        """Return the name of an option, or raise an error that says how it is spelt."""
        dashed = word.replace("_", "-")
        name = dashed.removeprefix("--").replace("-", "_")
        if name not in self.options and name not in self.shorthands:
            known = [*(o.spelling for o in self.options.values()), *map(_dashed, self.shorthands)]
            known += ["--changes"] if self.configurable else []
            value = given[0] if given else next(iter(self._values()), "")
            answer = spelling.here(
                self.command.name, word, value, known, self.texts.get("recipe", "")
            )
            known = [option for option in known if option != "--changes"]
            raise answer or unknown(f"option of {self.command.name}", word, known)
        if dashed != word:
            warnings.warn(f"{word} is spelt {dashed} now", FutureWarning, stacklevel=2)
        return name

    def _shorthand(self, name: str, word: str, given: list[str] | None) -> None:
        field = self.shorthands[name]
        if field == "clip.conditions":
            values = self._values() if given is None else given
            if not values:
                raise InputError(f"{word} has no value; expected {word} VALUE")
            self.changes[field] = _yaml(list_of(values))
        elif field == "training.compile":
            self.changes[field] = _yaml(given[0] if given else self._switch())
        else:
            self.changes[field] = _yaml(self._one(word, given))

    def _one(self, word: str, given: list[str] | None) -> str:
        if given is not None:
            return given[0]
        if not self.waiting or self.waiting[0].startswith("--"):
            raise InputError(f"{word} has no value; expected {word} VALUE")
        return self.waiting.pop(0)

    def _switch(self) -> str:
        return self.waiting.pop(0) if self.waiting[:1] in (["true"], ["false"]) else "true"

    def _values(self) -> list[str]:
        """Take the words up to the next option."""
        end = next((i for i, w in enumerate(self.waiting) if w.startswith("--")), None)
        taken, self.waiting = self.waiting[:end], [] if end is None else self.waiting[end:]
        return taken


def _check_complete(command: Command, options: Mapping[str, Option], given: Values) -> None:
    """Raise an InputError if an argument without a default is missing."""
    for name, option in options.items():
        if option.default is REQUIRED and name not in given:
            raise InputError(
                f"{command.name} needs {option.title}; "
                f"expected: foreframe {command.name} {command.usage}"
            )


def _named(option: Option) -> str:
    return option.name.upper() if option.positional else option.spelling


def _dashed(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _yaml(text: str) -> Any:
    try:
        return parse_yaml(text, "an option")
    except InputError:
        return text
