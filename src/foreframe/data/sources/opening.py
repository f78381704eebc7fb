"""Recognise and open a source of recordings.

The one door through which what a reader raises comes out as an InputError.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ...errors import ForeframeError, InputError
from ...plugins import FORMATS
from .behind import files_behind
from .findings import Findings
from .folders import is_leftover, natural_order
from .options import SourceOptions
from .recording import Column, Recording, Source, findings_of

_HDF5 = (".h5", ".hdf5")
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar")


def recognise(path: Path) -> str:
    """The format that recognises `path`."""
    if not path.exists():
        raise InputError(f"{path} does not exist; expected recordings to import")
    found = [name for name in FORMATS.names() if FORMATS.module(name).recognises(path)]
    if not found and path.suffix.lower() in _ARCHIVES:
        raise InputError(
            f"{path} is an archive; expected what is in it: unpack it, and name the folder (only a "
            "replay buffer in a .zarr.zip is read as it is)"
        )
    if not found:
        raise InputError(
            f"{path} looks like none of the known formats ({', '.join(FORMATS.names())}); "
            f"if it is one of them, say --format{_way_out(path)}"
        )
    _refuse_several(path)
    return next((name for name in found if not _is_general(name)), found[0])


def _is_general(name: str) -> bool:
    return bool(getattr(FORMATS.module(name), "GENERAL", False))


def _way_out(path: Path) -> str:
    """What to do with numbers in a layout that no format has."""
    kind = "an HDF5 file of another layout" if path.suffix.lower() in _HDF5 else "another layout"
    return (
        f". To import {kind}, write one .npz file per episode with "
        "numpy.savez(FILE, frames=frames, action=action), frames uint8 [T, H, W, 3] and action "
        "[T, A], and import their folder (`None of these` in docs/bring-your-own-data.md)"
    )


def _refuse_several(path: Path) -> None:
    """Raise an error if a folder holds data sets of several formats, of which one would be read."""
    if not path.is_dir():
        return
    there: dict[str, str] = {}
    for folder in natural_order(f for f in path.iterdir() if f.is_dir() and not is_leftover(f)):
        of_folder = [
            name
            for name in FORMATS.names()
            if name != _FILES and not _is_general(name) and FORMATS.module(name).recognises(folder)
        ]
        there |= {folder.name: of_folder[0]} if of_folder else {}
    if there and FORMATS.module(_FILES).recognises(path):
        there[f"*.{_FILES}"] = _FILES
    if len(set(there.values())) < 2:
        return
    listed = ", ".join(f"{name} ({kind})" for name, kind in there.items())
    raise InputError(
        f"{path} holds {len(there)} sources of different formats: {listed}; expected one: name "
        f"one of them, such as {path / next(iter(there))}, or say --format for all of a format"
    )


def open_source(name: str, path: Path, options: SourceOptions) -> Guarded:
    """The recordings at `path` as format `name`.

    Whatever goes wrong in reading them, now or later, is an InputError.
    """
    module = FORMATS.module(name)
    left = [option for option in _OF_FEW if option not in getattr(module, "DECIDES", ())]
    if left:
        options.refuse(f"the format {name} says it of every picture", *left)
    with _door(name, path):
        return Guarded(module.open_recordings(path, options), name, path)


_FILES = "npz"  # whose files may also be tables of other formats, in folders below
_OF_FEW = ("flip", "channel_order")  # options of the formats that name them in DECIDES


@dataclass
class Guarded:
    """A source whose description may lie.

    Readers say what they can foresee, and this is the door for all the rest.
    """

    source: Source
    name: str
    path: Path
    added: Findings | None = None

    @property
    def columns(self) -> Mapping[str, Column]:
        with _door(self.name, self.path):
            return self.source.columns

    @property
    def frames_per_second(self) -> float | None:
        with _door(self.name, self.path):
            return self.source.frames_per_second

    @property
    def findings(self) -> Findings:
        if self.added is not None:
            return self.added
        with _door(self.name, self.path):
            return findings_of(self.source)

    def add(self, findings: Findings) -> None:
        """Let `findings`, those of the source with something added, stand for them."""
        self.added = findings

    def __len__(self) -> int:
        return len(self.source)

    def files_read(self, index: int) -> tuple[Path, ...]:
        with _door(self.name, self.path, index):
            return files_behind(self.source, index)

    def read(self, index: int) -> Recording:
        with _door(self.name, self.path, index):
            recording = self.source.read(index)
        return dataclasses.replace(recording, frames=self._frames(recording, index))

    def _frames(self, recording: Recording, index: int) -> Iterator[NDArray[Any]]:
        with _door(self.name, self.path, index):
            yield from recording.frames


@contextlib.contextmanager
def _door(name: str, path: Path, episode: int | None = None) -> Iterator[None]:
    try:
        yield
    except (ForeframeError, GeneratorExit):
        raise
    except Exception as error:
        where = f"{path}" if episode is None else f"{path}, episode {episode}"
        raise InputError(
            f"{where} cannot be read as {name} ({type(error).__name__}: {error}); "
            "expected recordings as that format has "
            "them: repair it, say another --format, or --skip-bad if it is one episode (--debug "
            "shows where)"
        ) from error
