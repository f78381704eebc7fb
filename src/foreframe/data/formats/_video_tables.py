"""The tables of videos: which belongs to each, and what their columns are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ...errors import InputError
from ..sources.findings import Findings
from ..sources.folders import files_under
from ..sources.options import SourceOptions
from ._placing import shared_rows, table_of
from ._table_roles import Roles, in_every_table, roles, said_columns
from ._tables import TABLES, Table
from ._videos import VIDEOS, VideoHeader


def table_beside(
    root: Path,
    file: Path,
    header: VideoHeader,
    count: int,
    shared: Sequence[Table],
    options: SourceOptions,
) -> Table | None:
    """Return the table that belongs to a video; None if there is none.

    `count` is how many videos the source has, `shared` the tables that tell of several.
    """
    if options.no_actions and not options.states:
        return None
    length = len(header.times_s)
    found = table_of(root, file, (length, length - 1), options, alone=count == 1 or _is_alone(file))
    if found is not None and found not in shared:
        return found
    for table in shared:
        rows = shared_rows(table, file, [file.name])
        if rows is not None:
            return rows
    return found


def _is_alone(file: Path) -> bool:
    """Whether a video is the only one in its folder."""
    return sum(f.suffix.lower() in VIDEOS for f in file.parent.iterdir()) == 1


def roles_in(
    root: Path,
    looked: Mapping[Path, VideoHeader],
    tables: Mapping[Path, Table | None],
    options: SourceOptions,
    findings: Findings,
) -> tuple[Roles, Findings]:
    """Return what the columns of the tables are, by the first.

    Raises:
        InputError: tables of which none belongs to a video, or videos without one beside others.
    """
    first = next((file for file, table in tables.items() if table is not None), None)
    if first is None:
        near = (
            [
                f
                for f in files_under(root)
                if f.suffix.lower() in TABLES and f.suffix.lower() not in (".json", ".txt", ".npz")
            ]
            if len(looked) > 1 or root in {f.parent for f in looked}
            else []
        )
        if near and not options.no_actions:
            raise InputError(
                f"{root} has tables ({', '.join(str(f.relative_to(root)) for f in near[:4])}) but "
                "none that belongs to a video; "
                "expected one of the video's name beside it or in a folder beside that of the "
                "videos, or a column called video that names the video of each row: rename it or "
                "add the column, or say --no-actions to read pictures alone"
            )
        return roles(Table(root, {}, {}), options, root), findings
    table = tables[first]
    assert table is not None
    count = len(looked[first].times_s)
    lacking = [file for file, found in tables.items() if found is None]
    if lacking and not options.skip_bad:
        shared = table.file.stem != first.stem
        what = (
            f"{table.file.name} has no row for {lacking[0].name}, as it has for {first.name}"
            if shared
            else f"{lacking[0].name} has no table beside it, as {first.name} has {table.file.name}"
        )
        raise InputError(
            f"{what} ({len(lacking)} of {len(tables)} videos lack "
            f"{'rows' if shared else 'one'}): add {'them' if shared else 'it'}, say --skip-bad to "
            "leave such videos out, or --no-actions to read pictures alone"
        )
    found = roles(table, options, root, (count, count - 1, table.length))
    found = in_every_table(found, (t for t in tables.values() if t is not None))
    findings += said_columns(table, found, options)
    return found, findings.decided("table", table.file.name, table.dialect or "its place")
