"""Content digests, and JSON that carries one, so that a changed file is noticed when it is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError
from .files import read_json, write_json
from .schemas import check_schema

_DIGEST = "digest"  # the key that holds a JSON object's own digest


def digest(content: bytes | memoryview) -> str:
    """Return a short content digest (BLAKE2b, 128 bits) in hexadecimal.

    >>> digest(b"frame")
    'a0f66a9bc6750ac387caf7676498b0e2'
    """
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def digest_file(path: Path) -> str:
    """Return the digest of a file's content."""
    state = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            state.update(block)
    return state.hexdigest()


def with_digest(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return JSON values with their own digest added.

    >>> with_digest({"schema": "example/1"})
    {'schema': 'example/1', 'digest': '60541050944b8411293eea4285ae3e2d'}
    """
    plain = json.loads(json.dumps(value))  # as it will be read
    return {**plain, _DIGEST: _digest_of(plain)}


def check_digest(found: Any, where: str, what: str, schema: str) -> dict[str, Any]:
    """Check JSON values against their own digest, and return them without it.

    Args:
        found: JSON values as they were read.
        where: the file they are from, for the error.
        what: what the file should be, for the error.
        schema: the value that `found["schema"]` must have.

    Raises:
        InputError: another schema, or a value that changed since it was written.
    """
    check_schema(found, where, what, schema)
    plain = {key: value for key, value in found.items() if key != _DIGEST}
    if found.get(_DIGEST) != _digest_of(plain):
        raise InputError(
            f"{where} is not what was written (its digest differs); expected {what}: "
            "restore it or make it again"
        )
    return plain


def write_json_with_digest(path: Path, value: Mapping[str, Any]) -> Path:
    """Write JSON with its own digest, whole or not at all."""
    return write_json(path, with_digest(value))


def read_json_with_digest(path: Path, what: str, schema: str) -> dict[str, Any]:
    """Read JSON that `write_json_with_digest` wrote.

    Raises:
        InputError: the file is missing or damaged, or has another schema.
    """
    return check_digest(read_json(path, what), str(path), what, schema)


def _digest_of(value: Mapping[str, Any]) -> str:
    return digest(json.dumps(value, sort_keys=True).encode())
