"""Completion for shells: commands, options and names, written by shtab."""

from __future__ import annotations

import argparse
import typing
from typing import Any, Literal

from ..errors import ForeframeError
from ..plugins import EXPERIMENTS, FORMATS, PROTOCOLS, RECIPES, TRACKERS, WORLDS
from .options import Option, function_of, is_configurable, options_of, shorthands_of

Shell = Literal["bash", "zsh", "fish"]

_NAMES = {
    "recipe": RECIPES,
    "world": WORLDS,
    "protocol": PROTOCOLS,
    "tracker": TRACKERS,
    ("data import", "format"): FORMATS,
    ("experiment", "name"): EXPERIMENTS,
}
_FOLDERS = {"run", "runs", "store", "data", "src", "resume_from", "runtime"}
_FILES = {
    "config",
    "out",
    "predictions",
    "weights",
    "external",
    "split_list",
    "actions_file",
    "goal",
}


def completion(shell: Shell) -> str:
    """Return the script that teaches a shell to complete foreframe's commands.

    Args:
        shell: bash, zsh or fish.

    Raises:
        ForeframeError: shtab is not installed.
    """
    try:
        import shtab
    except ImportError:
        raise ForeframeError(
            "completion is written by shtab, which is not installed: "
            "pip install 'foreframe[completion]'"
        ) from None
    script: str = shtab.complete(_parser(shtab.FILE, shtab.DIRECTORY), shell)
    return script


def _parser(file: Any, folder: Any) -> argparse.ArgumentParser:
    """Return the commands as a parser of the standard library, which shtab reads."""
    from .commands import COMMANDS

    parser = argparse.ArgumentParser(prog="foreframe", description="video prediction")
    parser.add_argument("--debug", action="store_true", help="show where an error came from")
    parser.add_argument("--version", action="store_true", help="print the version")
    groups: dict[str, Any] = {"": parser.add_subparsers()}
    made: dict[str, argparse.ArgumentParser] = {}
    for name, command in COMMANDS.items():
        group, _, last = name.rpartition(" ")
        if last.startswith("--"):  # an option that makes another command of a verb
            made[group].add_argument(last, help=command.summary).complete = file  # type: ignore[attr-defined]
            continue
        if group not in groups:
            within = groups[""].add_parser(group, help=f"commands on {group}")
            groups[group] = within.add_subparsers()
        made[name] = groups[group].add_parser(last, help=_first(command.summary))
        for option in options_of(command).values():
            _add(made[name], name, option, file, folder)
        if is_configurable(function_of(command)):
            _add_fields(made[name])
        for short in shorthands_of(function_of(command)):
            made[name].add_argument(f"--{short.replace('_', '-')}", help=f"short for {short}")
    return parser


def _add(
    parser: argparse.ArgumentParser, command: str, option: Option, file: Any, folder: Any
) -> None:
    names = [option.name] if option.positional else [option.spelling]
    if option.hint is bool:
        parser.add_argument(*names, action="store_true", help=_first(option.text))
        return
    known: dict[str, Any] = {"help": _first(option.text)}
    group = _NAMES.get((command, option.name)) or _NAMES.get(option.name)
    if typing.get_origin(option.hint) is Literal:
        known["choices"] = [str(value) for value in typing.get_args(option.hint)]
    elif group is not None:
        known["choices"] = group.names()
    added = parser.add_argument(*names, **known)
    if option.name in _FOLDERS:
        added.complete = folder  # type: ignore[attr-defined]
    elif option.name in _FILES:
        added.complete = file  # type: ignore[attr-defined]


def _add_fields(parser: argparse.ArgumentParser) -> None:
    from ..training.documentation import sections

    seen: set[str] = set()
    for section in sections():
        for field in section.fields:
            if field.name not in seen and not field.name.startswith("SCHEDULE."):
                seen.add(field.name)
                parser.add_argument(f"--{field.name}", help=_first(field.text))


def _first(text: str) -> str:
    """The first part of a help text, without what shells would read as their own."""
    short = text.partition(";")[0].partition(". ")[0].rstrip(".")
    return "".join(letter for letter in short if letter not in "%`'\"$[]{}")
