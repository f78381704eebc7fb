"""The help of a command: how it is used, its arguments and its options."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable

from ..plugins import with_names
from .commands import Command
from .options import Option, function_of, is_configurable, options_of

_COLUMN = 26


def command_help(command: Command) -> str:
    """Return the help of a command."""
    options = options_of(command).values()
    parts = [
        f"usage: foreframe {command.name} {command.usage}".rstrip(),
        with_names(command.summary),
    ]
    arguments = [option for option in options if option.positional]
    if arguments:
        parts.append("arguments:\n" + _listed(arguments))
    parts.append("options:\n" + _listed(option for option in options if not option.positional))
    if is_configurable(function_of(command)):
        from ..training.documentation import help_text

        parts.append(help_text())
    return "\n\n".join(parts)


def _listed(options: Iterable[Option]) -> str:
    return "\n".join(_entry(option) for option in options)


def _entry(option: Option) -> str:
    """An option and its meaning beside it, wrapped at spaces so that names stay whole."""
    width = min(shutil.get_terminal_size((100, 24)).columns, 100)
    text = with_names(option.text) + option.kind
    lines = textwrap.wrap(text, max(width - _COLUMN, 30), break_on_hyphens=False) or [""]
    head = f"  {option.title}"
    if len(head) >= _COLUMN:
        return "\n".join([head, *(" " * _COLUMN + line for line in lines)])
    return "\n".join(
        [f"{head:<{_COLUMN}}{lines[0]}", *(" " * _COLUMN + line for line in lines[1:])]
    ).rstrip()
