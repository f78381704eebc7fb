"""The records of donkeycar tubs.

Version 2 has a manifest and catalogs, version 1 a JSON file per record.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import InputError
from ..sources.folders import is_leftover, natural_order
from ..sources.options import SourceOptions

CAMERA, ANGLE, THROTTLE = "cam/image_array", "user/angle", "user/throttle"


@dataclass(frozen=True)
class TubRecords:
    """What a tub holds.

    Attributes:
        root: its folder.
        version: 1 or 2.
        inputs: the kind of each key of a record: image_array, float, int, bool, str.
        records: in order, each with _index; deleted ones left out.
        deleted: how many were deleted.
        broken: what could not be read and was left out.
    """

    root: Path
    version: int
    inputs: Mapping[str, str]
    records: tuple[Mapping[str, Any], ...]
    deleted: int
    broken: tuple[str, ...]

    @property
    def pictures(self) -> Path:
        """The folder of the pictures."""
        return self.root / "images" if self.version == 2 else self.root


def is_tub(path: Path) -> bool:
    """Whether a folder is a tub of either version."""
    second = (path / "manifest.json").is_file() and any(path.glob("*.catalog"))
    return (
        second
        or (path / "record_0.json").is_file()
        or ((path / "meta.json").is_file() and next(path.glob("record_*.json"), None) is not None)
    )


def read_tub(root: Path, options: SourceOptions) -> TubRecords:
    """Return the records of a tub.

    Raises:
        InputError: what cannot be read, unless --skip-bad leaves it out.
    """
    if (root / "manifest.json").is_file():
        return _second(root, options)
    return _first(root, options)


def _second(root: Path, options: SourceOptions) -> TubRecords:
    inputs, catalogs, deleted = _manifest(root / "manifest.json")
    records: list[dict[str, Any]] = []
    broken: list[str] = []
    for name in catalogs:
        found, wrong = _catalog(root, name, options)
        records += found
        broken += wrong
    kept = [record for record in records if record["_index"] not in deleted]
    _some(root, len(records), kept)
    kept.sort(key=lambda record: int(record["_index"]))
    return TubRecords(root, 2, inputs, tuple(kept), len(records) - len(kept), tuple(broken))


def _first(root: Path, options: SourceOptions) -> TubRecords:
    """Version 1: record_<n>.json beside the pictures, meta.json with the kinds, exclude.json with
    what was deleted.
    """
    inputs: dict[str, str] = {}
    if (root / "meta.json").is_file():
        meta = _object(root / "meta.json")
        inputs = dict(zip(meta.get("inputs", ()), meta.get("types", ()), strict=False))
    excluded = set()
    if (root / "exclude.json").is_file():
        excluded = {int(i) for i in _object(root / "exclude.json", list)}
    records: list[dict[str, Any]] = []
    broken: list[str] = []
    files = natural_order([f for f in root.glob("record_*.json") if not is_leftover(f)])
    for file in files:
        try:
            number = int(file.stem.removeprefix("record_"))
            record = {**_object(file), "_index": number}
        except (InputError, ValueError) as error:
            if not options.skip_bad:
                raise InputError(f"{file} is no record ({error}); expected a JSON object") from None
            broken.append(f"{file.name}: {error}")
            continue
        if "_timestamp_ms" not in record and isinstance(record.get("milliseconds"), int | float):
            record["_timestamp_ms"] = record["milliseconds"]
        records.append(record)
    if not inputs and records:
        inputs = {key: _kind(value) for key, value in records[0].items() if not key.startswith("_")}
    kept = [record for record in records if record["_index"] not in excluded]
    _some(root, len(records), kept)
    return TubRecords(root, 1, inputs, tuple(kept), len(records) - len(kept), tuple(broken))


def _some(root: Path, count: int, kept: list[dict[str, Any]]) -> None:
    if not kept:
        raise InputError(f"{root} has {count} records, all deleted; expected some that are not")


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "image_array" if value.casefold().endswith((".jpg", ".jpeg", ".png")) else "str"
    return {int: "int", float: "float"}.get(type(value), "other")


def _object(file: Path, kind: type = dict) -> Any:
    try:
        found = json.loads(file.read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read ({error}); expected JSON of a tub") from None
    if not isinstance(found, kind):
        raise InputError(f"{file} holds {type(found).__name__}; expected {kind.__name__}")
    return found


def _manifest(file: Path) -> tuple[dict[str, str], list[str], set[int]]:
    """Inputs with their kinds, catalog files, deleted indexes."""
    try:
        lines = [
            json.loads(line)
            for line in file.read_text(encoding="utf-8").splitlines()
            if line.strip()
        ]
        inputs, kinds, catalogs = lines[0], lines[1], lines[4]
        return (
            dict(zip(inputs, kinds, strict=True)),
            list(catalogs["paths"]),
            {int(i) for i in catalogs.get("deleted_indexes", ())},
        )
    except (OSError, ValueError, IndexError, KeyError, TypeError) as error:
        raise InputError(
            f"{file} cannot be read ({error!r}); expected the five JSON lines of a donkeycar tub"
        ) from None


def _catalog(
    root: Path, name: str, options: SourceOptions
) -> tuple[list[dict[str, Any]], list[str]]:
    file = root / name
    if file.parent != root:
        raise InputError(f"{root / 'manifest.json'} names a catalog outside its folder ({name!r})")
    found: list[dict[str, Any]] = []
    broken: list[str] = []
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError as error:
        wrong = f"{file} cannot be read ({error.strerror}); expected a catalog of the tub"
        if options.skip_bad:
            return [], [wrong]
        raise InputError(wrong) from None
    for row, line in enumerate(lines):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            found.append({**record, "_index": int(record["_index"])})
        except (ValueError, KeyError, TypeError) as error:
            wrong = (
                f"{file}: row {row} is no record ({error!r}); expected a JSON object with _index"
            )
            if not options.skip_bad:
                last = (
                    " (the last line, cut off as by a loss of power)"
                    if row == len(lines) - 1
                    else ""
                )
                raise InputError(
                    f"{wrong}{last}: mend it, or say --skip-bad to leave it out"
                ) from None
            broken.append(wrong)
    return found, broken
