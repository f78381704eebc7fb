"""What to know of a store before training on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .angles import flips_of, quaternions_of, turns_of
from .classes import is_class_id
from .motion import changes_of, explained, pair
from .store import SPLITS, ClipStore, Episode

Array = NDArray[Any]

_SAMPLED_CLIPS = 256
_STEPS = (1, 5, 10)
_EPISODES, _FRAMES_AN_EPISODE = 32, 300  # that are looked at frame by frame
_SHORTEST = 4
_BLACK = 8  # of 255: a picture that is darker on average shows nothing


def inspect(store: str | Path) -> dict[str, Any]:
    """Episodes, frames, size, rate, condition columns with their ranges, how much moves and why,
    and the size on disk.

    `change_explained` is the correlation of the picture's change with what a condition says of it;
    `black_frames` and `repeated_frames` are shares, `duplicates` are groups of episodes with the
    same pictures, each as split/name.

    Args:
        store: a clip store.

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
        "longest_clip": opened.longest_clip,
        "frame": {"height": height, "width": width, "channels": channels},
        "frames_per_second": opened.frames_per_second,
        "conditions": {
            name: _condition(opened, name) for name, c in opened.columns.items() if c.is_condition
        },
        "truth": [name for name, column in opened.columns.items() if column.role == "truth"],
        "targets": [name for name, column in opened.columns.items() if column.is_target],
        "futures": _futures(opened),
        "copy_last_psnr_db": {str(step): _copy_last(opened, step) for step in _STEPS},
        "change_explained": {
            name: _explained(opened, name) for name, c in opened.columns.items() if c.is_condition
        },
        "black_frames": _share(opened, lambda frames: frames.mean((1, 2, 3)) < _BLACK),
        "repeated_frames": _share(
            opened, lambda frames: (frames[1:] == frames[:-1]).all((1, 2, 3))
        ),
        "duplicates": _duplicates(opened),
        "bytes": sum(file.stat().st_size for file in opened.path.rglob("*") if file.is_file()),
    }


def _futures(store: ClipStore) -> dict[str, int] | None:
    """How many episodes have true futures, how many each, from which frame on and how long."""
    if store.future_columns is None:
        return None
    episodes = sum(episode.futures is not None for episode in store.episodes)
    return {"episodes": episodes, **asdict(store.future_columns.fork)}


def _condition(store: ClipStore, name: str) -> dict[str, Any]:
    column = store.columns[name]
    if column.role == "label":
        return {"role": "label", "shape": list(column.shape)}
    found = store.statistics(name)
    names = column.names
    offsets = column.offset or (0.0,) * len(names)
    values = {
        n: {
            key: round(found[key][i] + (offsets[i] if key != "std" else 0), 5)
            for key in ("mean", "std", "low", "high")
        }
        for i, n in enumerate(names)
    }
    constant = [n for i, n in enumerate(names) if found["low"][i] == found["high"][i]]
    rows = store.column(name)
    some = [rows[e.start : e.start + e.length] for e in _spread(store)]
    turns, quaternions = turns_of(some), quaternions_of(some, names)
    flips = sum(flips_of(part, quaternions) for part in some)
    return {
        "role": column.role,
        "lag": column.lag,
        "columns": values,
        "constant": constant,
        "duplicated": _same_columns(rows, names, constant),
        "offset": {n: o for n, o in zip(names, offsets) if o},
        "wrapping": {names[i]: round(turn, 4) for i, turn in turns.items()},
        "flipping": [list(names[q : q + 4]) for q in quaternions] if flips else [],
        "class_ids": [n for i, n in enumerate(names) if is_class_id(np.concatenate(some)[:, i])],
    }


def _same_columns(rows: Array, names: Sequence[str], constant: Sequence[str]) -> list[list[str]]:
    """Numbers that are the same in every row, constant ones aside."""
    groups: dict[bytes, list[str]] = {}
    for number, name in enumerate(names):
        if name not in constant:
            groups.setdefault(np.ascontiguousarray(rows[:, number]).tobytes(), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def _explained(store: ClipStore, name: str) -> float | None:
    """Correlation of what a condition says with how much the picture changes when it shows."""
    column = store.columns[name]
    if column.role == "label":
        return None
    frames, values, pairs = store.column("frames"), store.column(name), []
    for episode in _spread(store):
        rows = slice(episode.start, episode.start + min(episode.seen, _FRAMES_AN_EPISODE))
        if rows.stop - rows.start > _SHORTEST:
            changes = changes_of(frames[rows], _FRAMES_AN_EPISODE)
            pairs.append(pair(np.asarray(values[rows], float), changes))
    found = explained(pairs, column.lag) if pairs else None
    return None if found is None else round(found, 3)


def _share(store: ClipStore, test: Callable[[Array], Array]) -> float:
    """The share of frames that pass a test, over a spread of episodes."""
    frames = store.column("frames")
    runs = [
        frames[e.start : e.start + min(e.seen, _FRAMES_AN_EPISODE)]
        for e in _spread(store)
        if e.seen > 1
    ]
    passed = [test(run) for run in runs]
    return round(float(np.concatenate(passed).mean()), 4) if passed else 0.0


def _spread(store: ClipStore) -> list[Episode]:
    chosen = np.unique(np.linspace(0, len(store.episodes) - 1, _EPISODES).round().astype(int))
    return [store.episodes[i] for i in chosen]


def _duplicates(store: ClipStore) -> list[list[str]]:
    """Episodes that hold the same pictures; between splits they make every score a lie."""
    groups: dict[str, list[str]] = {}
    for episode in store.episodes:
        groups.setdefault(episode.digests["frames"], []).append(f"{episode.split}/{episode.name}")
    return [group for group in groups.values() if len(group) > 1]


def _copy_last(store: ClipStore, step: int) -> float | None:
    """PSNR in dB of a frame against the one `step` before it, averaged over an even spread of
    places.
    """
    places = [e.start + first for e in store.episodes for first in range(e.seen - step)]
    if not places:
        return None
    frames = store.column("frames")
    chosen = np.unique(np.linspace(0, len(places) - 1, _SAMPLED_CLIPS).astype(int))
    errors = [_mse(frames[places[i]], frames[places[i] + step]) for i in chosen]
    return round(float(np.mean([-10 * np.log10(max(e, 1e-10)) for e in errors])), 2)


def _mse(a: Array, b: Array) -> float:
    return float(np.mean(((a.astype(np.float32) - b) / 255) ** 2))
