"""Read values of given types, and say in words which type was expected."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import InputError

_WORDS = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "Path": "a path",
}


def read_text(name: str, hint: Any, text: str) -> Any:
    """Return the value that a text stands for; a list becomes a tuple.

    >>> read_text("--samples", int, "3"), read_text("--size", tuple[int, int] | None, "[64, 48]")
    (3, (64, 48))

    Raises:
        InputError: the text is no value of this type.
    """
    if not is_text(hint):
        return _read(name, hint, text, lambda parser: parser.parse_args([f"--value={text}"]))
    return text


def read_value(name: str, hint: Any, value: Any) -> Any:
    """Return a value of a YAML file, converted to a type; a list becomes a tuple.

    Raises:
        InputError: the value is not of this type.
    """
    return _read(name, hint, value, lambda parser: parser.parse_object({"value": value}))


def check_plain(name: str, value: Any) -> None:
    """Check that no text inside a value is YAML with names, which may stand for any amount.

    The parser reads text as YAML again where the type is not text.

    Raises:
        InputError: there is such a text.
    """
    if isinstance(value, str) and "&" in value and "*" in value:
        raise InputError(f"{name} is text with `&` and `*` in it; expected a plain value")
    if isinstance(value, Mapping):
        for key, item in value.items():
            check_plain(f"{name}.{key}", item)
    elif isinstance(value, list | tuple):
        for item in value:
            check_plain(name, item)


def in_words(hint: Any) -> str:
    """Return what values a type takes.

    >>> in_words(int | None), in_words(tuple[int, ...]), in_words(typing.Literal["a", "b"])
    ('a whole number', 'a list of whole numbers', 'a or b')
    >>> in_words(tuple[int, int] | None)
    '2 whole numbers'
    """
    kinds = typing.get_args(hint)
    if is_union(hint):
        words = dict.fromkeys(in_words(kind) for kind in kinds if kind is not type(None))
        if {"text", "a path"} <= set(words):
            del words["text"]
        return " or ".join(words)
    if typing.get_origin(hint) is typing.Literal:
        return " or ".join(str(kind) for kind in kinds)
    if is_list(hint):
        several = in_words(kinds[0]).removeprefix("a ").replace("text", "word") if kinds else "word"
        several = (
            f"{several}s" if several in ("whole number", "number", "path", "word") else several
        )
        fixed = typing.get_origin(hint) is tuple and Ellipsis not in kinds
        return f"{len(kinds)} {several}" if fixed else f"a list of {several}"
    return _WORDS.get(getattr(hint, "__name__", ""), getattr(hint, "__name__", str(hint)))


def is_union(hint: Any) -> bool:
    """Return whether a type is `A | B`."""
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def is_list(hint: Any) -> bool:
    """Return whether values of a type are lists.

    >>> is_list(tuple[int, int] | None), is_list(str)
    (True, False)
    """
    import collections.abc

    if is_union(hint):
        return any(is_list(kind) for kind in typing.get_args(hint))
    return typing.get_origin(hint) in (tuple, list, collections.abc.Sequence)


def is_open_list(hint: Any) -> bool:
    """Return whether values of a type are lists of any length.

    >>> is_open_list(tuple[str, ...]), is_open_list(tuple[int, int] | None)
    (True, False)
    """
    if is_union(hint):
        return any(is_open_list(kind) for kind in typing.get_args(hint))
    return is_list(hint) and (
        typing.get_origin(hint) is not tuple or Ellipsis in typing.get_args(hint)
    )


def is_text(hint: Any) -> bool:
    """Return whether every text is a value of a type.

    >>> is_text(str), is_text(int | None)
    (True, False)
    """
    return hint is str or (is_union(hint) and str in typing.get_args(hint))


def list_of(values: Sequence[str]) -> str:
    """Return `64 64`, `64,64` or `[64, 64]` as one list.

    >>> list_of(["64", "64"]), list_of(["action,state"])
    ('[64,64]', '[action,state]')
    """
    joined = ",".join(values)
    return joined if joined.startswith("[") else f"[{joined}]"


def _read(name: str, hint: Any, got: Any, parse: typing.Callable[[Any], Any]) -> Any:
    from jsonargparse import ArgumentError, ArgumentParser

    check_plain(name, got)
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--value", type=hint)
    try:
        value = parse(parser).value
    except (ArgumentError, TypeError, ValueError, RecursionError):
        raise InputError(f"{name} is {got!r}; expected {in_words(hint)}") from None
    return tuple(value) if isinstance(value, list) else value
