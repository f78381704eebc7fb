"""Any source of recordings -> a clip store.

In parallel, in order, resumable, with a progress bar.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..runtime.progress import progress
from ..runtime.workers import in_order
from .sources.findings import Findings
from .sources.fingerprint import Fingerprint, change_between
from .sources.recording import Column, Recording, Source, findings_of
from .splitting import SHARES, assign_splits
from .store import MANIFEST, ClipStore
from .writing import StoreWriter

__all__ = ["SHARES", "assign_splits", "build", "finished_store", "parse_shard"]


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
    files: Mapping[str, Fingerprint] | None = None,
) -> ClipStore:
    """Read every episode of `source` and write the store `out`.

    `identity` says exactly what is built, for the manifest and for going on after a stop;
    `splits[i]` is where episode i goes unless the recording says so itself; `frame_shape` is (H, W,
    C). With `skip_bad` an episode that cannot be read is left out, and the store's notes say which
    and why. `shard` (k, n) takes every n-th episode from the k-th on. `files` are the fingerprints
    of the source's files. A finished store of the same identity is returned as it is.
    """
    finished = finished_store(out, identity, files)
    if finished is not None:
        return finished
    columns = {"frames": Column("frames", "uint8", frame_shape, lag=0), **source.columns}
    out.parent.mkdir(parents=True, exist_ok=True)
    fork = getattr(source, "fork", None)
    writer = StoreWriter(out, identity, columns, source.frames_per_second, fork)
    try:
        mine = range(shard[0] - 1, len(source), shard[1])
        left, frames, began = mine[writer.done :], 0, time.monotonic()
        count = min(workers or os.cpu_count() or 1, len(left))
        with (
            contextlib.closing(
                in_order(functools.partial(_attempt, source, count > 1), left, count)
            ) as recordings,
            progress(label, len(mine), "episodes", start=writer.done) as advance,
        ):
            for index, recording in zip(left, recordings, strict=True):
                try:
                    if isinstance(recording, InputError):
                        raise recording
                    writer.append(recording, recording.split or splits[index])
                except InputError as error:
                    if not skip_bad:
                        raise
                    writer.skip(str(error))
                    advance(1, f"{len(writer.skipped)} bad ones left out")
                    continue
                frames += writer.episodes[-1]["length"]
                advance(1, f"{frames / (time.monotonic() - began):,.0f} frames/s")
        if not writer.episodes:
            why = (
                f"the first: {writer.skipped[0]}"
                if writer.skipped
                else f"shard {shard[0]} of {shard[1]} is empty"
            )
            raise InputError(f"none of {len(mine)} episodes could be read; {why}")
        return writer.finish({**_found(source), **notes(writer.episodes)}, files)
    except InputError:
        writer.discard()
        raise
    finally:
        writer.close()


def finished_store(
    out: Path, identity: Mapping[str, Any], files: Mapping[str, Fingerprint] | None = None
) -> ClipStore | None:
    """The store at `out` if it is this very one.

    An error if something else is there, or if its source has changed since.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    if not (out / MANIFEST).is_file():
        raise InputError(
            f"{out} holds something else; expected a new folder for the clip store: "
            "choose another OUT"
        )
    store = ClipStore(out)
    wanted = json.loads(json.dumps(identity))
    if files is not None and "files" in store.source and store.source["files"] != wanted["files"]:
        change = change_between(store.source_files(), files)
        raise InputError(
            f"{out} was made from other files than {store.source.get('path')} holds now: {change}; "
            "say --update to read them "
            "again, or choose another OUT"
        )
    skipped = {"chosen"} if "files" in store.source else {"chosen", *wanted.keys() - store.source}
    differ = sorted(
        k for k in {*store.source, *wanted} - skipped if store.source.get(k) != wanted.get(k)
    )
    if not differ:
        return store
    raise InputError(
        f"{out} is another clip store (different: {', '.join(differ)}); "
        "choose another OUT, or remove it first"
    )


def _found(source: Source) -> dict[str, Any]:
    found = findings_of(source)
    return {"findings": found.to_json()} if found != Findings() else {}


def _attempt(source: Source, whole: bool, index: int) -> Recording | InputError:
    """An episode, or what is wrong with it; `whole`.

    With all its frames, to be sent to another process.
    """
    try:
        recording = source.read(index)
        if whole:
            recording.frames = list(recording.frames)
        return recording
    except InputError as error:
        return error


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
