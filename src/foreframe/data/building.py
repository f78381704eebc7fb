"""Any source of recordings -> a clip store: in parallel, in order, resumable, with a progress bar."""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..runtime.progress import progress
from ..runtime.workers import in_order
from .sources.recording import Column, Recording, Source
from .store import MANIFEST, SPLITS, ClipStore
from .writing import StoreWriter

SHARES = (0.8, 0.1, 0.1)  # of the episodes, for train, validate, test


def build(
    source: Source,
    out: Path,
    identity: Mapping[str, Any],
    frame_shape: tuple[int, int, int],
    splits: Sequence[str],
    workers: int | None,
    label: str,
    notes: Callable[[list[dict[str, Any]]], Mapping[str, Any]] = lambda episodes: {},
    skip_bad: bool = False,
    shard: tuple[int, int] = (1, 1),
) -> ClipStore:
    """Read every episode of `source` and write the store `out`.

    `identity` says exactly what is built, for the manifest and for going on after a stop; `splits[i]` is where episode i
    goes unless the recording says so itself; `frame_shape` is (H, W, C). With `skip_bad` an episode that cannot be read is
    left out, and the store's notes say which and why. `shard` (k, n) takes every n-th episode from the k-th on. A finished
    store of the same identity is returned as it is.
    """
    finished = _finished(out, identity)
    if finished is not None:
        return finished
    columns = {"frames": Column("frames", "uint8", frame_shape, lag=0), **source.columns}
    out.parent.mkdir(parents=True, exist_ok=True)
    writer = StoreWriter(out, identity, columns, source.frames_per_second)
    try:
        mine = range(shard[0] - 1, len(source), shard[1])
        left, frames, began = mine[writer.done :], 0, time.monotonic()
        with (
            contextlib.closing(
                in_order(functools.partial(_attempt, source), left, workers or os.cpu_count() or 1)
            ) as recordings,
            progress(label, len(mine), "episodes", start=writer.done) as advance,
        ):
            for index, recording in zip(left, recordings, strict=True):
                if isinstance(recording, InputError):
                    if not skip_bad:
                        raise recording
                    writer.skip(str(recording))
                    advance(1, f"{len(writer.skipped)} bad ones left out")
                    continue
                writer.append(recording, recording.split or splits[index])
                frames += writer.episodes[-1]["length"]
                advance(1, f"{frames / (time.monotonic() - began):,.0f} frames/s")
        if not writer.episodes:
            why = (
                f"the first: {writer.skipped[0]}"
                if writer.skipped
                else f"shard {shard[0]} of {shard[1]} is empty"
            )
            raise InputError(f"none of {len(mine)} episodes could be read; {why}")
        return writer.finish(notes(writer.episodes))
    except InputError:
        writer.discard()
        raise
    finally:
        writer.close()


def _finished(out: Path, identity: Mapping[str, Any]) -> ClipStore | None:
    """The store at `out` if it is this very one; an error if something else is there."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    if (out / MANIFEST).is_file():
        store = ClipStore(out)
        if store.source == identity:
            return store
        differ = sorted(
            k for k in {*store.source, *identity} if store.source.get(k) != identity.get(k)
        )
        raise InputError(
            f"{out} is another clip store (different: {', '.join(differ)}); choose another OUT, or remove it first"
        )
    raise InputError(
        f"{out} holds something else; expected a new folder for the clip store: choose another OUT"
    )


def _attempt(source: Source, index: int) -> Recording | InputError:
    """An episode, or what is wrong with it."""
    try:
        return source.read(index)
    except InputError as error:
        return error


def assign_splits(count: int, seed: int, shares: Sequence[float] = SHARES) -> list[str]:
    """A split for each of `count` episodes, drawn with a seed. With three or more episodes no split with a share is empty.

    >>> assign_splits(4, 0).count("train"), assign_splits(1, 0)
    (2, ['train'])
    """
    if len(shares) != 3 or min(shares) < 0 or sum(shares) <= 0:
        raise InputError(
            f"splits are {list(shares)}; expected three shares for train, validate, test, such as 0.8 0.1 0.1"
        )
    wanted = np.asarray(shares, float) / sum(shares)
    counts = np.floor(wanted * count + 1e-9).astype(int)
    if count >= np.count_nonzero(wanted):
        counts = np.maximum(counts, wanted > 0)
    counts[np.argmax(wanted)] += count - counts.sum()
    order = np.random.default_rng(seed).permutation(count)
    names = np.repeat(SPLITS, counts)
    splits = [""] * count
    for place, name in zip(order, names, strict=True):
        splits[place] = str(name)
    return splits


def parse_shard(text: str | None) -> tuple[int, int]:
    """`K/N`, the K-th of N equal shares of the episodes.

    >>> parse_shard("2/4"), parse_shard(None)
    ((2, 4), (1, 1))
    """
    if text is None:
        return 1, 1
    number, slash, count = text.partition("/")
    if not (slash and number.isdigit() and count.isdigit() and 1 <= int(number) <= int(count)):
        raise InputError(f"--shard is {text!r}; expected K/N with 1 <= K <= N, such as 2/4")
    return int(number), int(count)
