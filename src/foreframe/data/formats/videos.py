"""A folder of videos or GIFs, an episode each, with a table of conditions of the same name beside each, or none.

mp4, avi, mov, mkv, webm (PyAV, extra `video`), gif. Tables are those of `images`. A folder called train, val or test says
the split.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..sources.options import SourceOptions
from ..sources.recording import Column, Recording, Role
from ._table_roles import columns_of, roles, said, split_of, table_of, values_of
from ._tables import read_table
from ._videos import VIDEOS, pictures, rate

Array = NDArray[Any]

GENERAL = True


def recognises(path: Path) -> bool:
    return bool(files_of(path))


def open_recordings(path: Path, options: SourceOptions) -> Videos:
    options.refuse("a video has one camera, and its own rate", "camera", "max_gap_s")
    return videos(path, files_of(path), options, split_of)


def videos(
    path: Path,
    files: Sequence[Path],
    options: SourceOptions,
    split: Callable[[Path, Path], str | None],
) -> Videos:
    """The source of these files; `split(path, file)` says a file's split."""
    files = [file for file in files if not (options.labels and file.stem.endswith(options.labels))]
    if not files:
        raise InputError(f"{path} has no videos; expected {', '.join(VIDEOS)}")
    table = table_of(files[0])
    first = read_table(table) if table else {}
    keys = roles(first, options, path)
    lacking = [file.name for file in files if table and not table_of(file)]
    if lacking:
        raise InputError(
            f"{lacking[0]} has no table beside it, as {table.name if table else ''} is beside {files[0].name} ({len(lacking)} lack one)"
        )
    widths = {key: rows.shape[1] for key, rows in first.items()}
    splits = {file: split(path, file) for file in files}
    return Videos(
        path, tuple(files), keys, widths, options.labels, splits, (said(keys),), rate(files[0])
    )


@dataclass(frozen=True)
class Videos:
    """A file an episode; with `labels`, the label images are the video whose name has that behind it."""

    root: Path
    files: tuple[Path, ...]
    keys: Mapping[Role, tuple[str, ...]]
    widths: Mapping[str, int]
    labels: str | None
    splits: Mapping[Path, str | None]
    notes: Sequence[str]
    frames_per_second: float | None

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        found = columns_of(self.keys, self.widths)
        if self.labels:
            found["label"] = Column(
                "label", "uint8", next(iter(pictures(self._labels(self.files[0])))).shape, lag=0
            )
        return found

    def __len__(self) -> int:
        return len(self.files)

    def read(self, index: int) -> Recording:
        file = self.files[index]
        table = table_of(file)
        values = (
            values_of(self.keys, read_table(table), str(table))
            if table and any(self.keys.values())
            else {}
        )
        if self.labels:
            values["label"] = np.stack(list(pictures(self._labels(file))))
        name = str(file.relative_to(self.root).with_suffix("")) if file != self.root else file.stem
        return Recording(name, pictures(file), values, self.splits[file])

    def _labels(self, file: Path) -> Path:
        return file.with_stem(file.stem + (self.labels or ""))


def files_of(path: Path) -> list[Path]:
    """The videos in a folder, in order; or the one that `path` is."""
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.suffix.lower() in VIDEOS)
    return [path] if path.suffix.lower() in VIDEOS else []
