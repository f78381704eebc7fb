"""What a model may see of the clips that a protocol scores, in a file for other tools.

Letters: M clips, K context frames, T frames, H height, W width, C channels, A condition.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...data.formats._archives import Archive
from ...data.sources.options import SourceOptions
from ...data.store import ClipStore
from ...data.windows import Windows
from ...errors import InputError
from ...runtime.files import atomic_file, parse_json
from ...runtime.progress import progress
from ...runtime.schemas import stamped, unstamped
from ...runtime.typed import read_as
from ..evaluating import protocol_clips
from ..protocol import Protocol, find_protocol
from .clip_lists import clips_of

Array = NDArray[Any]

SCHEMA = "foreframe.clips/1"
_ABOUT_GB = 0.01  # what that may take
_ABOUT = "about"  # the member of the npz that says what it holds, as JSON
_KNOWN_BEFORE = ("action", "label")  # roles of columns that are no measurement of the future


@dataclass(frozen=True)
class ExportedClips:
    """What a file of exported clips says of itself.

    Attributes:
        content: the hash of what is in the store.
        split: of the store.
        protocol: whose clips they are.
        n_past: context frames.
        horizon: frames to predict.
        clips: how many.
        conditions: the store's columns that it holds.
        future_states: whether some of them are measured states of the frames to predict.
    """

    content: str
    split: str
    protocol: str
    n_past: int
    horizon: int
    clips: int
    conditions: tuple[str, ...]
    future_states: bool

    def check(self, path: Path, windows: Windows, n_past: int) -> None:
        """Raise an InputError if these are not the clips that are scored."""
        pairs: list[tuple[str, Any, Any]] = [
            ("data content", self.content[:12], windows.store.content[:12]),
            ("split", self.split, windows.split),
            ("context frames", self.n_past, n_past),
            ("predicted frames", self.horizon, windows.length - n_past),
            ("clips", self.clips, len(windows)),
        ]
        for what, got, expected in pairs:
            if got != expected:
                raise InputError(
                    f"{path} was exported with {what} {got}; the clips to score have {expected}: "
                    "say the same --data, --split, --protocol and lengths for both"
                )


def export_clips(
    out: str | Path,
    data: str | Path,
    split: str = "test",
    protocol: str = "foreframe",
    n_past: int | None = None,
    horizon: int | None = None,
    conditions: tuple[str, ...] | None = None,
) -> Path:
    """Write what a model may see of the clips that a protocol scores, for models of other tools.

    The npz holds `context` uint8 [M, K, H, W, C]; for each column of conditions `condition/NAME`
    [M, T, *A], row t what is known before frame t is seen, and `names/NAME`, what its numbers are;
    `episode` and `first_frame` [M]; and `about`, JSON that says what was exported. It does not
    hold the frames to predict.

    Args:
        out: the npz to write.
        data: a clip store.
        split: train, validate or test.
        protocol: {protocols}.
        n_past: context frames; needed where the protocol leaves them to the run.
        horizon: predicted frames; needed where the protocol leaves them to the run.
        conditions: columns or roles; actions and labels by default. The state of a frame is
            measured with it: a model that is given states of predicted frames sees the future.

    Raises:
        InputError: not a store; no such split or condition; clips longer than any episode.
    """
    store, chosen = ClipStore(data), find_protocol(protocol)
    windows, seen = clips_of(store, split, chosen, n_past, horizon)
    columns = _known_before(store) if conditions is None else store.resolve(conditions)
    about = ExportedClips(
        content=store.content,
        split=split,
        protocol=chosen.name,
        n_past=seen,
        horizon=windows.length - seen,
        clips=len(windows),
        conditions=tuple(columns),
        future_states=any(store.columns[name].role == "state" for name in columns),
    )
    with atomic_file(Path(out)) as file, zipfile.ZipFile(file, "w") as archive:
        _save(archive, _ABOUT, np.array([json.dumps(stamped(asdict(about), SCHEMA))]))
        _write_clips(archive, windows, seen)
        for name in columns:
            _write_condition(archive, name, windows, chosen)
    return Path(out)


def read_exported(path: str | Path) -> ExportedClips:
    """Return what a file of `export_clips` says of itself.

    Raises:
        InputError: not such a file.
    """
    try:
        with Archive.open(Path(path), SourceOptions(memory_gb=_ABOUT_GB)) as archive:
            text = str(archive.read(_ABOUT)[0])
    except Exception as error:  # numpy and zipfile raise many kinds on other files
        raise InputError(
            f"{path} does not say which clips it holds ({error}); expected an npz that "
            "`foreframe eval --export-clips` wrote: export them again"
        ) from None
    where = f"{path}: {_ABOUT}"
    values = parse_json(text, where, "what was exported")
    return read_as(ExportedClips, unstamped(values, where, "exported clips", SCHEMA), where)


def _known_before(store: ClipStore) -> Sequence[str]:
    """The columns that say what will be done, and not what was measured."""
    return [name for name, column in store.columns.items() if column.role in _KNOWN_BEFORE]


def _write_clips(archive: zipfile.ZipFile, windows: Windows, n_past: int) -> None:
    places = [windows.place(index) for index in range(len(windows))]
    _save(archive, "episode", np.array([episode.name for episode, _ in places]))
    _save(archive, "first_frame", np.array([first for _, first in places]))
    _write(archive, "context", _contexts(windows, n_past), len(windows))


def _write_condition(
    archive: zipfile.ZipFile, name: str, windows: Windows, protocol: Protocol
) -> None:
    store = windows.store
    if names := store.columns[name].names:
        _save(archive, f"names/{name}", np.array(names))
    known = protocol_clips(store, windows.split, protocol, windows.length, (name,))
    _write(archive, f"condition/{name}", _conditions(known), len(known))


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
