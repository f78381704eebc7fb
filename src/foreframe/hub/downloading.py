"""Fetch parts of a repository into the hub's cache; what is there already is not fetched again."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .addresses import HubAddress
from .door import door


@dataclass(frozen=True)
class Fetched:
    """Files of a repository that lie in the cache.

    Attributes:
        address: where they are from.
        commit: the revision as a commit, which never changes.
        folder: where they are.
    """

    address: HubAddress
    commit: str
    folder: Path


def fetch(address: HubAddress, patterns: Sequence[str]) -> Fetched:
    """Fetch the files of a repository whose names match one of the patterns.

    A stopped download is gone on with by the next call, and files that are whole need no network.

    Raises:
        InputError: no such repository or revision, a gated one, no right to read it.
        ForeframeError: the hub cannot be reached; what has arrived is kept.
    """
    with door(address) as hub:
        folder = hub.snapshot_download(
            address.repository,
            repo_type=address.kind,
            revision=address.revision,
            allow_patterns=list(patterns),
            library_name="foreframe",
        )
    return Fetched(address, Path(folder).name, Path(folder))


def fetch_apart(address: HubAddress, patterns: Sequence[str]) -> Fetched:
    """Fetch files as `fetch` does, as files of a folder in which there is nothing else.

    The cache shows files as links out of the folder, which a store refuses. Here they are hard
    links where the disk has them, which take no room, and else copies.

    Raises:
        InputError, ForeframeError: what `fetch` raises.
    """
    found = fetch(address, patterns)
    with door(address) as hub:
        from huggingface_hub import constants

        folder = hub.cached_assets_path(
            "foreframe", address.repository, found.commit, assets_dir=constants.HF_ASSETS_CACHE
        )
    for file in (f for f in found.folder.rglob("*") if f.is_file()):
        _hold(file.resolve(), folder / file.relative_to(found.folder))
    return Fetched(address, found.commit, folder)


def _hold(file: Path, name: Path) -> None:
    """Give a file another name, as a second link to it or else as a copy."""
    if name.exists():
        return
    name.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        try:
            os.link(file, name)
        except OSError:  # another disk, or one without such links
            begun = name.with_name(f".{name.name}.{os.getpid()}")
            shutil.copyfile(file, begun)
            begun.replace(name)
