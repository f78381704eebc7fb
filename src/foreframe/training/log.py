"""A run's log, `metrics.jsonl`: one line per logged step, in order, without wall-clock times."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..runtime.files import atomic_write


class Log:
    """Append lines to a file; each line has a `step`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, line: Mapping[str, Any]) -> None:
        """Append a line."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def drop_after(self, step: int) -> None:
        """Drop the lines of steps that will be done again."""
        if self.path.exists():
            lines = [
                line
                for line in self.path.read_text(encoding="utf-8").splitlines()
                if _step_of(line) <= step
            ]
            atomic_write(self.path, "".join(f"{line}\n" for line in lines))


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf  # a line cut short by a crash
