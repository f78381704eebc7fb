"""Names and folders as people have them.

Natural order, split folders, left-overs of other systems, links.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from ...errors import InputError

Named = TypeVar("Named", str, Path)

_SPLITS = {
    "train": ("train", "training", "trainset"),
    "validate": ("val", "valid", "validate", "validation", "dev"),
    "test": ("test", "testing", "eval", "evaluation", "testset"),
}
_SPLIT_OF = {name: split for split, names in _SPLITS.items() for name in names}
_LEFTOVERS = (
    "__macosx",
    "thumbs.db",
    "desktop.ini",
    ".ds_store",
    ".git",
    ".cache",
    ".ipynb_checkpoints",
)


def natural_key(name: str | Path) -> tuple[tuple[int, int, str], ...]:
    """The key that sorts numbers in names as numbers, wherever they stand.

    >>> sorted(["cam0_frame10", "cam0_frame2", "cam1_frame1"], key=natural_key)
    ['cam0_frame2', 'cam0_frame10', 'cam1_frame1']
    """
    parts = re.findall(r"\d+|\D+", str(name).casefold())
    key = tuple((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts)
    return (*key, (2, 0, str(name)))  # the exact name decides between 1 and 01


def natural_order(names: Iterable[Named]) -> list[Named]:
    """Sort names or paths as a person would.

    >>> natural_order(["10.png", "9_left.png", "1.png"])
    ['1.png', '9_left.png', '10.png']
    """
    return sorted(names, key=natural_key)


def split_of(name: str) -> str | None:
    """The split that a folder is called by, in any case and under any usual name.

    >>> split_of("Training"), split_of("valid"), split_of("TEST"), split_of("run_1")
    ('train', 'validate', 'test', None)
    """
    return _SPLIT_OF.get(name.casefold())


def split_of_path(root: Path, path: Path) -> str | None:
    """The split that a folder on the way from `root` down to `path` is called by, the outermost
    first.
    """
    return next((s for part in path.relative_to(root).parts if (s := split_of(part))), None)


def is_leftover(path: Path) -> bool:
    """Whether a file or folder is a trace of an operating system or tool and holds no recording.

    >>> is_leftover(Path("run/._log.csv")), is_leftover(Path("run/log.csv"))
    (True, False)
    """
    return path.name.startswith("._") or path.name.casefold() in _LEFTOVERS


def files_under(root: Path) -> Iterator[Path]:
    """Every file below `root` in natural order, left-overs aside.

    Links are followed, each folder once.
    """
    seen: set[str] = set()
    folders = [root]
    while folders:
        folder = folders.pop(0)
        real = os.path.realpath(folder)
        if real in seen:
            continue
        seen.add(real)
        entries = [entry for entry in folder.iterdir() if not is_leftover(entry)]
        yield from natural_order([entry for entry in entries if entry.is_file()])
        folders = natural_order([entry for entry in entries if entry.is_dir()]) + folders


def folders_under(root: Path) -> list[Path]:
    """`root` and every folder below it that holds files, in natural order; links are followed."""
    return list(dict.fromkeys(file.parent for file in files_under(root)))


def check_entries(root: Path) -> None:
    """Check that a source is files and folders with names that a store can hold.

    Reading a pipe waits for ever, and reading a device never ends. Links are followed, each folder
    once.

    Raises:
        InputError: a pipe, a device or a socket, or a name that is not UTF-8.
    """
    _check_name(root)
    if not root.is_dir():
        if root.exists() and not root.is_file():
            raise _irregular(root)
        return
    seen: set[str] = set()
    folders = [str(root)]
    while folders:
        folder = folders.pop()
        real = os.path.realpath(folder)
        if real in seen:
            continue
        seen.add(real)
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_leftover(Path(entry.name)):
                    continue
                _check_name(Path(entry.path))
                if entry.is_dir():
                    folders.append(entry.path)
                elif not entry.is_file() and os.path.exists(entry.path):
                    raise _irregular(Path(entry.path))


def _check_name(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = os.fsencode(path).decode(errors="backslashreplace")
        raise InputError(f"{shown} has a name that is not UTF-8; expected one: rename it") from None


def _irregular(path: Path) -> InputError:
    return InputError(
        f"{path} is a pipe, a device or a socket; expected files and folders: take it out of the "
        "source"
    )
