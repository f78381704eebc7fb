"""The promises of docs/reliability.md at length; writes results/reliability.json.

    python benchmarks/soak.py [--only NAME ...]        # about half an hour on two cores

Every promise is a function of tests/hardships.py, or the fuzzing of tests/test_fuzz.py: the tests
do a few, this does the many.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import foreframe

ROOT = Path(__file__).resolve().parents[1]
COUNTS: dict[str, int | None] = {
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
    "fuzz": 10_000,
    "unusual": 10_000,
}


def endured(name: str, count: int | None) -> dict[str, Any]:
    """One hardship in a process of its own, with one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    fuzzes = {"fuzz": [], "unusual": ["--unusual"]}
    script = ROOT / "tests" / ("fuzzing.py" if name in fuzzes else "hardships.py")
    words = [sys.executable, str(script), *fuzzes.get(name, [name])]
    words += [] if count is None else ["--count", str(count)]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        return {"FAILED": done.stderr.splitlines()[-1:]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=COUNTS, default=list(COUNTS))
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "reliability.json")
    options = parser.parse_args()
    known = json.loads(options.out.read_text()) if options.out.exists() else {}
    for name in options.only:
        began = time.monotonic()
        found = endured(name, COUNTS[name])
        known[name] = {
            "figures": found,
            "seconds": round(time.monotonic() - began),
            "machine": foreframe.info(),
        }
        print(f"{name} ({known[name]['seconds']} s)")
        for what, value in found.items():
            print(f"    {what:<48} {value}")
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main()
