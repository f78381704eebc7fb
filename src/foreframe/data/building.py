"""Build a clip store from any source of recordings: in parallel, in order, resumable."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..errors import InputError
from ..runtime.outputs import is_taken
from ..runtime.progress import progress
from ..runtime.unfinished import remove_remains, unfinished
from ..runtime.workers import in_order
from .sources.findings import Findings
from .sources.fingerprint import Fingerprint, change_between
from .sources.recording import Column, Recording, Source, findings_of
from .splitting import SHARES, assign_splits
from .store import MANIFEST, ClipStore
from .writing import StoreWriter

Array = NDArray[Any]

_SENT_BYTES = 128 << 20  # of an episode's frames; several are held at once

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
    replacing: bool = False,
) -> ClipStore:
    """Read every episode of a source and write a store, whole or not at all.

    The same call goes on where a stopped one was.

    Args:
        source: what is read.
        out: the store's folder.
        identity: what is built, exactly, for the manifest and for going on.
        frame_shape: (H, W, C).
        splits: where each episode goes, unless the recording says so itself.
        workers: processes; one per core by default.
        label: of the progress bar.
        notes: makes the manifest's notes of the written episodes.
        skip_bad: leave out episodes that cannot be read; the store's notes say which and why.
        shard: (k, n) takes every n-th episode from the k-th on.
        files: fingerprints of the source's files.
        replacing: write anew, and put the new store in the place of the one that is there.

    Returns:
        The store, or the finished one of the same identity that is there already.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    if not replacing and (finished := finished_store(out, identity, files)):
        remove_remains(out, identity)
        return finished
    columns = {"frames": Column("frames", "uint8", frame_shape, lag=0), **source.columns}
    with unfinished(out, "clip store") as making:
        if not replacing and (finished := finished_store(out, identity, files)):
            return finished  # of a process that was faster
        is_new = not making.is_begun()
        if replacing:
            making.claim_or_clear(identity)
        else:
            making.claim(identity)
        try:
            fork = getattr(source, "fork", None)
            writer = StoreWriter(making, identity, columns, source.frames_per_second, fork)
            with contextlib.closing(writer):
                mine = range(shard[0] - 1, len(source), shard[1])
                _fill(writer, source, mine, splits, workers, label, skip_bad)
                whole = writer.finish({**_found(source), **notes(writer.episodes)}, files)
        except InputError:
            if is_new:
                making.discard()
            raise
        store = ClipStore(whole.replace() if replacing else whole.finish())
    store.written_now = True
    return store


def _fill(
    writer: StoreWriter,
    source: Source,
    mine: Sequence[int],
    splits: Sequence[str],
    workers: int | None,
    label: str,
    skip_bad: bool,
) -> None:
    """Append the episodes `mine` of a source that are not there yet, read in parallel, in order.

    Raises:
        InputError: an episode cannot be read, or with `skip_bad` none can.
    """
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
                if recording is None:
                    recording = source.read(index)
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
            else "this shard of the source is empty"
        )
        raise InputError(f"none of {len(mine)} episodes could be read; {why}")


def finished_store(
    out: Path, identity: Mapping[str, Any], files: Mapping[str, Fingerprint] | None = None
) -> ClipStore | None:
    """Return the store at `out` if it is this very one, None if nothing is there.

    Raises:
        InputError: something else is there, or its source has changed since.
    """
    if not is_taken(out):
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
            f"{out} was made from other files than {store.source.get('path')} holds now: "
            f"{change}; say --update to read them again, or choose another OUT"
        )
    later = {"options"} - store.source.keys()  # stores of before do not say them
    skipped = {"chosen"} if "files" in store.source else {"chosen", *wanted.keys() - store.source}
    skipped |= later
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


def _attempt(source: Source, whole: bool, index: int) -> Recording | InputError | None:
    """Return an episode, or what is wrong with it.

    A `whole` one has all its frames, to be sent to another process; None if they are too many for
    that, so that the other process reads it itself, a few frames at a time.
    """
    try:
        recording = source.read(index)
        if whole:
            frames = _at_most(recording.frames, _SENT_BYTES)
            if frames is None:
                return None
            recording.frames = frames
        return recording
    except InputError as error:
        return error


def _at_most(frames: Iterable[Array], limit: int) -> list[Array] | None:
    """All frames, if they have no more bytes than that."""
    found, held = [], 0
    for frame in frames:
        found.append(frame)
        held += frame.nbytes
        if held > limit:
            return None
    return found


def parse_shard(text: str | None) -> tuple[int, int]:
    """Return (K, N) of `K/N`, the K-th of N equal shares of the episodes.

    >>> parse_shard("2/4"), parse_shard(None)
    ((2, 4), (1, 1))
    """
    if text is None:
        return 1, 1
    number, slash, count = text.partition("/")
    if not (slash and number.isdigit() and count.isdigit() and 1 <= int(number) <= int(count)):
        raise InputError(f"--shard is {text!r}; expected K/N with 1 <= K <= N, such as 2/4")
    return int(number), int(count)
