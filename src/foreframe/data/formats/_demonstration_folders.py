"""Folders of HDF5 files of demonstrations, which often hold them as pictures and as numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...errors import InputError
from ..sources.findings import Findings
from ..sources.options import SourceOptions
from ..sources.recording import Source
from . import _hdf5
from ._demonstrations import Decide, cameras_of, demos_of, open_file
from ._joined import Joined


def open_folder(path: Path, options: SourceOptions, decide: Decide) -> Source:
    """Open the files of a folder as one source; those without pictures are said and left out.

    Raises:
        InputError: no file has pictures.
    """
    files = _hdf5.files_of(path)
    seen: dict[bytes, Path] = {}
    opened, blind, found = {}, {}, Findings()
    for file in files:
        begins, reason = b"", ""
        try:
            with _hdf5.opened(file) as root:
                demos = demos_of(root)
                reason = _blind(root, demos[0], options) if demos else "it has no data/demo_<i>"
                if not reason:
                    begins = _hdf5.member(root, f"data/{demos[0]}/actions", options).tobytes()
        except InputError as error:
            if not options.skip_bad or len(files) == 1:
                raise
            reason = f"broken: {error}"
        if reason:
            blind[file] = reason
            continue
        if begins in seen:
            found = found.warn(
                f"{seen[begins].name} and {file.name} begin with the same actions: "
                "if they hold the same "
                "demonstrations, import one of them"
            )
        seen[begins] = file
        opened[file] = open_file(file, options, decide)
    if not opened:
        first, reason = next(iter(blind.items()), (path, "it has no .hdf5 files"))
        raise InputError(f"{first}: {reason}; expected pictures under data/demo_<i>/obs")
    for file, reason in blind.items():
        found = found.ignores(file.relative_to(path), reason)
    if len(opened) == 1:
        (lone,) = opened.values()
        return lone.with_findings(found)
    named = {f.relative_to(path).with_suffix("").as_posix(): source for f, source in opened.items()}
    first_name = next(iter(named))
    named[first_name] = named[first_name].with_findings(found)
    return Joined.of(path, named)


def _blind(root: Any, demo: str, options: SourceOptions) -> str:
    """Say why a file shows nothing; empty if it has pictures."""
    observed = _hdf5.names(root, f"data/{demo}/obs")
    if cameras_of(root, demo) or options.camera in observed:
        return ""
    if not observed:
        return "its demonstrations have states and actions but no obs: render them first"
    return (
        f"its observations are numbers ({', '.join(observed)}), as in a low_dim file: take the "
        "image file, or render one"
    )
