"""Formats that recordings come in. One module a format, found by its name.

A format module has `recognises(path) -> bool` and `open(path, choice) -> Source`; if it can also be written,
`export(store, out) -> int` (the number of episodes written). Nothing else needs to know of it. A module that takes whatever
has pictures in it says `GENERAL = True` and stands back where another knows the source better.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from numpy.typing import NDArray

from ...errors import ForeframeError, InputError, unknown
from ..recording import Column, Recording, Source


@dataclass(frozen=True)
class Choice:
    """What a person chose of a source: keys of the camera, of the columns and of the label images. Empty: the format's default.

    With `skip_bad` what is broken is left out and said in the source's notes; pictures further apart than `max_gap_s`
    seconds belong to two episodes, in formats that know the time.
    """

    camera: str | None = None
    actions: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    labels: str | None = None
    max_gap_s: float | None = None
    skip_bad: bool = False

    def refuse(self, why: str, *options: str) -> None:
        """For a format that leaves nothing to choose: an error if one of `options` was chosen; all of them by default."""
        for name in options or ("camera", "actions", "states", "labels", "max_gap_s"):
            if getattr(self, name):
                option = name.replace("_", "-")
                raise InputError(f"--{option} {getattr(self, name)}: {why}; leave --{option} out")

    def one(self, option: str, there: Iterable[str], usual: Sequence[str], where: Path) -> str | None:
        """The key chosen as `option`, else the first usual one that is there."""
        chosen: str | None = getattr(self, option)
        known = list(there)
        if chosen and chosen not in known:
            raise unknown(f"--{option} in {where}", chosen, known)
        return chosen or next((key for key in usual if key in known), None)

    def some(self, option: str, there: Iterable[str], usual: Sequence[str], where: Path) -> tuple[str, ...]:
        """The keys chosen as `option`, else the usual ones that are there."""
        chosen: tuple[str, ...] = getattr(self, option)
        known = list(there)
        for key in chosen:
            if key not in known:
                raise unknown(f"--{option} in {where}", key, known)
        return chosen or tuple(key for key in usual if key in known)


def names() -> list[str]:
    """The formats that there are.

    >>> [name for name in names() if name.startswith("lerobot")]
    ['lerobot', 'lerobot_v3']
    """
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def named(name: str) -> ModuleType:
    """The module of a format; an unknown name says the nearest ones."""
    if name not in names():
        raise unknown("format", name, names())
    return importlib.import_module(f"{__name__}.{name}")


def recognise(path: Path) -> str:
    """The format that recognises `path`."""
    if not path.exists():
        raise InputError(f"{path} does not exist; expected recordings to import")
    found = [name for name in names() if named(name).recognises(path)]
    if not found:
        raise InputError(
            f"{path} looks like none of the known formats ({', '.join(names())}); if it is one of them, say --format"
        )
    return next((name for name in found if not getattr(named(name), "GENERAL", False)), found[0])


def open_source(name: str, path: Path, choice: Choice) -> Source:
    """The recordings at `path` as format `name`. Whatever goes wrong in reading them, now or later, is an InputError."""
    with _door(name, path):
        return Guarded(named(name).open(path, choice), name, path)


@dataclass(frozen=True)
class Guarded:
    """A source whose description may lie: readers say what they can foresee, and this is the door for all the rest."""

    source: Source
    name: str
    path: Path

    @property
    def columns(self) -> Mapping[str, Column]:
        with _door(self.name, self.path):
            return self.source.columns

    @property
    def frames_per_second(self) -> float | None:
        with _door(self.name, self.path):
            return self.source.frames_per_second

    @property
    def notes(self) -> Sequence[str]:
        return self.source.notes

    def __len__(self) -> int:
        return len(self.source)

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
            f"{where} cannot be read as {name} ({type(error).__name__}: {error}); expected recordings as that format has "
            "them: repair it, say another --format, or --skip-bad if it is one episode (--debug shows where)"
        ) from error


def new_folder(out: Path, what: str) -> None:
    """An error if something is in the way of a new folder `out`; an empty one is taken away."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} holds something else; expected a new folder for {what}: choose another OUT")
    if out.exists():
        out.rmdir()
