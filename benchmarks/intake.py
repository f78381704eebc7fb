"""How fast tiny episodes come in, and how much memory one long episode takes, from files to stores.

    python benchmarks/intake.py [--episodes 20000] [--frames 100000] [--workers 2]

Writes archives of 3 pictures of 16x16 each, and one of so many of 64x64, and imports both, each in
a process of its own. Writes results/bench-intake.json: seconds, those that cores were busy (others
share the machine), and the peak memory of the import and of a worker in GB.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import foreframe

ROOT = Path(__file__).resolve().parents[1]
_IMPORT = """
import json, resource, sys, time
import foreframe
began = time.monotonic()
store = foreframe.data.import_recordings(sys.argv[1], sys.argv[2], workers=int(sys.argv[3]))
seconds = time.monotonic() - began
who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
used = [resource.getrusage(w) for w in who]
busy = sum(u.ru_utime + u.ru_stime for u in used)
print(json.dumps([seconds, busy, *(u.ru_maxrss / 1e6 for u in used), len(store.episodes)]))
"""


def many(folder: Path, count: int) -> None:
    """Write tiny episodes."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for index in range(count):
        frames = rng.integers(0, 255, (3, 16, 16, 3), np.uint8)
        np.savez(folder / f"{index}.npz", image=frames, action=rng.normal(size=(3, 2)))


def long(folder: Path, count: int, block: int = 1000) -> None:
    """Write one long episode, a block of pictures at a time."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    with zipfile.ZipFile(folder / "long.npz", "w") as archive:
        with archive.open("image.npy", "w", force_zip64=True) as member:
            header = {"descr": "|u1", "fortran_order": False, "shape": (count, 64, 64, 3)}
            np.lib.format.write_array_header_2_0(member, header)  # type: ignore[arg-type]
            for first in range(0, count, block):
                size = (min(block, count - first), 64, 64, 3)
                member.write(rng.integers(0, 255, size, np.uint8).tobytes())
        with archive.open("action.npy", "w") as member:
            np.lib.format.write_array(member, rng.normal(size=(count, 2)))


def measured(write: Callable[[Path, int], None], count: int, workers: int) -> dict[str, Any]:
    """Write a source, import it in a process of its own, and return the figures."""
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "source", Path(folder) / "store"
        write(source, count)
        words = [sys.executable, "-c", _IMPORT, str(source), str(out), str(workers)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
    seconds, busy, parent, worker, episodes = json.loads(done.stdout.splitlines()[-1])
    return {
        "written": count,
        "episodes": episodes,
        "seconds": round(seconds, 1),
        "core_seconds": round(busy, 1),
        "per_second": round(count / seconds, 1),
        "peak_gb": {"import": round(parent, 2), "worker": round(worker, 2)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--episodes", type=int, default=20_000)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "bench-intake.json")
    options = parser.parse_args()
    found = {
        "machine": foreframe.info(),
        "workers": options.workers,
        "tiny_episodes": measured(many, options.episodes, options.workers),
        "one_long_episode": measured(long, options.frames, options.workers),
    }
    options.out.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
