"""What is finished of a store that grows: a JSON line per episode, appended and synced."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError


class Journal:
    """Lines in a file that is appended to; a last line that was cut off does not count."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self) -> list[dict[str, Any]]:
        """Return the values of the whole lines.

        Raises:
            InputError: a line in the middle is not what was written.
        """
        lines = self._lines()
        found = []
        for number, line in enumerate(lines, start=1):
            try:
                found.append(_entry(line))
            except (ValueError, RecursionError) as error:
                raise InputError(
                    f"{self.path}, line {number} of {len(lines)} is not what was written "
                    f"({error}); remove {self.path.parent} to start over"
                ) from None
        return found

    def cut(self, count: int) -> None:
        """Cut off everything behind the first `count` lines."""
        lines = self._lines()
        if self.path.exists():
            os.truncate(self.path, sum(len(line) for line in lines[:count]))

    def add(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Append lines, and wait until the disk has them."""
        content = "".join(json.dumps(entry) + "\n" for entry in entries).encode()
        with self.path.open("ab", buffering=0) as file:
            whole = file.seek(0, os.SEEK_END)
            try:
                if file.write(content) < len(content):
                    raise OSError(f"{self.path} cannot be written: is the disk full?")
                os.fsync(file.fileno())
            except OSError:
                file.truncate(whole)
                raise

    def _lines(self) -> list[bytes]:
        content = self.path.read_bytes() if self.path.exists() else b""
        return [line for line in content.splitlines(keepends=True) if line.endswith(b"\n")]


def _entry(line: bytes) -> dict[str, Any]:
    found = json.loads(line)
    if not isinstance(found, dict):
        raise ValueError(f"a {type(found).__name__}")
    if "skipped" not in found and not (
        isinstance(found.get("length"), int) and found["length"] >= 0
    ):
        raise ValueError("no length")
    return found
