"""A run's log, `metrics.jsonl`: one line a logged step, in order, none twice; nothing in it depends on the clock."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from ..runtime.files import atomic_write


class Log:
    """Appends lines; each has a `step`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, line: dict[str, Any]) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def cut_after(self, step: int) -> None:
        """Drop lines of steps that will be done again."""
        if self.path.exists():
            lines = [line for line in self.path.read_text().splitlines() if _step_of(line) <= step]
            atomic_write(self.path, "".join(f"{line}\n" for line in lines))


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf  # a line cut short by a crash
