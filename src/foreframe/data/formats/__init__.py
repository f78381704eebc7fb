"""Formats that recordings come in. One module a format, found by its name.

A format module has `recognises(path) -> bool` and `open(path, choice) -> Source`; if it can also be written,
`export(store, out) -> int` (the number of episodes written). Nothing else needs to know of it.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from ...errors import InputError, unknown


@dataclass(frozen=True)
class Choice:
    """What a person chose of a source: a camera or image key, and the columns to take. None: the format's own default."""

    camera: str | None = None
    actions: str | None = None
    states: str | None = None

    def refuse(self, why: str) -> None:
        """For a format that leaves nothing to choose: an error if something was chosen."""
        for name, value in vars(self).items():
            if value is not None:
                raise InputError(f"--{name} {value}: {why}; leave --{name} out")


def names() -> list[str]:
    """The formats that there are.

    >>> names()
    ['dance', 'lerobot', 'npz', 'pushing']
    """
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def named(name: str) -> ModuleType:
    """The module of a format; an unknown name says the nearest ones."""
    if name not in names():
        raise unknown("format", name, names())
    return importlib.import_module(f"{__name__}.{name}")


def recognise(path: Path) -> str:
    """The one format that recognises `path`."""
    if not path.exists():
        raise InputError(f"{path} does not exist; expected recordings to import")
    found = [name for name in names() if named(name).recognises(path)]
    if not found:
        raise InputError(
            f"{path} looks like none of the known formats ({', '.join(names())}); if it is one of them, say --format"
        )
    return found[0]


def new_folder(out: Path, what: str) -> None:
    """An error if something is in the way of a new folder `out`; an empty one is taken away."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} holds something else; expected a new folder for {what}: choose another OUT")
    if out.exists():
        out.rmdir()
