"""Formats that recordings come in. One module a format, found by its name.

A format module has `recognises(path) -> bool` and `open(path, choice) -> Source`; if it can also be written,
`export(store, out) -> int` (the number of episodes written). Nothing else needs to know of it. A module that takes whatever
has pictures in it says `GENERAL = True` and stands back where another knows the source better.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from ...errors import InputError, unknown


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


def new_folder(out: Path, what: str) -> None:
    """An error if something is in the way of a new folder `out`; an empty one is taken away."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} holds something else; expected a new folder for {what}: choose another OUT")
    if out.exists():
        out.rmdir()
