"""The dance layout: pictures beside label images of the same names.

`<root>/train/{train_img,train_label}/<n>.png` and `<root>/val/{val_img,val_label}` are recordings
from end to end: they are cut where numbers are missing and where the scene changes, so that no clip
spans a cut. `<root>/test/test_img/<i>/` with `test_label/<i>/` is one sequence a folder; where it
holds fewer pictures than labels, the rest is withheld: it can be predicted but not scored. Names
are numbers, with or without "frame" before them, and sort as numbers.
"""

from __future__ import annotations

import concurrent.futures
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...runtime.files import atomic_folder
from ...runtime.outputs import new_folder
from ...runtime.progress import progress
from ..pictures import number_of, read_picture, resized
from ..sources.findings import Findings
from ..sources.folders import is_leftover
from ..sources.options import SourceOptions
from ..sources.recording import Column, Recording
from ..store import ClipStore

Array = NDArray[Any]
Files = tuple[Path, ...]

_FOLDERS = {
    "train": "train",
    "val": "validate",
    "test": "test",
}  # as they are called, and what they are here
_THUMBNAIL = (16, 32)
_CUT_MSE = (
    2e-3  # thumbnails of consecutive frames differ by more than this where the scene changes,
)
# And so many times as much as the second most of their neighbours: a fast move takes several frames
_CUT_TIMES = 3.0
_NEIGHBOURS = 3
_SHOWN = 8


def recognises(path: Path) -> bool:
    return any((path / name / f"{name}_img").is_dir() for name in _FOLDERS)


def open_recordings(path: Path, options: SourceOptions) -> Dance:
    options.refuse("the dance layout has one camera and label images")
    if not recognises(path):
        raise InputError(
            f"{path} has no train/train_img, val/val_img or test/test_img; "
            "expected the dance layout"
        )
    sequences, notes = [], []
    for name in ("train", "val"):
        if (path / name / f"{name}_img").is_dir():
            found, said = _cut_apart(name, *_pairs(path / name, f"{name}_img", f"{name}_label"))
            sequences += found
            notes += said
    folders = sorted(
        (path / "test" / "test_img").glob("*/"), key=lambda folder: (number_of(folder), folder.name)
    )
    for folder in folders:
        pictures, labels = _pairs(
            path / "test", f"test_img/{folder.name}", f"test_label/{folder.name}"
        )
        sequences.append(Take(f"test/{folder.name}", "test", pictures, labels))
    if not sequences:
        raise InputError(
            f"{path} has folders of the dance layout but no pictures; expected <n>.png in them"
        )
    withheld = sum(len(s.pictures) < len(s.labels) for s in sequences)
    if withheld:
        notes.append(f"{withheld} sequences hold fewer pictures than labels: the rest is withheld")
    return Dance(tuple(sequences), tuple(notes))


@dataclass(frozen=True)
class Take:
    """One recording without a cut; labels go on where pictures are withheld."""

    name: str
    split: str
    pictures: Files
    labels: Files


@dataclass(frozen=True)
class Dance:
    """Sequences of the dance layout."""

    sequences: tuple[Take, ...]
    notes: Sequence[str]
    frames_per_second: float | None = None

    @property
    def findings(self) -> Findings:
        """What is read, and where recordings were cut."""
        files = [f for take in self.sequences for f in (*take.pictures, *take.labels)]
        found = Findings().reads(files).takes("label images", "label", "PNG").warn(*self.notes)
        return found.decided("lag", 0, "the layout: a label image goes with its picture")

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        shape = read_picture(self.sequences[0].labels[0]).shape
        return {"pose": Column("label", "uint8", shape, lag=0)}

    def __len__(self) -> int:
        return len(self.sequences)

    def files_read(self, index: int) -> tuple[Path, ...]:
        take = self.sequences[index]
        return (*take.pictures, *take.labels)

    def read(self, index: int) -> Recording:
        found = self.sequences[index]
        labels = np.stack([_of_shape(file, self.columns["pose"].shape) for file in found.labels])
        pictures = (read_picture(file) for file in found.pictures)
        withheld = len(found.labels) - len(found.pictures)
        return Recording(found.name, pictures, {"pose": labels}, found.split, withheld=withheld)


def export(store: ClipStore, out: Path) -> int:
    """Write a store in the dance layout; a number is left out between sequences.

    Returns the number of sequences.
    """
    from PIL import Image

    labels = [name for name, column in store.columns.items() if column.role == "label"]
    if len(labels) != 1:
        raise InputError(
            f"{store.path} has label columns {labels}; the dance layout holds exactly one"
        )
    new_folder(out, "the dance layout")
    names = {split: name for name, split in _FOLDERS.items()}
    following = dict.fromkeys(_FOLDERS, 0)
    with atomic_folder(out) as root:
        for episode in store.episodes:
            name, within, first = names[episode.split], "", 0
            if name == "test":
                within = str(following[name])
                following[name] += 1
            else:
                first = following[name]
                following[name] += episode.length + 1
            for column, kind, count in (
                ("frames", "img", episode.seen),
                (labels[0], "label", episode.length),
            ):
                folder = root / name / f"{name}_{kind}" / within
                folder.mkdir(parents=True, exist_ok=True)
                for number, picture in enumerate(
                    store.column(column)[episode.start : episode.start + count]
                ):
                    Image.fromarray(np.squeeze(picture)).save(folder / f"{first + number}.png")
    return len(store.episodes)


