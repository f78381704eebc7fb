"""Some of the faults at I/O calls; `make soak` has them all (tests/sweeping.py)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import sweeping

HERE = Path(__file__).parent
NOTHING = {"stuck": 0, "lost": 0, "left": 0, "unclean": 0}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        sys.platform != "linux" or sweeping.compiler() is None,
        reason="the faults are put in by a C library on Linux; there is no C compiler here",
    ),
]


def swept(*words: str, source: Path | None = None) -> dict[str, Any]:
    """Sweep in a process of its own; `source` is other code to try."""
    environment = {**os.environ} | ({"PYTHONPATH": str(source)} if source else {})
    command = [sys.executable, str(HERE / "sweeping.py"), *words]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=600, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


QUICK = ("import", "update", "export", "train", "report", "save a drive")


def test_after_a_fault_at_any_call_the_same_command_ends_as_if_nothing_was() -> None:
    found = swept("--every", "47", "--only", *QUICK)
    assert len(found) == 1 + len(QUICK)
    assert all(found[name]["calls"] > 10 for name in QUICK)
    assert found["in all"]["faults"] > 12
    assert {key: found["in all"][key] for key in NOTHING} == NOTHING, found


CONTROLS = {
    "written in place": (
        "report",
        "runtime/files.py",
        "temporary = _temporary(path)\n    if isinstance(content, str):",
        "temporary = path\n    if isinstance(content, str):",
        "lost",
    ),
    "temporaries kept": (
        "report",
        "runtime/files.py",
        'match["name"] == path.name',
        "not path.name",
        "left",
    ),
    "torn lines count": (
        "import",
        "data/journal.py",
        'if line.endswith(b"\\n")',
        "if line",
        "stuck",
    ),
    "removed before it is replaced": (
        "update",
        "runtime/unfinished.py",
        "        exchange(self.folder, self.out)\n",
        "        shutil.rmtree(self.out)\n        os.replace(self.folder, self.out)\n",
        "lost",
    ),
}


@pytest.mark.parametrize("control", CONTROLS)
def test_a_careless_writer_is_found(control: str, tmp_path: Path) -> None:
    """The negative controls: without one piece of care the figures are bad."""
    command, file, care, carelessness, seen = CONTROLS[control]
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(HERE.parent / "src", tmp_path / "src", ignore=ignored)
    place = tmp_path / "src" / "foreframe" / file
    text = place.read_text()
    assert care in text
    place.write_text(text.replace(care, carelessness))
    found = swept("--only", command, "--every", "2", source=tmp_path / "src")
    assert found["in all"][seen] > 0, found
