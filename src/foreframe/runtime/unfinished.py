"""A folder that is being made.

It grows as `OUT.partial/whole` and takes the name `OUT` when it is whole, in one step.
Beside it in `OUT.partial` are a lock, `source.json`, which says exactly what is made, and what the
maker keeps of its progress.
Wherever a process ends, the same command goes on, and nothing is left when it is done.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError
from .files import make_folder, read_json, remove_temporaries, sync_tree, write_json
from .locks import LOCK, lock_folder
from .outputs import is_taken
from .schemas import stamped, unstamped
from .systems import WINDOWS, rename, sync

_IDENTITY, _WHOLE = "source.json", "whole"
_SCHEMA = "foreframe.unfinished/1"
_CURRENT_FOLDER, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE, from Linux's headers


class UnfinishedFolder:
    """A folder on its way to `out`; `unfinished` makes one.

    Attributes:
        out: the name that it will have.
        place: `OUT.partial`, locked by this process.
        folder: what is filled and becomes `out`.
    """

    def __init__(self, out: Path, place: Path) -> None:
        self.out, self.place, self.folder = out, place, place / _WHOLE

    def claim(self, identity: Mapping[str, Any]) -> None:
        """Say what is made, or check that it is what was begun here.

        Raises:
            InputError: something else was begun.
        """
        wanted, begun = _as_read(identity), self._begun()
        if begun is not None and begun != wanted:
            differ = sorted(k for k in {*begun, *wanted} if begun.get(k) != wanted.get(k))
            raise InputError(
                f"{self.place} is another build, not finished (different: {', '.join(differ)}); "
                "repeat that command to finish it, or remove the folder to start over"
            )
        self._begin(wanted, begun is None)

    def claim_or_clear(self, identity: Mapping[str, Any]) -> None:
        """Say what is made; something else that was begun here is removed."""
        wanted, begun = _as_read(identity), self._begun()
        if begun is not None and begun != wanted:
            self.discard()
            begun = None
        self._begin(wanted, begun is None)

    def finish(self) -> Path:
        """Give the folder its name; nothing may stand there but an empty folder."""
        sync_tree(self.folder)
        rename(self.folder, self.out)
        sync(self.out.parent)
        self.discard()
        return self.out

    def replace(self) -> Path:
        """Give the folder its name, in the place of another whole folder if there is one."""
        if not is_taken(self.out):
            return self.finish()
        sync_tree(self.folder)
        exchange(self.folder, self.out)
        sync(self.out.parent)
        self.discard()
        return self.out

    def discard(self) -> None:
        """Remove what is here, beginning with what would be gone on from."""
        (self.place / _IDENTITY).unlink(missing_ok=True)
        for path in self.place.iterdir():
            if path.name == LOCK:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def is_begun(self) -> bool:
        """Return whether there is something to go on from."""
        return (self.place / _IDENTITY).exists()

    def _begun(self) -> dict[str, Any] | None:
        if not self.is_begun():
            return None
        file, what = self.place / _IDENTITY, "the description of what is being made"
        return unstamped(read_json(file, what), str(file), what, _SCHEMA)

    def _begin(self, identity: Mapping[str, Any], is_new: bool) -> None:
        if is_new:
            self.discard()
            write_json(self.place / _IDENTITY, stamped(identity, _SCHEMA))
        remove_temporaries(self.place)
        make_folder(self.folder)
        for folder in (self.folder, *(path for path in self.folder.rglob("*") if path.is_dir())):
            remove_temporaries(folder)


@contextlib.contextmanager
def unfinished(out: Path, what: str) -> Iterator[UnfinishedFolder]:
    """Yield the folder that becomes `out`, locked.

    When the block ends without something to go on from, nothing is left of it.

    Args:
        out: the folder to be made.
        what: what it is, such as "clip store", for the error.

    Raises:
        InputError: another process is making it.
    """
    place = _place(out)
    try:
        with lock_folder(place, what):
            _put_back(out)
            making = UnfinishedFolder(out, place)
            try:
                yield making
            finally:
                if not making.is_begun():
                    with contextlib.suppress(OSError):
                        _remove_place(making)
    finally:
        _remove_lock(place)


def remove_remains(out: Path, identity: Mapping[str, Any]) -> None:
    """Remove what a process that was killed left of making `out`, which is whole."""
    place = _place(out)
    if not place.is_dir():
        return
    with contextlib.suppress(InputError, OSError), lock_folder(place, "folder"):
        making = UnfinishedFolder(out, place)
        if making._begun() in (None, _as_read(identity)):
            _remove_place(making)
    _remove_lock(place)


def exchange(a: Path, b: Path) -> None:
    """Exchange the names of two folders: at once where the system can, else in three steps."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    if libc is not None and hasattr(libc, "renameat2"):
        names = [os.fsencode(path.absolute()) for path in (a, b)]
        if not libc.renameat2(_CURRENT_FOLDER, names[0], _CURRENT_FOLDER, names[1], _EXCHANGE):
            return
    before = _before(b)
    rename(b, before)
    rename(a, b)
    rename(before, a)


def _put_back(out: Path) -> None:
    """Undo an exchange in three steps that was cut off after the first."""
    before = _before(out)
    if before.exists():
        if out.exists():
            shutil.rmtree(before)
        else:
            rename(before, out)


def _remove_place(making: UnfinishedFolder) -> None:
    making.discard()
    (making.place / LOCK).unlink(missing_ok=True)
    making.place.rmdir()


def _remove_lock(place: Path) -> None:
    """Remove a lock that nothing else lies beside; Windows keeps it while it is open."""
    if WINDOWS and [path.name for path in place.glob("*")] == [LOCK]:
        with contextlib.suppress(OSError):  # another process holds it
            (place / LOCK).unlink()
            place.rmdir()


def _place(out: Path) -> Path:
    return out.with_name(f"{out.name}.partial")


def _before(out: Path) -> Path:
    return out.with_name(f"{out.name}.before")


def _as_read(identity: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(identity))
    return found
