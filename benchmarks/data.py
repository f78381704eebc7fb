"""How fast clips come off the disk, beside a PNG + CSV loader on the same trajectories, in one
process.

    python benchmarks/data.py [--quick] [--out results/bench-data.json]

Yardstick: what public code for these tasks does. A clip's pictures are opened one by one with
Pillow and made floats in [0, 1], its CSV files are read row by row, and everything is stacked. Ours
gives the same numbers (asserted), as bytes: the conversion to floats on the device is timed with
it. Rounds alternate; medians with the spread from the lowest to the highest.
"""

from __future__ import annotations

import argparse
import csv
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import foreframe
from foreframe.clips import to_float
from foreframe.data.store import ClipStore
from foreframe.data.windows import Windows

LENGTH, BATCH = 12, 16


def png_and_csv(folder: Path, first: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A clip as public loaders read it.

    Floats [T, C, H, W] and its conditions, action and position [T, 7].
    """
    frames, rows = [], {}
    for t in range(first, first + LENGTH):
        picture = np.asarray(Image.open(folder / f"{t}.png"), np.float32) / 255
        frames.append(torch.from_numpy(picture).permute(2, 0, 1))
    for name in ("actions.csv", "endeffector_positions.csv"):
        with (folder / name).open(newline="") as file:
            rows[name] = [[float(cell) for cell in row] for row in csv.reader(file)]
    conditions = [
        torch.tensor(rows["actions.csv"][t] + rows["endeffector_positions.csv"][t])
        for t in range(first, first + LENGTH)
    ]
    return torch.stack(frames), torch.stack(conditions)


def rounds(kinds: dict[str, Callable[[int], int]], count: int) -> dict[str, list[float]]:
    """Clips a second of each kind, so many rounds, one kind after the other in each."""
    found: dict[str, list[float]] = {name: [] for name in kinds}
    for number in range(count):
        for name, work in kinds.items():
            began = time.perf_counter()
            clips = work(number)
            found[name].append(clips / (time.perf_counter() - began))
    return found


def against_png_and_csv(root: Path, quick: bool) -> dict[str, Any]:
    store = foreframe.data.make("push", root / "store", trajectories=12 if quick else 60)
    foreframe.data.export(store.path, root / "layout")
    folders = sorted((root / "layout" / "train").glob("*/*"), key=lambda p: int(p.name))
    windows = Windows(ClipStore(store.path), "train", LENGTH, ("action", "state"))
    rng = np.random.default_rng(0)
    chosen = rng.integers(0, len(windows), (64, BATCH))
    _assert_same(windows, folders)

    def ours(number: int) -> int:
        for indices in chosen:
            to_float(windows.clips(indices.tolist()).frames)
        return chosen.size

    def bytes_only(number: int) -> int:
        for indices in chosen:
            windows.clips(indices.tolist())
        return chosen.size

    def theirs(number: int) -> int:
        clips = 2 * BATCH
        for _ in range(clips):
            folder = folders[rng.integers(len(folders))]
            png_and_csv(folder, int(rng.integers(0, 30 - LENGTH + 1)))
        return clips

    return rounds(
        {"PNG + CSV": theirs, "store, as floats": ours, "store, as bytes": bytes_only},
        3 if quick else 9,
    )


def _assert_same(windows: Windows, folders: list[Path]) -> None:
    """The two loaders give the same clip.

    Our conditions are those rows one frame later (known before the frame is seen).
    """
    episode, first = windows.place(5)
    folder = folders[windows.episodes.index(episode)]
    frames, conditions = png_and_csv(folder, first)
    clip = windows.clips([5])
    assert torch.equal(to_float(clip.frames[0]), frames), "the loaders read different pictures"
    assert torch.equal(clip.conditions[0, 1:], conditions[:-1]), (
        "the loaders read different conditions"
    )


def long_and_short_episodes(root: Path, quick: bool) -> dict[str, list[float]]:
    """Random windows from episodes of 10,000 frames, and from as many frames in episodes of 30."""
    frames = 20_000 if quick else 60_000
    stores = {
        f"windows of episodes of {n:,} frames": _noise(root / f"noise{n}", frames, n)
        for n in (10_000, 30)
    }
    kinds = {name: _reader(store) for name, store in stores.items()}
    return rounds(kinds, 3 if quick else 9)


def _noise(folder: Path, frames: int, length: int) -> ClipStore:
    """A store of noise pictures in episodes of `length`."""
    archives = folder.with_name(folder.name + "_src")
    archives.mkdir()
    rng = np.random.default_rng(length)
    for number in range(frames // length):
        pictures = rng.integers(0, 256, (length, 64, 64, 3), np.uint8)
        np.savez(
            archives / f"{number:06d}.npz", frames=pictures, actions=rng.normal(size=(length, 4))
        )
    return foreframe.data.import_recordings(archives, folder)


def _reader(store: ClipStore) -> Callable[[int], int]:
    windows = Windows(store, "train", LENGTH, ("action",))

    def read(number: int) -> int:
        for indices in np.random.default_rng(number).integers(0, len(windows), (64, BATCH)):
            windows.clips(indices.tolist())
        return 64 * BATCH

    return read


def readers(root: Path, quick: bool) -> dict[str, list[float]]:
    """Clips a second of 1, 2 and 4 processes together that read one store at once."""
    found: dict[str, list[float]] = {}
    for _ in range(2 if quick else 5):
        for count in (1, 2, 4):
            with multiprocessing.get_context("fork").Pool(count) as pool:
                rates = pool.map(_read_for_a_while, [str(root / "store")] * count)
            found.setdefault(f"{count} processes", []).append(sum(rates))
    return found


def _read_for_a_while(path: str) -> float:
    torch.set_num_threads(1)
    read = _reader(ClipStore(path))
    read(0)
    began, clips = time.perf_counter(), 0
    while time.perf_counter() - began < 0.5:
        clips += read(clips)
    return clips / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="smaller stores and fewer rounds")
    parser.add_argument("--out", type=Path, default=Path("results/bench-data.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        parts = [
            against_png_and_csv(root, options.quick),
            long_and_short_episodes(root, options.quick),
        ]
        parts.append(readers(root, options.quick))
    everything = {name: rates for part in parts for name, rates in part.items()}
    print(
        f"{'clips of 12 frames of 64x64, clips per second':<46}"
        f" {'median':>9} {'lowest':>9} {'highest':>9}"
    )
    for name, rates in everything.items():
        print(f"{name:<46} {statistics.median(rates):9,.0f} {min(rates):9,.0f} {max(rates):9,.0f}")
    ratios = {
        "store as floats over PNG + CSV": _ratio(everything, "store, as floats", "PNG + CSV"),
        "store as bytes over PNG + CSV": _ratio(everything, "store, as bytes", "PNG + CSV"),
        "episodes of 10,000 frames over 30": _ratio(everything, *list(parts[1])),
        "2 readers over 1": _ratio(everything, "2 processes", "1 processes"),
        "4 readers over 1": _ratio(everything, "4 processes", "1 processes"),
    }
    for name, found in ratios.items():
        print(
            f"{name:<46} {found['median']:8.2f}x  "
            f"({found['lowest']:.2f} to {found['highest']:.2f} over rounds)"
        )
    if not options.quick:
        written = {
            "command": "python benchmarks/data.py",
            "machine": foreframe.info(),
            "clips_per_second": everything,
            "ratios": ratios,
        }
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(written, indent=1) + "\n")


def _ratio(rates: dict[str, list[float]], fast: str, slow: str) -> dict[str, float]:
    """Round by round, so that a slow moment of the machine counts on both sides."""
    found = [a / b for a, b in zip(rates[fast], rates[slow], strict=True)]
    return {"median": statistics.median(found), "lowest": min(found), "highest": max(found)}


if __name__ == "__main__":
    main()
