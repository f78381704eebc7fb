"""The promises of docs/reliability.md at length; writes results/reliability.json.

    python benchmarks/soak.py [--only NAME ...] [--minutes 120]

Every promise is a function of tests/hardships.py, the damage of tests/fuzzing.py, the faults of
tests/sweeping.py, or tests with many more examples: the tests do a few, this does the many. The
negative controls take one piece of care out of a copy of the source, and must be found.
When the time is up what was not tried is named. The exit status is 1 if a promise is broken.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import foreframe

ROOT = Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests"
Figures = dict[str, Any]
_WIND_UP_S = 300  # what a sweep needs beside its faults

HARDSHIPS: dict[str, int | None] = {
    "kills": 200,
    "boundaries": None,
    "commit_order": None,
    "signals": 20,
    "full_disks": 50,
    "races": 50,
    "rotten_bits": 1000,
    "killed_builds": 50,
    "killed_experiments": 50,
    "long_training": 2000,
    "long_rollout": 10_000,
    "rude_messages": 10_000,
    "crowded_server": 30,
}
SCRIPTS: dict[str, list[str]] = {
    "fuzz": ["fuzzing.py", "--count", "10000"],
    "unusual": ["fuzzing.py", "--unusual", "--count", "10000"],
    "sweep": ["sweeping.py"],  # the last: it takes the time that is left
}
SUITES: dict[str, tuple[list[str], dict[str, str]]] = {
    "any_json": (["test_any_json.py"], {"FOREFRAME_EXAMPLES": "500"}),
    "hostile": (
        ["test_hostile.py", "test_attacks.py", "test_bombs.py", "test_archives.py"],
        {},
    ),
    "server": (["test_serve.py", "test_watching.py"], {}),
    "released": (["test_released.py"], {}),
    "odd_file_systems": (["test_unfinished.py", "test_durability.py"], {}),
    "controls": (["test_sweeping.py", "test_reliability.py", "-k", "careless or should"], {}),
}
NAMES = [*HARDSHIPS, *SUITES, *SCRIPTS]
# Figures that are 0 where a promise is kept.
ZERO = (
    "stuck",
    "lost",
    "left",
    "unclean",
    "failed",
    "states lost",
    "runs that ended otherwise than unkilled ones",
    "logs with a step twice or out of order",
    "stores that ended otherwise",
    "experiments that ended otherwise",
    "ended otherwise",
    "processes left",
    "losses that are not finite",
)


def endured(name: str, seconds: float) -> Figures:
    """Try a promise in a process of its own, with one thread, for so long at most."""
    try:
        if name in SUITES:
            return _suite(*SUITES[name], seconds)
        if name in SCRIPTS:
            script, *more = SCRIPTS[name]
            if script == "sweeping.py":
                more += ["--minutes", str(max(1.0, (seconds - _WIND_UP_S) / 60))]
            return _script([script, *more], seconds)
        count = HARDSHIPS[name]
        more = [] if count is None else ["--count", str(count)]
        return _script(["hardships.py", name, *more], seconds)
    except subprocess.TimeoutExpired:
        return {"NOT DONE": f"stopped after {seconds:.0f} s, when the time was up"}


def _script(words: list[str], seconds: float) -> Figures:
    done = _run([str(TESTS / words[0]), *words[1:]], {}, seconds)
    if done.returncode:
        return {"FAILED": done.stderr.splitlines()[-1:]}
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    return found


def _suite(tests: list[str], more: Mapping[str, str], seconds: float) -> Figures:
    """Run tests, and count them."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        files = [str(TESTS / word) if word.endswith(".py") else word for word in tests]
        words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *files]
        done = _run(words, more, seconds)
        if not report.exists():
            return {"FAILED": done.stdout.splitlines()[-1:]}
        counted = next(ElementTree.parse(report).iter("testsuite")).attrib
    bad = int(counted["failures"]) + int(counted["errors"])
    return {"tests": int(counted["tests"]), "failed": bad, "skipped": int(counted["skipped"])}


def _run(
    words: list[str], more: Mapping[str, str], seconds: float
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", **more}
    command = [sys.executable, *words]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, check=False, timeout=seconds
    )


def broken(figures: Figures) -> list[str]:
    """The figures that say that a promise is broken."""
    parts = {name: value for name, value in figures.items() if isinstance(value, dict)}
    inside = [f"{name}: {fault}" for name, part in parts.items() for fault in broken(part)]
    own = [name for name in ZERO if figures.get(name)]
    return [*own, *inside, *(["FAILED"] if "FAILED" in figures else [])]


def main() -> int:
    """Try all promises or some, and return 1 if one is broken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--minutes", type=float, default=180, help="of all of it, at most")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "reliability.json")
    options = parser.parse_args()
    known = json.loads(options.out.read_text()) if options.out.exists() else {}
    end, faults, left = time.monotonic() + 60 * options.minutes, [], []
    for name in options.only:
        began = time.monotonic()
        if began >= end:
            left.append(name)
            continue
        found = endured(name, end - began)
        seconds = round(time.monotonic() - began)
        faults += [f"{name}: {fault}" for fault in broken(found)]
        if "NOT DONE" in found:
            left.append(name)
            continue
        known[name] = {"figures": found, "seconds": seconds, "machine": foreframe.info()}
        print(f"{name} ({seconds} s)")
        for what, value in found.items():
            print(f"    {what:<48} {value}")
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(known, indent=1) + "\n")
    if left:
        print(f"not done in {options.minutes:g} minutes: {', '.join(left)}")
    for fault in faults:
        print(f"BROKEN: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
