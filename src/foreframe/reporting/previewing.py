"""A look at a store: a contact sheet, or an animation with the conditions drawn beside the
pictures.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.store import ClipStore, Episode
from ..errors import InputError
from ..viz import clips, palette

Array = NDArray[Any]

_ROWS, _COLUMNS = 8, 10
_BAR = 3
_BARS_AT_MOST = 14


def preview(store: str | Path, out: str | Path, split: str | None = None) -> Path:
    """Draw up to eight evenly chosen episodes, as a contact sheet or an animation.

    In an animation the conditions are under each picture: label images as they are, and a bar for
    each number, from the lowest value of its column to the highest.

    Args:
        store: a clip store.
        out: the picture to write: a contact sheet (.png), or an animation (.gif, .webp).
        split: train, validate or test; by default all episodes.

    Raises:
        InputError: `store` is not a store; the suffix is none of these.
    """
    opened, out = ClipStore(store), Path(out)
    if out.suffix not in clips.SUFFIXES:
        raise InputError(
            f"{out} ends in {out.suffix!r}; expected one of {', '.join(clips.SUFFIXES)}"
        )
    episodes = opened.of_split(split) if split else opened.episodes
    chosen = [
        episodes[i] for i in np.unique(np.linspace(0, len(episodes) - 1, _ROWS).round().astype(int))
    ]
    frames = opened.column("frames")
    if out.suffix == ".png":
        return clips.save(
            clips.sheet([frames[e.start : e.start + e.seen] for e in chosen], _COLUMNS, zoom=2), out
        )
    shown = min(min(e.seen for e in chosen), 60)
    tracks = [
        clips.Track(f"{e.name[-12:]} {e.split}", _with_conditions(opened, e, shown), None)
        for e in chosen
    ]
    return clips.animate(tracks, out, opened.frames_per_second or 5.0)


def _with_conditions(store: ClipStore, episode: Episode, shown: int) -> Array:
    """The first frames of an episode with its labels and one bar a condition column below.

    [T, H', W, 3].
    """
    rows = slice(episode.start, episode.start + shown)
    labels = [name for name, column in store.columns.items() if column.role == "label"]
    drawn = [store.column(name)[rows] for name in ("frames", *labels)]
    pictures = np.concatenate([np.broadcast_to(d, (*d.shape[:3], 3)) for d in drawn], 1)
    shares = []
    for name, column in store.columns.items():
        if column.role in ("action", "state"):
            found = store.statistics(name)
            low, high = np.asarray(found["low"]), np.asarray(found["high"])
            shares.append((store.column(name)[rows] - low) / np.where(high > low, high - low, 1))
    if not shares:
        return pictures
    values = np.clip(np.concatenate(shares, 1), 0, 1)[:, :_BARS_AT_MOST]
    width = pictures.shape[2]
    bars = np.full((shown, _BAR * values.shape[1] + 1, width, 3), 235, np.uint8)
    for t, row in enumerate(values):
        for number, share in enumerate(row):
            top = 1 + _BAR * number
            bars[t, top : top + _BAR - 1, : 1 + int(share * (width - 1))] = palette.rgb(
                palette.MODEL
            )
    return np.concatenate([pictures, bars], 1)
