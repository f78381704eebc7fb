"""The places and descriptions of LeRobotDatasets: `meta/info.json`, `meta/modality.json`.

A folder of several data sets is read as a whole, as is the current revision of a Hub cache.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from ...errors import InputError
from ...runtime.files import read_json
from ..sources.folders import natural_order, split_of
from ..sources.options import SourceOptions
from ..sources.recording import Source
from ._joined import Joined

INFO = Path("meta") / "info.json"
MODALITY = Path("meta") / "modality.json"


def recognised(path: Path, major: str) -> bool:
    """Whether a path is, or holds, data sets of a major version, such as "v3"."""
    versions = [version(folder) for folder in sets_under(path)] or [version(path)]
    return bool(versions[0]) and all(found.startswith(major) for found in versions)


def open_sets(
    path: Path, options: SourceOptions, open_one: Callable[[Path, SourceOptions], Source]
) -> Source:
    """Open the data sets of a folder as one source; a lone one as it is."""
    folders = sets_under(path)
    if not folders:
        return open_one(path, options)
    if len(folders) == 1:
        return open_one(folders[0], options)
    named = {f.relative_to(path).as_posix(): open_one(f, options) for f in folders}
    return Joined.of(path, named)


def version(path: Path) -> str:
    """The version that a LeRobotDataset says it has; empty if it is none."""
    if not (path / INFO).is_file():
        return ""
    info = read_json(path / INFO, "the description of a LeRobotDataset")
    return str(info.get("codebase_version", "")) if isinstance(info, dict) else ""


def described(path: Path, major: str, needed: Sequence[str]) -> dict[str, Any]:
    """`meta/info.json`, if it is of this major version and complete."""
    info = read_json(path / INFO, "the description of a LeRobotDataset")
    if not version(path).startswith(major):
        raise InputError(
            f"{path} is a LeRobotDataset {version(path) or 'of no version'}; expected {major}.x: "
            "convert it with the lerobot package first"
        )
    lacking = [key for key in needed if key not in info]
    if lacking:
        raise InputError(
            f"{path / INFO} has no {lacking[0]!r}; expected a whole LeRobotDataset description"
        )
    return dict(info)


def splits_of(info: Mapping[str, Any]) -> dict[str, range]:
    """Return the episodes of each split that a description names; empty if all are to train on.

    >>> splits_of({"splits": {"train": "0:8", "val": "8:10"}})["validate"]
    range(8, 10)
    >>> splits_of({"splits": {"train": "0:10"}})
    {}
    """
    said = info.get("splits")
    found: dict[str, range] = {}
    for name, text in said.items() if isinstance(said, dict) else ():
        split, ends = split_of(str(name)), re.fullmatch(r"(\d{1,12}):(\d{1,12})", str(text))
        if split and ends:
            found[split] = range(int(ends[1]), int(ends[2]))
    return {} if set(found) <= {"train"} else found


def modality_of(path: Path) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Return the parts of states, actions and cameras that GR00T names; empty without them.

    Raises:
        InputError: no such description.
    """
    file = path / MODALITY
    if not file.is_file():
        return {}
    found = read_json(file, "GR00T's names of states, actions and cameras")
    parts = list(found.values()) if isinstance(found, dict) else [found]
    if not all(isinstance(p, dict) and all(isinstance(v, dict) for v in p.values()) for p in parts):
        raise InputError(f"{file} is not as GR00T writes it; expected {{role: {{name: {{...}}}}}}")
    return dict(found)


def sets_under(path: Path) -> list[Path]:
    """Return the data sets of a folder that is none.

    One or two folders down, or the current one of a Hub cache.
    """
    if version(path) or not path.is_dir():
        return []
    if (path / "snapshots").is_dir():
        return _snapshot(path)
    found = [f.parent.parent for deep in ("*", "*/*") for f in path.glob(f"{deep}/meta/info.json")]
    return natural_order([folder for folder in found if version(folder)])


def _snapshot(cache: Path) -> list[Path]:
    """The revision that a Hub cache calls main, or its only one."""
    revisions = [f for f in natural_order((cache / "snapshots").iterdir()) if version(f)]
    main = cache / "refs" / "main"
    current = main.read_text(encoding="utf-8").strip() if main.is_file() else ""
    named = [folder for folder in revisions if folder.name == current] or revisions
    if len(named) > 1:
        raise InputError(
            f"{cache} holds {len(named)} revisions ({', '.join(f.name for f in named)}); "
            "name the folder of one"
        )
    return named


def inside(root: Path, pattern: str, facts: Mapping[str, Any]) -> Path:
    """Return the file that a path pattern names.

    Links are followed, names that lead out of the data set are refused.
    """
    where = f"{root / INFO}: path pattern {pattern!r}"
    try:
        for _, name, width, conversion in string.Formatter().parse(pattern):
            plain = not conversion and (not width or (width.isalnum() and len(width) <= 3))
            if name is not None and not (name.isidentifier() and plain):
                raise InputError(f"{where} has the field {name!r}; expected plain names and widths")
        file = PurePosixPath(pattern.format(**facts))
    except (KeyError, IndexError, ValueError, AttributeError, TypeError) as error:
        raise InputError(f"{where} cannot be filled in ({error})") from None
    if file.is_absolute() or ".." in file.parts or "\\" in str(file) or ":" in str(file):
        raise InputError(f"{where} leads out of the data set")
    return root / file
