"""What LeRobotDatasets of both versions have in common: their description, columns, tables and
times.

Letters: R rows of an episode.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...runtime.files import read_json
from ..pictures import decode_picture
from ..sources.findings import Findings
from ..sources.folders import natural_order
from ..sources.options import SourceOptions
from ..sources.pixels import is_depth
from ..sources.recording import Column, Role, Source, finite, names_of
from ._joined import Joined
from ._timed_videos import pictures_at
from ._videos import rate

Array = NDArray[Any]
Keys = Mapping[Role, tuple[str, ...]]

_INFO = Path("meta") / "info.json"
_TIME = "timestamp"
_COUNTERS = (_TIME, "frame_index", "episode_index", "index", "task_index")
_BYTES_OF = {"INT32": 4, "FLOAT": 4, "INT64": 8, "DOUBLE": 8, "INT96": 12}
_LATEST_S = 1e6  # timestamps above are those of a clock, not of a video


@dataclass(frozen=True)
class Listed:
    """The episodes that are there, of those that are listed: what both versions have in common."""

    root: Path
    info: Mapping[str, Any]
    camera: str
    keys: Keys
    episodes: tuple[Any, ...]
    findings: Findings
    options: SourceOptions

    @property
    def frames_per_second(self) -> float | None:
        return float(self.info["fps"])

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        return columns_of(self.info, self.keys)

    def __len__(self) -> int:
        return len(self.episodes)


def version(path: Path) -> str:
    """The version that a LeRobotDataset says it has; empty if it is none."""
    if not (path / _INFO).is_file():
        return ""
    info = read_json(path / _INFO, "the description of a LeRobotDataset")
    return str(info.get("codebase_version", "")) if isinstance(info, dict) else ""


def described(path: Path, major: str, needed: Sequence[str]) -> dict[str, Any]:
    """`meta/info.json`, if it is of this major version and complete."""
    info = read_json(path / _INFO, "the description of a LeRobotDataset")
    if not version(path).startswith(major):
        raise InputError(
            f"{path} is a LeRobotDataset {version(path) or 'of no version'}; expected {major}.x: "
            "convert it with the lerobot package first"
        )
    lacking = [key for key in needed if key not in info]
    if lacking:
        raise InputError(
            f"{path / _INFO} has no {lacking[0]!r}; expected a whole LeRobotDataset description"
        )
    return dict(info)


def chosen(path: Path, info: Mapping[str, Any], options: SourceOptions) -> tuple[str, Keys]:
    """The camera, and the features that are actions and states."""
    options.refuse(
        "a LeRobotDataset has no label images, and its episodes are cut already",
        "labels",
        "max_gap_s",
    )
    features = info["features"]
    numbers = [
        name
        for name, feature in features.items()
        if str(feature.get("dtype")).startswith(("float", "int", "uint", "bool"))
    ]
    cameras = [
        name for name, feature in features.items() if feature.get("dtype") in ("video", "image")
    ]
    in_colour = [name for name in cameras if not _shows_depth(name, features[name])]
    camera = options.one("camera", cameras, in_colour, path)
    usual = [n for n in numbers if n == "action"] or [n for n in numbers if n.startswith("action.")]
    actions = options.some("actions", numbers, usual, path)
    if camera is None or not actions:
        raise InputError(
            f"{path} has features {', '.join(features)}; expected a camera and an action among them"
        )
    return camera, {
        "action": actions,
        "state": options.some("states", numbers, ("observation.state",), path),
    }


def _shows_depth(name: str, feature: Mapping[str, Any]) -> bool:
    """Whether a camera's pixels are distances.

    By its name, its description, or its only channel.
    """
    described = feature.get("info") or feature.get("video_info") or {}
    shape = [int(n) for n in feature.get("shape") or ()]
    lone = len(shape) == 3 and 1 in (shape[0], shape[-1])
    return is_depth(name) or bool(described.get("video.is_depth_map")) or lone


def is_video(info: Mapping[str, Any], camera: str) -> bool:
    return bool(info["features"][camera]["dtype"] == "video")


def columns_of(info: Mapping[str, Any], keys: Keys) -> dict[str, Column]:
    """A column a role, its numbers named as the data set names them."""
    found = {}
    for role, features in keys.items():
        names = [name for feature in features for name in _names(role, info["features"][feature])]
        if names:
            found[str(role)] = Column(role, "float32", (len(names),), tuple(names))
    return found


def _names(role: Role, feature: Mapping[str, Any]) -> tuple[str, ...]:
    width = int(np.prod(feature["shape"], dtype=int))
    names = tuple(_flat(feature.get("names")))
    return names if len(names) == width else names_of(role, width)


def _flat(names: Any) -> Iterator[str]:
    """Names may be a list, a list of lists, or a mapping to lists."""
    if isinstance(names, Mapping):
        names = list(names.values())
    for name in names or ():
        if isinstance(name, str):
            yield name
        elif isinstance(name, list | tuple | Mapping):
            yield from _flat(name)


def inside(root: Path, pattern: str, facts: Mapping[str, Any]) -> Path:
    """Return the file that a path pattern names.

    Links are followed, names that lead out of the data set are refused.
    """
    where = f"{root / _INFO}: path pattern {pattern!r}"
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


@dataclass(frozen=True)
class Rows:
    """The rows of one episode.

    Attributes:
        values: of each role: [R, ...].
        pictures: from the table, if they are there.
        times_s: of the rows on the clock of the episode's video: [R].
    """

    values: Mapping[str, Array]
    pictures: Iterable[Array]
    times_s: Array


def read_rows(
    file: Path,
    info: Mapping[str, Any],
    keys: Keys,
    image: str | None,
    options: SourceOptions,
    episode: int | None = None,
) -> Rows:
    """Read the rows of one episode, by role, and its pictures if the table holds them."""
    features = [name for names in keys.values() for name in names]
    wanted = [*features, *([image] if image else [])]
    table = read_parquet(file, wanted, options, episode, optional=(_TIME,))
    values = {
        str(role): _numbers(table, names, info, file) for role, names in keys.items() if names
    }
    pictures = (
        (_picture(cell.as_py(), file, row) for row, cell in enumerate(table[image]))
        if image
        else iter(())
    )
    return Rows(values, pictures, _times(table, float(info["fps"]), file))


def _numbers(table: Any, names: Sequence[str], info: Mapping[str, Any], file: Path) -> Array:
    """Some features side by side: [R, K], float64 where the source has large or whole numbers."""
    said = [str(info["features"][name]["dtype"]) for name in names]
    dtype = np.float64 if any(d == "float64" or "int" in d for d in said) else np.float32
    try:
        rows = [np.asarray(table[n].to_pylist(), dtype).reshape(len(table), -1) for n in names]
    except (TypeError, ValueError, KeyError) as error:
        raise InputError(
            f"{file}: {', '.join(names)} are not rows of equally many numbers ({error})"
        ) from None
    return finite(np.concatenate(rows, 1), f"{file}: {', '.join(names)}")


def _times(table: Any, rate: float, file: Path) -> Array:
    """The time of each row, by its timestamp, else by its number."""
    if _TIME not in table.column_names:
        return np.arange(len(table)) / rate
    times = np.asarray(table[_TIME].to_pylist(), np.float64).reshape(-1)
    if len(times) and abs(times[0]) > _LATEST_S:
        times = times - times[0]
    back = np.flatnonzero(np.diff(times) <= 0)
    if len(back):
        raise InputError(
            f"{file}: the time of row {back[0] + 1} is not after that of the row above; expected times that grow"
        )
    return finite(times[:, None], f"{file}: {_TIME}")[:, 0]


def shown(
    video: Path, rows: Rows, rate: float, where: str, start_s: float = 0.0
) -> Iterable[Array]:
    """Return the picture of each row.

    That of its time in the video, `start_s` later than in the table.
    """
    return pictures_at(video, rows.times_s + start_s, 1 / rate, where)


def found_in(
    info: Mapping[str, Any], keys: Keys, camera: str, listed: int, there: int, video: Path | None
) -> Findings:
    """Return what was found.

    Columns taken and left out, the camera, the rate, episodes that are not here.
    """
    found, features = Findings(), info["features"]
    for role, names in keys.items():
        for name in names:
            width = int(np.prod(features[name]["shape"], dtype=int))
            found = found.takes(name, role, features[name]["dtype"], width)
    cameras = [n for n, f in features.items() if f.get("dtype") in ("video", "image")]
    for name, feature in features.items():
        if name in cameras or name in _COUNTERS or any(name in names for names in keys.values()):
            continue
        words = str(feature.get("dtype")) == "string"
        reason = "words" if words else "neither action nor observation.state is its name"
        found = found.leaves_out(name, reason, "" if words else f"--states {name}")
    others = "".join(
        f", {n}{' (depth)' if _shows_depth(n, features[n]) else ''}" for n in cameras if n != camera
    )
    reason = (
        f"the first in colour or --camera; there are also{others[1:]}" if others else "the only one"
    )
    found = found.decided("camera", camera, reason, "--camera")
    if listed > there:
        found = found.warn(
            f"{listed - there} of {listed} listed episodes have no table or no video here and were left out"
        )
    return _rate_found(found, float(info["fps"]), video)


def _rate_found(found: Findings, rows: float, video: Path | None) -> Findings:
    try:
        pictures = rate(video) if video else None
    except InputError:
        pictures = None  # that video is broken: reading its episode says so
    if pictures is None or abs(pictures - rows) < 0.02 * rows:
        return found.decided("rate", f"{rows:g} frames per second", "meta/info.json")
    reason = f"rows, {rows:g} per second; of the {pictures:g} pictures per second each row takes that of its time"
    return found.decided("rate", f"{rows:g} frames per second", reason)


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
    current = main.read_text().strip() if main.is_file() else ""
    named = [folder for folder in revisions if folder.name == current] or revisions
    if len(named) > 1:
        raise InputError(
            f"{cache} holds {len(named)} revisions ({', '.join(f.name for f in named)}); name the folder of one"
        )
    return named


def joined(path: Path, sources: Mapping[str, Source]) -> Source:
    """Return the sets of a folder as one source; a lone one as it is."""
    return next(iter(sources.values())) if len(sources) == 1 else Joined.of(path, sources)


def read_parquet(
    file: Path,
    columns: Sequence[str] | None,
    options: SourceOptions,
    episode: int | None = None,
    optional: Sequence[str] = (),
) -> Any:
    """Return a table, its page checksums verified; the rows of one episode alone if it is named.

    Raises:
        InputError: no such table, or one that takes more memory than `options` allow.
    """
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise InputError(
            "reading LeRobotDatasets needs PyAV and pyarrow; install them with: pip install 'foreframe[lerobot]'"
        ) from None
    chosen_rows = None if episode is None else [("episode_index", "=", episode)]
    wanted = list(columns) if columns is not None else None
    try:
        if wanted is not None and optional:
            wanted += [name for name in optional if name in parquet.read_schema(file).names]
        _check_size(file, parquet.read_metadata(file), wanted, options)
        return parquet.read_table(
            file, columns=wanted, filters=chosen_rows, page_checksum_verification=True
        )
    except InputError:
        raise
    except Exception as error:  # pyarrow raises many kinds; this is the one door
        what = f" with {', '.join(columns)}" if columns else ""
        raise InputError(
            f"{file} cannot be read ({error}); expected a parquet table{what}"
        ) from None


def _check_size(
    file: Path, metadata: Any, wanted: Sequence[str] | None, options: SourceOptions
) -> None:
    """Check what a table's columns take by what it says of its row groups."""
    needed = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for place in range(group.num_columns):
            column = group.column(place)
            if wanted is None or column.path_in_schema.split(".")[0] in wanted:
                width = _BYTES_OF.get(column.physical_type, 1)
                needed += max(column.total_uncompressed_size, column.num_values * width)
    options.check_memory(needed, file)


def _picture(cell: Any, file: Path, row: int) -> Array:
    """An image feature is a struct of bytes and a path; the bytes are in the table."""
    content = cell.get("bytes") if isinstance(cell, dict) else cell
    if not isinstance(content, bytes):
        raise InputError(f"{file}: row {row} holds no picture; expected its bytes in the table")
    return decode_picture(content, f"{file}: row {row}")
