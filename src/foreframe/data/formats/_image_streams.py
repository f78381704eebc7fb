"""The streams of pictures in a folder that are episodes, of one camera."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ...errors import InputError
from ..pictures import look_at
from ..sources.findings import Findings
from ..sources.folders import natural_key
from ..sources.options import SourceOptions
from ._placing import fitting, tables_in
from ._streams import Stream, one_camera, streams_of
from ._table_roles import (
    episode_column,
    file_columns,
)
from ._tables import Table


def shared_tables(root: Path, folders: Sequence[Path]) -> list[Table]:
    """Tables that tell of several episodes.

    They name pictures of other folders, or have a column of episodes.
    """
    found = []
    above = {p for f in folders for p in (f, *f.parents) if p == root or p.is_relative_to(root)}
    beside = {p for a in above for p in a.iterdir() if p.is_dir() and p not in above}
    for folder in sorted((above | beside) - set(folders), key=natural_key):
        for file in tables_in(folder):
            table = fitting(file, ())
            if table and (episode_column(table) or file_columns(table)):
                found.append(table)
    return found


def chosen_streams(
    root: Path, pictures: Mapping[Path, list[Path]], shared: Sequence[Table], options: SourceOptions
) -> tuple[list[Stream], Findings]:
    """Return the streams of one camera that are episodes, and what was said of the others."""
    findings, found = Findings(), []
    for folder in sorted(pictures, key=natural_key):
        files = sorted(pictures[folder], key=natural_key)
        inside = [t for f in tables_in(folder) if (t := fitting(f, (len(files), len(files) - 1)))]
        named = {
            w.strip().replace("\\", "/").split("/")[-1]
            for t in (*inside, *shared)
            for c in file_columns(t)
            for w in t.words[c]
        }
        if named & {f.name for f in files}:
            found.append(Stream(folder, tuple(files)))
            continue
        streams, said = streams_of(folder, files)
        found += streams
        findings += said
    named_by_table = any(len(file_columns(t)) > 1 for t in shared)
    if named_by_table:
        return found, findings
    try:
        deep = [s.camera or s.folder.name for s in found if look_at(s.files[0]).deep]
    except InputError:
        deep = []
    streams, said = one_camera(
        root, found, replace(options, camera=_camera_of(found, shared, options)), deep
    )
    return streams, findings + said


def _camera_of(
    found: Sequence[Stream], shared: Sequence[Table], options: SourceOptions
) -> str | None:
    """The chosen camera, unless it is a column of a table that names files."""
    inside = [t for s in found for f in tables_in(s.folder) if (t := fitting(f, ()))][:8]
    columns = {c for t in (*shared, *inside) for c in file_columns(t)} if options.camera else set()
    return None if options.camera in columns else options.camera
