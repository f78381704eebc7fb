"""What one must know of a store before training on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .store import SPLITS, ClipStore

Array = NDArray[Any]

_SAMPLED_CLIPS = 256
_STEPS = (1, 5, 10)


def inspect(store: str | Path) -> dict[str, Any]:
    """Episodes, frames, size, rate, condition columns with their ranges, how much moves, and the size on disk.

    Raises:
        InputError: `store` is not a clip store.
    """
    opened = ClipStore(store)
    lengths = [e.length for e in opened.episodes]
    height, width, channels = opened.frame_shape
    return {
        "store": str(opened.path),
        "content": opened.content,
        "source": opened.source,
        "notes": opened.manifest["notes"],
        "episodes": {split: sum(e.split == split for e in opened.episodes) for split in SPLITS},
        "frames": sum(lengths),
        "withheld_frames": sum(e.withheld for e in opened.episodes),
        "frames_per_episode": [min(lengths), max(lengths)],
        "frame": {"height": height, "width": width, "channels": channels},
        "frames_per_second": opened.frames_per_second,
        "conditions": {name: _condition(opened, name) for name, c in opened.columns.items() if c.is_condition},
        "truth": [name for name, column in opened.columns.items() if column.role == "truth"],
        "copy_last_psnr_db": {str(step): _copy_last(opened, step) for step in _STEPS},
        "bytes": sum(file.stat().st_size for file in opened.path.rglob("*") if file.is_file()),
    }


def _condition(store: ClipStore, name: str) -> dict[str, Any]:
    column = store.columns[name]
    if column.role == "label":
        return {"role": "label", "shape": list(column.shape)}
    found = store.statistics(name)
    names = column.names
    values = {n: {key: round(found[key][i], 5) for key in ("mean", "std", "low", "high")} for i, n in enumerate(names)}
    constant = [n for i, n in enumerate(names) if found["low"][i] == found["high"][i]]
    return {"role": column.role, "lag": column.lag, "columns": values, "constant": constant}


def _copy_last(store: ClipStore, step: int) -> float | None:
    """PSNR in dB of a frame against the one `step` before it, averaged over an even spread of places."""
    places = [e.start + first for e in store.episodes for first in range(e.seen - step)]
    if not places:
        return None
    frames = store.column("frames")
    chosen = np.unique(np.linspace(0, len(places) - 1, _SAMPLED_CLIPS).astype(int))
    errors = [_mse(frames[places[i]], frames[places[i] + step]) for i in chosen]
    return round(float(np.mean([-10 * np.log10(max(e, 1e-10)) for e in errors])), 2)


def _mse(a: Array, b: Array) -> float:
    return float(np.mean(((a.astype(np.float32) - b) / 255) ** 2))
