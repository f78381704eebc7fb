"""Which clips a protocol scores, for other tools to predict.

Clips are numbered episode by episode in the order of the store, and within an episode by their
first frame.

Letters: M clips, K context frames, T frames, H height, W width, C channels, A condition.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...data.store import ClipStore
from ...data.windows import Windows
from ...errors import InputError
from ...runtime.files import atomic_file, atomic_write
from ...runtime.progress import progress
from ..evaluating import protocol_clips
from ..protocol import Protocol, find_protocol

Array = NDArray[Any]


def clips_of(
    store: ClipStore, split: str, protocol: Protocol, n_past: int | None, horizon: int | None
) -> tuple[Windows, int]:
    """Return the clips that a protocol scores without a run, and how many frames are context.

    Raises:
        InputError: lengths that the protocol does not say and are not given, or says otherwise.
    """
    seen = _length("n_past", protocol.n_past, n_past, protocol)
    ahead = _length("horizon", protocol.horizon, horizon, protocol)
    return protocol_clips(store, split, protocol, seen + ahead), seen


def list_clips(
    out: str | Path,
    data: str | Path,
    split: str = "test",
    protocol: str = "foreframe",
    n_past: int | None = None,
    horizon: int | None = None,
) -> Path:
    """Write which clips a protocol scores, in the order that predictions of them have to have.

    The CSV has the columns `clip`, `episode`, `first_frame`, `context_frames` and
    `predicted_frames`.

    Args:
        out: the CSV to write.
        data: a clip store.
        split: train, validate or test.
        protocol: {protocols}.
        n_past: context frames; needed where the protocol leaves them to the run.
        horizon: predicted frames; needed where the protocol leaves them to the run.

    Raises:
        InputError: not a store; no such split; clips longer than any episode.
    """
    windows, seen = clips_of(ClipStore(data), split, find_protocol(protocol), n_past, horizon)
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(["clip", "episode", "first_frame", "context_frames", "predicted_frames"])
    for index in range(len(windows)):
        episode, first = windows.place(index)
        writer.writerow([index, episode.name, first, seen, windows.length - seen])
    return atomic_write(Path(out), content.getvalue())


def export_clips(
    out: str | Path,
    data: str | Path,
    split: str = "test",
    protocol: str = "foreframe",
    n_past: int | None = None,
    horizon: int | None = None,
) -> Path:
    """Write what a model may see of the clips that a protocol scores, for models of other tools.

    The npz holds `context` uint8 [M, K, H, W, C]; for each column of conditions `condition/NAME`
    [M, T, *A], row t what is known before frame t is seen, and `names/NAME`, what its numbers are;
    `episode` and `first_frame` [M]. It does not hold the frames to predict.

    Args:
        out: the npz to write.
        data: a clip store.
        split: train, validate or test.
        protocol: {protocols}.
        n_past: context frames; needed where the protocol leaves them to the run.
        horizon: predicted frames; needed where the protocol leaves them to the run.

    Raises:
        InputError: not a store; no such split; clips longer than any episode.
    """
    store, chosen = ClipStore(data), find_protocol(protocol)
    windows, seen = clips_of(store, split, chosen, n_past, horizon)
    named = [name for name, column in store.columns.items() if column.is_condition]
    places = [windows.place(index) for index in range(len(windows))]
    with atomic_file(Path(out)) as file, zipfile.ZipFile(file, "w") as archive:
        _save(archive, "episode", np.array([episode.name for episode, _ in places]))
        _save(archive, "first_frame", np.array([first for _, first in places]))
        _write(archive, "context", _contexts(windows, seen), len(windows))
        for name in named:
            if names := store.columns[name].names:
                _save(archive, f"names/{name}", np.array(names))
            known = protocol_clips(store, split, chosen, windows.length, (name,))
            _write(archive, f"condition/{name}", _conditions(known), len(windows))
    return Path(out)


def _contexts(windows: Windows, n_past: int) -> Iterator[Array]:
    """The contexts of all clips, uint8 [M, K, H, W, C], some at a time."""
    frames = windows.store.column("frames")
    with progress("exporting", len(windows), "clips") as advance:
        for index in range(len(windows)):
            episode, first = windows.place(index)
            begin = episode.start + first
            yield np.ascontiguousarray(frames[begin : begin + n_past])[None]
            advance(1)


def _conditions(windows: Windows) -> Iterator[Array]:
    """The conditions of all clips [M, T, *A], some at a time."""
    for index in range(len(windows)):
        episode, first = windows.place(index)
        yield np.ascontiguousarray(windows.conditions(episode, first, windows.length))[None]


def _save(archive: zipfile.ZipFile, name: str, values: Array) -> None:
    _write(archive, name, iter([values]), len(values))


def _write(archive: zipfile.ZipFile, name: str, parts: Iterator[Array], rows: int) -> None:
    """Write an array of so many rows as a member of an npz, without holding it whole."""
    first = next(parts)
    header = io.BytesIO()
    described = {
        "descr": np.lib.format.dtype_to_descr(first.dtype),
        "fortran_order": False,
        "shape": (rows, *first.shape[1:]),
    }
    np.lib.format.write_array_header_1_0(header, described)
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        member.write(header.getvalue())
        member.write(first.tobytes())
        for part in parts:
            member.write(part.tobytes())


def _length(name: str, said: int | None, given: int | None, protocol: Protocol) -> int:
    option = "--" + name.replace("_", "-")
    if said is not None:
        if given not in (None, said):
            raise InputError(
                f"{option} is {given}, protocol {protocol.name} has {said}: leave {option} out, or "
                "choose another --protocol"
            )
        return said
    if given is None:
        raise InputError(
            f"protocol {protocol.name} leaves {name} to the run, and predictions have none: "
            f"say {option}"
        )
    if given < 1:
        raise InputError(f"{option} is {given}; expected at least 1")
    return given
