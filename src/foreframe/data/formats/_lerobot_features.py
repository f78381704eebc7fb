"""The features of a LeRobotDataset: cameras, actions and states, and their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ..sources.findings import Findings
from ..sources.options import SourceOptions
from ..sources.pixels import is_depth
from ..sources.recording import Column, Role, names_of
from ..sources.targets import TARGETS, target_column, targets_among
from ._lerobot_sets import modality_of
from ._lerobot_tables import COUNTERS, Keys
from ._videos import look_at

Parts = Mapping[str, Mapping[str, Mapping[str, Any]]]

_STATE = "observation.state"
_ORIGINAL = {"state": _STATE, "action": "action"}  # the feature that a part is of, unless it says


@dataclass(frozen=True)
class Description:
    """What a data set says of itself, and what is taken of it.

    Attributes:
        root: its folder.
        info: `meta/info.json`.
        parts: `meta/modality.json`.
        camera: the feature of the pictures.
        keys: the features of actions and states.
        options: how it is imported.
    """

    root: Path
    info: Mapping[str, Any]
    parts: Parts
    camera: str
    keys: Keys
    options: SourceOptions

    @classmethod
    def of(cls, root: Path, info: Mapping[str, Any], options: SourceOptions) -> Description:
        """Choose the camera, and the features that are actions and states."""
        options.refuse(
            "a LeRobotDataset has no label images, and its episodes are cut already",
            "labels",
            "max_gap_s",
        )
        parts, features = modality_of(root), info["features"]
        numbers = [name for name, feature in features.items() if _is_number(feature)]
        named = {n: str(p.get("original_key", n)) for n, p in parts.get("video", {}).items()}
        cameras = _cameras(features)
        in_colour = [name for name in cameras if not _shows_depth(name, features[name])]
        camera = options.one("camera", [*cameras, *named], in_colour, root)
        camera = named.get(camera, camera) if camera not in cameras and camera else camera
        usual = [n for n in numbers if n == "action"]
        usual = usual or [n for n in numbers if n.startswith("action.")]
        usual = usual or [n for n in _originals(parts, "action") if n in numbers]
        actions = options.some("actions", numbers, usual, root)
        if camera is None or not actions:
            raise InputError(
                f"{root} has features {', '.join(features)}; "
                "expected a camera and an action among them"
            )
        states = options.some("states", numbers, (_STATE,), root)
        single = [n for n in numbers if n not in COUNTERS and _width(features[n]) == 1]
        targets = targets_among(single, (*actions, *states))
        keys: Keys = {
            "action": actions,
            "state": states,
            **{role: (name,) for role, name in targets.items()},
        }
        return cls(root, info, parts, camera, keys, options)

    @property
    def rate(self) -> float:
        """Rows per second."""
        return float(self.info["fps"])

    @property
    def is_video(self) -> bool:
        return bool(self.info["features"][self.camera]["dtype"] == "video")

    @property
    def is_deep(self) -> bool:
        """Whether the camera's pixels are distances, by what is said of it."""
        return _shows_depth(self.camera, self.info["features"][self.camera])

    def columns(self) -> dict[str, Column]:
        """Return a column a role, its numbers named as the data set names them."""
        found = {}
        for role, features in self.keys.items():
            if role in TARGETS:
                found[str(role)] = target_column(role, 1)
                continue
            names = [name for feature in features for name in self._names(role, feature)]
            if names:
                found[str(role)] = Column(role, "float32", (len(names),), tuple(names))
        return found

    def _names(self, role: Role, feature: str) -> tuple[str, ...]:
        described = self.info["features"][feature]
        width = _width(described)
        names = tuple(_flat(described.get("names")))
        if len(names) == width:
            return names
        return _names_of_parts(self.parts, role, feature, width) or names_of(role, width)


def found_in(described: Description, listed: int, there: int, video: Path | None) -> Findings:
    """Columns taken and left out, the camera, the rate, episodes that are not here."""
    found, features = Findings(), described.info["features"]
    for role, names in described.keys.items():
        for name in names:
            found = found.takes(name, role, features[name]["dtype"], _width(features[name]))
    cameras = _cameras(features)
    for name, feature in features.items():
        taken = any(name in names for names in described.keys.values())
        if name in cameras or name in COUNTERS or taken:
            continue
        words = str(feature.get("dtype")) == "string"
        reason = "words" if words else "neither action nor observation.state is its name"
        found = found.leaves_out(name, reason, "" if words else f"--states {name}")
    others = "".join(
        f", {n}{' (depth)' if _shows_depth(n, features[n]) else ''}"
        for n in cameras
        if n != described.camera
    )
    reason = (
        f"the first in colour or --camera; there are also{others[1:]}" if others else "the only one"
    )
    found = found.decided("camera", described.camera, reason, "--camera")
    if listed > there:
        found = found.warn(
            f"{listed - there} of {listed} listed episodes have no table or no video here and were "
            "left out"
        )
    return _rate_found(found, described.rate, video)


def _rate_found(found: Findings, rows: float, video: Path | None) -> Findings:
    try:
        pictures = look_at(video).rate if video else None
    except InputError:
        pictures = None  # that video is broken: reading its episode says so
    if pictures is None or abs(pictures - rows) < 0.02 * rows:
        return found.decided("rate", f"{rows:g} frames per second", "meta/info.json")
    reason = (
        f"rows, {rows:g} per second; "
        f"of the {pictures:g} pictures per second each row takes that of its time"
    )
    return found.decided("rate", f"{rows:g} frames per second", reason)


def _width(feature: Mapping[str, Any]) -> int:
    return int(np.prod(feature["shape"], dtype=int))


def _cameras(features: Mapping[str, Any]) -> list[str]:
    return [name for name, f in features.items() if f.get("dtype") in ("video", "image")]


def _is_number(feature: Mapping[str, Any]) -> bool:
    return str(feature.get("dtype")).startswith(("float", "int", "uint", "bool"))


def _shows_depth(name: str, feature: Mapping[str, Any]) -> bool:
    """Whether a camera's pixels are distances.

    By its name, its description, or its only channel.
    """
    described = feature.get("info") or feature.get("video_info") or {}
    shape = [int(n) for n in feature.get("shape") or ()]
    lone = len(shape) == 3 and 1 in (shape[0], shape[-1])
    return is_depth(name) or bool(described.get("video.is_depth_map")) or lone


def _flat(names: Any) -> Iterator[str]:
    """Names may be a list, a list of lists, or a mapping to lists."""
    if isinstance(names, Mapping):
        names = list(names.values())
    for name in names or ():
        if isinstance(name, str):
            yield name
        elif isinstance(name, list | tuple | Mapping):
            yield from _flat(name)


def _originals(parts: Parts, role: str) -> list[str]:
    """The features that GR00T's parts of a role are of."""
    found = (
        str(part.get("original_key", _ORIGINAL[role])) for part in parts.get(role, {}).values()
    )
    return list(dict.fromkeys(found))


def _names_of_parts(parts: Parts, role: str, feature: str, width: int) -> tuple[str, ...]:
    """Return the names that GR00T's parts give a feature's numbers; empty if any is unnamed."""
    names = [""] * width
    for name, part in parts.get(role, {}).items():
        if part.get("original_key", _ORIGINAL.get(role)) != feature:
            continue
        first, last = int(part.get("start", 0)), int(part.get("end", 0))
        if not 0 <= first < last <= width:
            return ()
        names[first:last] = [name] if last - first == 1 else names_of(name, last - first)
    return tuple(names) if all(names) and len(set(names)) == width else ()
