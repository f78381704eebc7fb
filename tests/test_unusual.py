"""Recordings that are valid but unusual come in as they were written, or they are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import foreframe
from unusual import KINDS, npz, outcome, silent

SEEDS = 12
_AS_OFTEN = 0.7


@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_in_is_what_was_written_or_it_is_refused(kind: str) -> None:
    outcomes = [outcome(kind, seed) for seed in range(SEEDS)]
    assert not [said for found, said in outcomes if found == "silent"]
    assert sum(found == "ok" for found, _ in outcomes) >= _AS_OFTEN * SEEDS


@pytest.mark.parametrize("wrong", ["order", "numbers", "gone", "torn"])
def test_what_is_silently_wrong_is_seen(tmp_path: Path, wrong: str) -> None:
    """The negative control: a store with something wrong in it."""
    written = npz(np.random.default_rng(5), tmp_path / "src")
    store = foreframe.data.import_recordings(
        written.source, tmp_path / "store", workers=1, split_by="episode", format="npz"
    )
    assert not silent(written, store)
    frames, numbers = np.array(store.column("frames")), np.array(store.column("action"))
    rows = slice(store.episodes[0].start, store.episodes[0].start + store.episodes[0].length)
    if wrong == "order":
        frames[rows] = frames[rows][::-1]
    elif wrong == "numbers":
        numbers[rows] = numbers[rows] + 1
    elif wrong == "gone":
        del store.episodes[-1]
    else:
        frames[:] = frames[rows][:1]
    store._maps.update(frames=frames, action=numbers)
    assert silent(written, store)
