"""What else could have happened: the same start and actions, played on with other chance.

Letters: K futures, T frames, O objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...sources.recording import Fork
from .._attempts import valid_future
from .playing import Record, Script, View, play
from .simulation import Simulation

Array = NDArray[Any]

_MOVED_M = 0.01  # an object that some future moves so far counts as moved


def futures_of(
    view: View,
    parted: Simulation,
    script: Script,
    fork: Fork,
    touched: Array,
    stream: np.random.SeedSequence,
) -> tuple[list[Record], list[str]]:
    """Play the futures of the state `parted`, in which `touched` objects [O] were met already.

    Future k depends on the stream and k alone. Returns the futures, and what went wrong with those
    that were thrown away.

    Raises:
        InputError: a future went wrong every time.
    """
    frames = range(fork.start, fork.start + fork.frames)

    def attempt(chance: np.random.Generator) -> tuple[Record, str]:
        simulation = parted.forked()
        simulation.draw_anew(chance, touched)
        record = play(view, simulation, script, chance, frames)
        return record, simulation.trouble

    found = [valid_future(attempt, stream, number) for number in range(fork.count)]
    return [record for record, _ in found], [why for _, discarded in found for why in discarded]


def columns_of(futures: Sequence[Record]) -> dict[str, Array]:
    """Return frames and columns of truth of the futures, by name: [K, T, ...]."""
    each = [{"frames": np.stack(future.pictures), **future.truth()} for future in futures]
    return {name: np.stack([columns[name] for columns in each]) for name in each[0]}


def spread_of(before: Array, futures: Array) -> tuple[int, float | None]:
    """Return how many objects some future moves, and how far apart their places end, m.

    The latter is the root of the mean squared distance from the mean over the futures, unbiased.

    Args:
        before: places of the objects where the futures part: [O, 3].
        futures: their places at the end: [K, O, 3], K at least 2.
    """
    moved = (np.linalg.norm(futures - before, axis=-1) > _MOVED_M).any(0)
    if not moved.any():
        return 0, None
    variance = futures[:, moved].var(axis=0, ddof=1).sum(-1)
    return int(moved.sum()), float(np.sqrt(variance.mean()))
