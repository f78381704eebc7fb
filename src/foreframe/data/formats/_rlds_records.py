"""The records of a TFDS data set, by the splits and shards that its description says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...runtime.files import read_json
from ..sources.folders import is_leftover, split_of
from ..sources.options import SourceOptions
from ._tfrecords import Record, records


def episodes_in(
    root: Path, options: SourceOptions
) -> tuple[list[tuple[str | None, Record]], list[str]]:
    """Return the records with their splits, and what is missing or was left out.

    Raises:
        InputError: no record at all; a damaged file without `options.skip_bad`.
    """
    info = read_json(root / "dataset_info.json", "the description of a TFDS data set")
    declared = {
        str(split.get("name")): list(split.get("shardLengths", ()))
        for split in info.get("splits", ())
    }
    episodes: list[tuple[str | None, Record]] = []
    notes = []
    splits_there = set()
    for split, shards in declared.items():
        files = sorted(
            f
            for f in root.iterdir()
            if not is_leftover(f)
            and re.search(rf"-{re.escape(split)}\.tfrecord-\d+-of-\d+$", f.name)
        )
        if len(files) < len(shards):
            notes.append(
                f"split {split}: {len(shards) - len(files)} of {len(shards)} files are not here "
                "and were left out"
            )
        for file in files:
            found, fault = records(file, options)
            fault = fault or _too_few(file, len(found), shards)
            if fault and not options.skip_bad:
                raise InputError(fault)
            episodes += [(split_of(split), record) for record in found]
            notes += [f"left out the rest of a file: {fault}"] if fault else []
            splits_there.add(split_of(split))
    if not episodes:
        raise InputError(
            f"{root} describes splits {', '.join(declared)} but holds no record of them; "
            "fetch the files"
        )
    if splits_there == {"train"}:  # nothing to validate on: let the importer draw splits
        episodes = [(None, record) for _, record in episodes]
    return episodes, notes


def _too_few(file: Path, found: int, shards: Sequence[Any]) -> str | None:
    """What is wrong with a file that ends between two records.

    Only the number that was written tells.
    """
    number = int(file.name.rpartition("-of-")[0].rpartition("-")[2])
    written = (
        int(shards[number]) if number < len(shards) and str(shards[number]).isdigit() else found
    )
    if found == written:
        return None
    return (
        f"{file} holds {found} records, dataset_info.json says {written}: "
        "fetch the file again, or say --skip-bad"
    )
