"""A few of each hardship; `make soak` has the many, and `docs/reliability.md` their figures."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent


def endure(hardship: str, count: int | None = None, source: Path | None = None) -> dict[str, Any]:
    """In a process of its own, with one thread: what is forked must not have begun others.

    `source` is other code to try.
    """
    command = [
        sys.executable,
        str(HERE / "hardships.py"),
        hardship,
        *([] if count is None else ["--count", str(count)]),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"} | (
        {"PYTHONPATH": str(source)} if source else {}
    )
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=600, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_kills_at_random_lose_nothing_beyond_the_save_interval() -> None:
    found = endure("kills", 6)
    assert found["kills"] >= 6
    assert found["states lost"] == 0
    assert found["runs that ended otherwise than unkilled ones"] == 0
    assert found["logs with a step twice or out of order"] == 0
    assert found["most steps repeated"] <= found["save interval"]


def test_a_kill_at_any_io_call_of_a_commit_changes_nothing() -> None:
    found = endure("boundaries", 8)
    assert found["I/O calls in a commit"] > 30
    assert found["killed at"] == 8
    assert found["runs that ended otherwise than unkilled ones"] == 0


def test_a_commit_asks_the_disk_in_the_right_order() -> None:
    found = endure("commit_order")
    assert found["commits"] == found["in the right order"] > 0


def test_signals_save_and_say_so() -> None:
    found = endure("signals", 2)
    assert found == {"signals": 2, "saved and said": 2}


def test_a_full_disk_costs_one_line() -> None:
    found = endure("full_disks", 4)
    assert found == {
        "limits": 4,
        "one line and status 1": 4,
        "states lost": 0,
        "ended otherwise": 0,
    }


def test_two_runs_in_one_folder_have_one_winner() -> None:
    found = endure("races", 3)
    assert found["one winner, nothing spoilt"] == 3


def test_rotten_bits_are_seen() -> None:
    found = endure("rotten_bits", 90)
    for kind in ("state", "model", "store"):
        assert found[f"{kind}: bits flipped"] == found[f"{kind}: seen"] == 30


def test_killed_builds_end_as_others() -> None:
    found = endure("killed_builds", 4)
    assert found["kills"] >= 4
    assert found["stores that ended otherwise"] == 0


def test_killed_experiments_end_as_others() -> None:
    found = endure("killed_experiments", 1)
    assert found["kills"] >= 1
    assert found["experiments that ended otherwise"] == 0


def test_long_runs_stay_flat() -> None:
    """Half a megabyte kept per step would be seen; the measured slopes are in the documentation."""
    training, rollout = endure("long_training", 80), endure("long_rollout", 300)
    assert training["MB grown per 1,000 steps"] < 500
    grown = {
        key: value for key, value in rollout.items() if key.endswith("MB grown per 1,000 frames")
    }
    assert len(grown) == 3
    assert max(grown.values()) < 200, grown
    assert training["open files more than before"] <= 0
    assert training["processes left"] == 0
    assert training["losses that are not finite"] == 0
    assert all(value for key, value in rollout.items() if key.endswith("finite"))


@pytest.mark.parametrize(
    ("where", "care", "carelessness", "hardship", "count"),
    [
        (
            "training/state.py",
            "if digest_file(folder / name) != right",
            "if False",
            "rotten_bits",
            60,
        ),
        ("training/log.py", "if _step_of(line) <= step", "if True", "boundaries", 4),
    ],
    ids=["digests ignored", "log not cut"],
)
def test_hardships_find_what_they_should(
    where: str, care: str, carelessness: str, hardship: str, count: int, tmp_path: Path
) -> None:
    """The negative controls: without one line of care the figures are bad."""
    shutil.copytree(
        HERE.parent / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__")
    )
    file = tmp_path / "src" / "foreframe" / where
    text = file.read_text()
    assert care in text
    file.write_text(text.replace(care, carelessness))
    found = endure(hardship, count, source=tmp_path / "src")
    bad = found.get("runs that ended otherwise than unkilled ones", 0)
    bad += found.get("state: bits flipped", 0) - found.get("state: seen", 0)
    assert bad > 0, found
