"""Read JSON values as the types that the code says it needs.

What was written may have been edited, cut off or written by another version: at this door it is
either what the annotations of a dataclass say, or an error of one line that names the place.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from ..errors import InputError

Kind = TypeVar("Kind")

_NAMES = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
    type(None): "null",
}
_SHOWN = 60  # characters of a value in an error
_LARGEST = 2**63 - 1


def read_as(kind: type[Kind], value: Any, where: str) -> Kind:
    """Return a JSON value as a type: a dataclass, a number, text, or a list or mapping of such.

    Keys that a dataclass does not know are left out: a later version may have written them; keys
    that are missing have their defaults.

    Args:
        kind: the type, as it may stand in an annotation.
        value: JSON values.
        where: the file, for the error.

    Raises:
        InputError: the value is not of the type; the message names the place in the file.

    >>> read_as(tuple[int, ...], [1, 2], "example.json")
    (1, 2)
    >>> read_as(dict[str, float], {"a": "b"}, "example.json")
    Traceback (most recent call last):
        ...
    foreframe.errors.InputError: example.json: a is 'b'; expected a number
    """
    found: Kind = _read(kind, value, where, "")
    return found


def _read(kind: Any, value: Any, where: str, place: str) -> Any:
    if kind is Any:
        return value
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, value, where, place)
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _union(inside, value, where, place)
    if origin is typing.Literal:
        if value not in inside:
            raise _error(where, place, value, f"one of {', '.join(map(str, inside))}")
        return value
    if origin in (list, tuple, Sequence) or kind in (list, tuple):
        return _sequence(origin or kind, inside, value, where, place)
    if origin in (dict, Mapping) or kind is dict:
        return _mapping(inside, value, where, place)
    return _plain(kind, value, where, place)


def _plain(kind: Any, value: Any, where: str, place: str) -> Any:
    wrong = isinstance(value, bool) is not (kind is bool)
    if kind is float and isinstance(value, int) and not wrong and abs(value) <= _LARGEST:
        return float(value)
    if wrong or not isinstance(value, kind) or (kind is int and abs(value) > _LARGEST):
        raise _error(where, place, value, _NAMES.get(kind, kind.__name__))
    return value


def _union(kinds: Sequence[Any], value: Any, where: str, place: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    others = [kind for kind in kinds if kind is not type(None)]
    for kind in others[:-1]:
        try:
            return _read(kind, value, where, place)
        except InputError:
            continue
    return _read(others[-1], value, where, place)


def _sequence(kind: Any, inside: Sequence[Any], value: Any, where: str, place: str) -> Any:
    if not isinstance(value, list | tuple):
        raise _error(where, place, value, "a list")
    fixed = kind is tuple and inside and Ellipsis not in inside
    if fixed and len(value) != len(inside):
        raise _error(where, place, value, f"a list of {len(inside)}")
    kinds = inside if fixed else [inside[0] if inside else Any] * len(value)
    items = [
        _read(each, item, where, f"{place}[{number}]")
        for number, (each, item) in enumerate(zip(kinds, value, strict=True))
    ]
    return tuple(items) if kind is tuple else items


def _mapping(inside: Sequence[Any], value: Any, where: str, place: str) -> Any:
    if not isinstance(value, Mapping):
        raise _error(where, place, value, "values by name")
    kind = inside[1] if inside else Any
    return {
        str(key): _read(kind, item, where, f"{place}.{key}".lstrip("."))
        for key, item in value.items()
    }


def _dataclass(kind: Any, value: Any, where: str, place: str) -> Any:
    if not isinstance(value, Mapping):
        raise _error(where, place, value, "values by name")
    found = {}
    for name, inside, is_needed in _fields(kind):
        inner = f"{place}.{name}".lstrip(".")
        if name in value:
            found[name] = _read(inside, value[name], where, inner)
        elif is_needed:
            raise InputError(
                f"{where}: {inner} is missing; expected what foreframe wrote: "
                "restore it or make it again"
            )
    return kind(**found)


@functools.cache
def _fields(kind: type) -> list[tuple[str, Any, bool]]:
    """The fields of a dataclass: their names, their types, and whether they must be given."""
    kinds, missing = typing.get_type_hints(kind), dataclasses.MISSING
    return [
        (f.name, kinds[f.name], f.default is missing and f.default_factory is missing)
        for f in dataclasses.fields(kind)
    ]


def _error(where: str, place: str, value: Any, expected: str) -> InputError:
    try:
        shown = repr(value)
    except ValueError:  # a number of more digits than Python writes
        shown = "a number of thousands of digits"
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
    return InputError(f"{where}: {place or 'it'} is {shown}; expected {expected}")
