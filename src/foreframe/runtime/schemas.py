"""Every file says which schema it has, so that another version knows whether it can read it.

A schema is `foreframe.KIND/NUMBER`; the number grows when readers of before would be wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import InputError

KEY = "schema"


def stamped(values: Mapping[str, Any], schema: str) -> dict[str, Any]:
    """Return JSON values that say which schema they have.

    >>> stamped({"seed": 1}, "foreframe.example/1")
    {'schema': 'foreframe.example/1', 'seed': 1}
    """
    return {KEY: schema, **values}


def unstamped(found: Any, where: str, what: str, schema: str) -> dict[str, Any]:
    """Return what was given to `stamped`, or values of a version that did not stamp yet.

    Args:
        found: JSON values as they were read.
        where: the file they are from, for the error.
        what: what the file should be, for the error.
        schema: the newest that can be read.

    Raises:
        InputError: values of another kind, or of a newer version.
    """
    if isinstance(found, dict) and KEY not in found:
        return found
    check_schema(found, where, what, schema)
    return {key: value for key, value in found.items() if key != KEY}


def check_schema(found: Any, where: str, what: str, schema: str) -> None:
    """Check that JSON values have a schema that can be read.

    Raises:
        InputError: they have none, or one of another kind, or of a newer version.
    """
    got = found.get(KEY) if isinstance(found, dict) else None
    if got == schema:
        return
    if not isinstance(found, dict):
        got = f"none, it is a {type(found).__name__}"
    elif _is_newer(got, schema):
        raise InputError(
            f"{where} has schema {got!r}, which was written by a newer foreframe; this version "
            f"reads up to {schema!r}: upgrade foreframe (pip install -U foreframe)"
        )
    else:
        got = repr(got) if got is None or len(repr(got)) < 80 else f"{repr(got)[:80]}..."
    raise InputError(
        f"{where} has schema {got}; expected {schema!r}, {what}: make it again with this version"
    )


def _is_newer(got: Any, schema: str) -> bool:
    kind, _, number = str(got).partition("/")
    own, _, newest = schema.partition("/")
    return kind == own and number.isdecimal() and len(number) < 9 and int(number) > int(newest)
