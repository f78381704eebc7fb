"""ALOHA and ACT: an HDF5 file an episode, pictures under `observations/images/<camera>`.

Pictures are arrays [T, H, W, 3], or JPEGs in rows of bytes that are padded with zeros. Row k of
`action` leads on from picture k; `base_action`, where it is there, belongs to it. OpenCV codes
arrays as BGR whatever they are, so the colours of a JPEG may be those of the scene or swapped.
Needs h5py (extra `hdf5`). Source: Zhao et al. 2023 (arXiv 2304.13705).
Letters: T pictures, H height, W width, P bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..sources.findings import AmbiguousSource, Findings
from ..sources.options import ChannelOrder, SourceOptions
from ..sources.pixels import is_depth
from ..sources.recording import Column, Recording, Role, one_a_frame, side_by_side
from . import _hdf5
from ._array_pictures import ArrayPictures, reordered, sampled, with_camera, with_choice
from ._coded_pictures import CodedPictures

Array = NDArray[Any]
Keys = Mapping[Role, tuple[str, ...]]

DECIDES = ("channel_order",)

_IMAGES, _OBSERVED = "observations/images", "observations"
_USUAL = ("cam_high", "top")
_ACTIONS, _STATES = ("action", "base_action"), ("qpos",)
_SWAPPED = 3.0  # on average, between red and blue of a coded pixel: below, the picture is grey
_LENGTHS = "compress_len"


def recognises(path: Path) -> bool:
    files = _hdf5.files_of(path)
    if not files:
        return False
    with _hdf5.opened(_hdf5.readable(files)) as root:
        return bool(_hdf5.names(root, _IMAGES)) and "action" in [*root]


def open_recordings(path: Path, options: SourceOptions) -> Aloha:
    options.refuse("an ALOHA episode is a file, and has no label images", "labels", "max_gap_s")
    files = _hdf5.files_of(path)
    if not files:
        raise InputError(f"{path} has no .hdf5 files; expected ALOHA episodes")
    with _hdf5.opened(_hdf5.readable(files)) as root:
        cameras = _hdf5.names(root, _IMAGES)
        camera = options.one("camera", cameras, _in_colour(cameras), files[0])
        if camera is None:
            raise InputError(f"{files[0]} has no {_IMAGES}/<camera>; expected an ALOHA episode")
        commands = [k for k in root if _has_rows(root, k) and k != _LENGTHS]
        observed = [k for k in _hdf5.names(root, _OBSERVED) if _has_rows(root, f"{_OBSERVED}/{k}")]
        keys: dict[Role, tuple[str, ...]] = {
            "action": options.some("actions", commands, _ACTIONS, files[0]),
            "state": options.some("states", observed, _STATES, files[0]),
        }
        found = with_camera(Findings().reads(files), camera, _in_colour(cameras), options.camera)
        found, widths = _columns(found, root, keys, (*commands, *observed))
        simulated = bool(root.attrs.get("sim", False))
    why = "--lag" if options.lag is not None else "ACT's habit: a picture, then its action"
    found = with_choice(found, "lag", _lag(options), why, "--lag")
    for name in cameras:
        if name != camera and is_depth(name):
            found = found.leaves_out(name, "its pixels are distances", f"--camera {name}")
    samples = _samples(files, camera, options)
    where = f"{path}: {camera}"
    pictures, order, why = _pictures(samples, where, simulated, options)
    found = with_choice(pictures.add_to(found), "channel order", order, why, "--channel-order")
    return Aloha(path, tuple(files), camera, keys, widths, pictures, order, options, found)


@dataclass(frozen=True)
class Aloha:
    """A file an episode. `widths` says how many numbers each key has."""

    root: Path
    files: tuple[Path, ...]
    camera: str
    keys: Keys
    widths: Mapping[str, int]
    pictures: ArrayPictures | CodedPictures
    order: ChannelOrder
    options: SourceOptions
    findings: Findings
    frames_per_second: float | None = None

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        return {
            str(role): side_by_side(
                role,
                {key: self.widths[_place(role, key)] for key in keys},
                _lag(self.options) if role == "action" else 1,
            )
            for role, keys in self.keys.items()
            if keys
        }

    def __len__(self) -> int:
        return len(self.files)

    def files_read(self, index: int) -> tuple[Path, ...]:
        return (self.files[index],)

    def read(self, index: int) -> Recording:
        file = self.files[index]
        values = {}
        with _hdf5.opened(file) as root:
            count = _hdf5.sized(root, f"{_IMAGES}/{self.camera}", self.options).shape[0]
            for role, keys in self.keys.items():
                lag = _lag(self.options) if role == "action" else 1
                rows = [self._rows(root, _place(role, key), count, lag) for key in keys]
                if rows:
                    values[str(role)] = np.concatenate(rows, 1)
        split, name = _hdf5.split_and_name(self.root, file)
        return Recording(name, self._frames(file), values, split)

    def _rows(self, root: Any, key: str, count: int, lag: int) -> Array:
        values = _hdf5.member(root, key, self.options)
        return one_a_frame(values, count, f"{root.file.filename}: {key}", lag)

    def _frames(self, file: Path) -> Iterator[Array]:
        """The pictures of an episode, a few at a time."""
        with _hdf5.opened(file) as root:
            array = _hdf5.sized(root, f"{_IMAGES}/{self.camera}", self.options)
            where, count = f"{file}: {self.camera}", 0
            for block in _hdf5.blocks(array):
                for picture in self._shown(block, where, count):
                    yield reordered(picture, self.order)
                count += len(block)

    def _shown(self, block: Array, where: str, first: int) -> Iterator[Array]:
        if isinstance(self.pictures, ArrayPictures):
            yield from self.pictures.to_rgb(block, where)
            return
        for at, row in enumerate(block, start=first):
            yield self.pictures.to_rgb(_content(row), f"{where}, picture {at}")


def _place(role: Role, key: str) -> str:
    return key if role == "action" else f"{_OBSERVED}/{key}"


def _lag(options: SourceOptions) -> int:
    return 1 if options.lag is None else options.lag


def _in_colour(cameras: Sequence[str]) -> list[str]:
    """The cameras that are no depth, the usual one first."""
    named = [name for name in cameras if not is_depth(name)]
    return sorted(named, key=lambda name: (name not in _USUAL, name))


def _has_rows(root: Any, key: str) -> bool:
    import h5py

    node = _hdf5.found(root, key)
    return (
        isinstance(node, h5py.Dataset) and node.dtype.kind in "biuf" and len(node.shape) in (1, 2)
    )


def _columns(
    found: Findings, root: Any, keys: Keys, there: Sequence[str]
) -> tuple[Findings, dict[str, int]]:
    """Add the columns, taken and left out; and how many numbers each of the taken has."""
    widths: dict[str, int] = {}
    for role, names in keys.items():
        for name in names:
            array = _hdf5.dataset(root, _place(role, name))
            widths[_place(role, name)] = int(np.prod(array.shape[1:], dtype=int))
            found = found.takes(name, role, array.dtype, widths[_place(role, name)])
    for name in there:
        if not any(name in names for names in keys.values()):
            option = "" if name in root else f"--states {name}"
            found = found.leaves_out(name, "neither an action nor the usual state", option)
    if _hdf5.found(root, _LENGTHS) is not None:
        found = found.leaves_out(_LENGTHS, "the lengths of the coded pictures")
    return found, widths


def _samples(
    files: Sequence[Path], camera: str, options: SourceOptions
) -> list[Array] | list[bytes]:
    """The first pictures of files from all over the source, of those that can be read."""
    found: list[Array | bytes] = []
    fault: InputError | None = None
    for place in sampled(len(files)):
        try:
            found.append(_sample(files[place], camera, options))
        except InputError as error:
            fault = fault or error  # reading the episode says so again, or leaves it out
    if not found:
        raise fault or InputError(f"{files[0]} has no pictures of {camera}")
    coded = [sample for sample in found if isinstance(sample, bytes)]
    return coded or [sample for sample in found if not isinstance(sample, bytes)]


def _sample(file: Path, camera: str, options: SourceOptions) -> Array | bytes:
    """The first picture of a file: an array [1, H, W, C], or the bytes of a picture file."""
    with _hdf5.opened(file) as root:
        array = _hdf5.sized(root, f"{_IMAGES}/{camera}", options)
        if not array.shape or not array.shape[0]:
            raise InputError(f"{file}: {camera} has no pictures; expected one a row of the actions")
        if array.ndim > 2:
            return np.asarray(array[:1])
        if array.dtype.kind not in "SO" and array.dtype != np.uint8:
            raise InputError(
                f"{file}: {camera} is {array.dtype} {list(array.shape)}; "
                "expected pictures [T, H, W, 3], or rows of bytes"
            )
        return _content(array[0])


def _content(row: Any) -> bytes:
    """The bytes of a picture file in a row of bytes [P] or a text of bytes, without its padding."""
    content = row.tobytes() if isinstance(row, np.ndarray) else bytes(row)
    return content.rstrip(b"\0")


def _pictures(
    samples: list[Array] | list[bytes], where: str, simulated: bool, options: SourceOptions
) -> tuple[ArrayPictures | CodedPictures, ChannelOrder, str]:
    """How pictures are read, the order of their colours, and what decided it.

    Raises:
        AmbiguousSource: JPEGs of a real camera's colours.
    """
    chosen = options.channel_order
    coded = [sample for sample in samples if isinstance(sample, bytes)]
    if not coded:
        arrays = [sample for sample in samples if not isinstance(sample, bytes)]
        kept = ArrayPictures.of(arrays, where, options.pixel_range)
        return kept, chosen or "rgb", "--channel-order" if chosen else "ACT's habit for arrays"
    pictures = CodedPictures.of(coded, where, options.pixel_range)
    if chosen:
        return pictures, chosen, "--channel-order"
    shown = [pictures.to_rgb(content, where).astype(np.float32) for content in coded]
    if max(float(np.abs(p[..., 0] - p[..., 2]).mean()) for p in shown) < _SWAPPED:
        return pictures, "rgb", "grey pictures, in which no order shows"
    if simulated:
        reason = "a coder of BGR that was given the simulator's RGB (sim is true)"
        return pictures, "bgr", reason
    raise AmbiguousSource(
        where,
        (
            "JPEGs of the colours that the camera saw",
            "JPEGs of RGB arrays that OpenCV took for BGR, red and blue swapped",
        ),
        "--channel-order rgb or --channel-order bgr",
    )