def _pairs(folder: Path, pictures: str, labels: str) -> tuple[Files, Files]:
    """Pictures and labels with the same numbers, in order.

    Pictures may end before the labels in a test sequence.
    """
    images, drawn = _numbered(folder / pictures), _numbered(folder / labels)
    if lone := sorted(set(images) - set(drawn)):
        raise InputError(
            f"{images[lone[0]]} has no label of its number in {folder / labels} ({len(lone)} "
            "pictures have none); "
            "expected a label image for each picture: add them, or remove the pictures"
        )
    given = sorted(images)
    wanted = sorted(drawn) if pictures.startswith("test") else given
    if given != wanted[: len(given)] or not given:
        raise InputError(
            f"{folder / pictures} has pictures {given[:_SHOWN]}...; "
            f"expected the first of the numbers of {folder / labels}"
        )
    return tuple(images[n] for n in given), tuple(drawn[n] for n in wanted)


def _numbered(folder: Path) -> dict[int, Path]:
    found: dict[int, Path] = {}
    for file in folder.glob("*.png"):
        if is_leftover(file):
            continue
        number = number_of(file)
        if number < 0 or number in found:
            raise InputError(
                f"{file} is not a number, or the number of another picture there; "
                "expected names such as 12.png or frame12.png"
            )
        found[number] = file
    return found


def _cut_apart(name: str, pictures: Files, labels: Files) -> tuple[list[Take], list[str]]:
    """Sequences without a gap in the numbers and without a scene cut."""
    numbers = [number_of(file) for file in pictures]
    gaps = {i for i in range(1, len(numbers)) if numbers[i] != numbers[i - 1] + 1}
    changes = _differences(pictures, name)
    cuts = [int(i) for i in scene_cuts(changes) if i not in gaps]
    bounds = [0, *sorted({*gaps, *cuts}), len(pictures)]
    split = _FOLDERS[name]
    sequences = [
        Take(f"{name}/{numbers[a]}", split, pictures[a:b], labels[a:b])
        for a, b in zip(bounds, bounds[1:], strict=False)
    ]
    notes = []
    if cuts:
        where = ", ".join(str(numbers[i]) for i in cuts[:_SHOWN]) + (
            ", ..." if len(cuts) > _SHOWN else ""
        )
        notes.append(f"{name}: {len(cuts)} scene cuts, before pictures {where}")
    if gaps:
        notes.append(f"{name}: {len(gaps)} gaps in the numbers of the pictures")
    return sequences, notes


def _differences(pictures: Files, name: str) -> Array:
    """Mean squared difference of each picture's thumbnail from the one before; 0 for the first."""
    changes = np.zeros(len(pictures))
    before: Array | None = None
    with (
        concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool,
        progress(f"looking for scene cuts in {name}", len(pictures), "pictures") as advance,
    ):
        for number, small in enumerate(_in_order(pool, pictures)):
            if before is not None:
                changes[number] = np.mean((small - before) ** 2)
            before = small
            advance(1)
    return changes


def _in_order(pool: concurrent.futures.ThreadPoolExecutor, pictures: Files) -> Iterator[Array]:
    """Thumbnails, a block at a time, so that few are held."""
    for first in range(0, len(pictures), 256):
        yield from pool.map(_thumbnail, pictures[first : first + 256])


def _thumbnail(file: Path) -> Array:
    return resized(read_picture(file), _THUMBNAIL, crop=False).astype(np.float32) / 255


def scene_cuts(changes: Array) -> Array:
    """Where a new scene begins, from each frame's difference to the one before.

    A cut is a difference that stands alone: fast movement lasts for several frames. Of 37,740 pairs
    of consecutive frames of the dance world none is taken for a cut; of jumps to another moment,
    half of them within a sequence, 92 % are found.

    >>> scene_cuts(np.array([0, 1, 1, 1, 30, 1, 1, 1]) / 1000)
    array([4])
    """
    found = []
    for here in np.flatnonzero(changes > _CUT_MSE):
        low, high = max(here - _NEIGHBOURS, 1), here + _NEIGHBOURS + 1
        others = np.sort(np.concatenate([changes[low:here], changes[here + 1 : high]]))[::-1]
        usual = others[min(1, len(others) - 1)] if len(others) else 0.0
        if changes[here] > _CUT_TIMES * usual:
            found.append(here)
    return np.asarray(found, int)


def _of_shape(file: Path, shape: tuple[int, ...]) -> Array:
    label = read_picture(file)
    if label.shape != shape:
        raise InputError(
            f"{file} is {label.shape[1]}x{label.shape[0]}; "
            f"expected {shape[1]}x{shape[0]} as the first label image"
        )
    return label
