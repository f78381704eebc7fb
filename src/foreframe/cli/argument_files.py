"""Arguments of a command as a YAML file: what `--config` reads and `--print-config` prints."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError, unknown
from ..runtime.hints import is_list, is_text, list_of, read_text, read_value
from ..runtime.yaml_text import parse_yaml
from .commands import Command
from .options import Option, function_of, is_configurable, options_of, shorthands_of

Values = dict[str, Any]

_SIZE = re.compile(r"\d+(x\d+)+")


def read_arguments(command: Command, path: str) -> tuple[Values, Values]:
    """Return the arguments in a YAML file, and its configuration fields.

    Raises:
        InputError: the file cannot be read, or holds something that the command does not take.
    """
    function, options = function_of(command), options_of(command)
    configurable, shorthands = is_configurable(function), shorthands_of(function)
    sections = _sections() if configurable else ()
    given: Values = {}
    changes: Values = {}
    content = _mapping_of(path)
    if configurable:
        from ..training.resolving import stretchable

        content = stretchable(content)
    for key, value in content.items():
        name = str(key).replace("-", "_")
        if name in shorthands:
            changes[shorthands[name]] = value
        elif name in options and name not in ("config", "print_config"):
            if value is not None:
                given[name] = _of_file(f"{key} of {path}", options[name], value)
        elif configurable and (key in sections or "." in str(key)):
            changes[str(key)] = value
        else:
            known = [name for name in options if name not in ("config", "print_config")]
            raise unknown(f"argument of {command.name} in {path}", str(key), [*known, *sections])
    return given, changes


def _mapping_of(path: str) -> Mapping[Any, Any]:
    from ..runtime.files import read_text as read_file

    found = parse_yaml(read_file(Path(path), "a YAML file of arguments"), path)
    if not isinstance(found or {}, Mapping):
        raise InputError(f"{path} holds {type(found).__name__}; expected arguments by name")
    return found or {}


def _of_file(name: str, option: Option, value: Any) -> Any:
    if is_text(option.hint) and not isinstance(value, Mapping | list):
        return str(value)  # a name such as `1` or `on`
    if is_list(option.hint) and not isinstance(value, list):
        return read_text(name, option.hint, list_of([with_commas(str(value))]))
    return read_value(name, option.hint, value)


def _sections() -> tuple[str, ...]:
    from ..training.config import SECTIONS

    return ("model", *SECTIONS)


def as_file(command: Command, given: Values, changes: Values) -> str:
    """Return arguments, and what a recipe resolves to, as a file for `--config`."""
    import yaml

    values = {
        key: list(value) if isinstance(value, tuple) else value for key, value in given.items()
    }
    if "recipe" in given and command.name == "train":
        from ..training.resolving import resolve, stretchable

        values |= stretchable(resolve(given["recipe"], None, changes).to_dict())
    else:
        values |= changes
    head = f"# foreframe {command.name} --config THIS_FILE\n"
    return head + yaml.safe_dump(values, sort_keys=False) if values else head


def with_commas(text: str) -> str:
    """Return `64x48` as `64,48`; any other text as it is.

    >>> with_commas("64x48"), with_commas("box")
    ('64,48', 'box')
    """
    return text.replace("x", ",") if _SIZE.fullmatch(text) else text
