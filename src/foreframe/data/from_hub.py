"""A LeRobotDataset on the hub as a source: fetched into the hub's cache, at a commit that is kept.

The commit is in the store's manifest, and in the import that is not finished yet: the same command
reads the same recordings, however often the data set has changed since. `--update` takes the
newest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..hub import HubAddress, dataset_at, fetch
from ..runtime.unfinished import identity_of_unfinished
from .store import MANIFEST, ClipStore


@dataclass(frozen=True)
class Place:
    """Where recordings are.

    Attributes:
        folder: the folder or file to read.
        name: what the manifest calls it: its path, or its address on the hub with the commit.
    """

    folder: Path
    name: str


def place_of(src: str | Path, out: Path, camera: str | None, update: bool) -> Place:
    """Return where recordings are, after fetching them if they are on the hub.

    Args:
        src: a path, or `hf://org/name` or `hf://org/name@revision`.
        out: the store that is made of them.
        camera: the only camera whose videos are needed; all of them if not given.
        update: take the newest revision, not the one that `out` was made of.

    Raises:
        InputError: no such data set, or one of another format.
        ForeframeError: the hub cannot be reached; what has arrived is kept.
    """
    address = dataset_at(src)
    if address is None:
        return Place(Path(src), str(Path(src).resolve()))
    described = fetch(_pinned(address, out, update), ("meta/*",))
    if not (described.folder / "meta" / "info.json").is_file():
        raise InputError(
            f"{address} is no LeRobotDataset (it has no meta/info.json); expected one: fetch other "
            f"sets with `hf download {address.repository} --repo-type dataset`, and import the "
            "folder"
        )
    pinned = replace(address, revision=described.commit)
    videos = f"videos/*{camera}/*" if camera else "videos/*"
    print(f"fetching {pinned}", flush=True)
    whole = fetch(pinned, ("meta/*", "data/*", videos))
    return Place(whole.folder, str(pinned))


def _pinned(address: HubAddress, out: Path, update: bool) -> HubAddress:
    """Return the address at the commit that `out` is made of already, if none was asked for."""
    if address.revision or update:
        return address
    for source in _sources_of(out):
        said = str(source.get("path", ""))
        before = dataset_at(said)
        if before and before.repository == address.repository:
            return before
    return address


def _sources_of(out: Path) -> Iterator[Mapping[str, Any]]:
    if (out / MANIFEST).is_file():
        yield ClipStore(out).source
    yield identity_of_unfinished(out) or {}
