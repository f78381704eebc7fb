"""Episodes of folders of pictures: pictures, rows and times of each, cut where they break."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..pictures import PICTURES, number_of
from ..sources.findings import Findings
from ..sources.folders import split_of, split_of_path
from ..sources.options import SourceOptions
from ..sources.times import cuts_at_gaps
from ._pairing import numbers_of, pair
from ._pairs import ALONE, Pairing, rules_of
from ._row_numbers import Habit, all_in_order, habit_of, jumps_of
from ._row_times import stamps_of
from ._streams import Stream
from ._table_roles import (
    Roles,
    episode_column,
    file_columns,
    seconds_from,
    split_column,
    times_of,
)
from ._tables import Table

Array = NDArray[Any]


@dataclass(frozen=True)
class Span:
    """Pictures of an episode with their rows and times.

    Attributes:
        name: of the episode.
        folder: where the pictures are.
        pictures: in order.
        table: the file of its conditions.
        rows: of that table, after `part` was taken; -1 is a row of zeros.
        part: whether only the rows that belong to `folder` count.
        seconds: of each picture, if the table tells them.
        split: what a folder or the table says.
        session: what the span is a piece of.
    """

    name: str
    folder: Path
    pictures: tuple[Path, ...]
    labels: tuple[Path, ...]
    table: Table | None
    rows: tuple[int, ...]
    seconds: Array | None
    split: str | None
    session: str


def spans_of(
    root: Path,
    planned: Sequence[tuple[Stream, Table | None]],
    found: Roles,
    options: SourceOptions,
    findings: Findings,
) -> tuple[list[Span], Array, Findings]:
    """Return the episodes of all streams, the clock of one of them, and what was decided."""
    spans: list[Span] = []
    cuts, lone, rates = 0, [], np.zeros(0)
    reasons: list[str] = []
    tables, findings = all_in_order([table for _, table in planned], findings)
    planned = [(stream, table) for (stream, _), table in zip(planned, tables, strict=True)]
    habit = _habit(planned)
    for stream, table in planned:
        try:
            paired = _paired(stream, table, found, options, habit)
        except InputError as error:
            if not options.skip_bad:
                raise
            findings = findings.ignores(_name(root, stream), f"broken: {error}")
            continue
        reasons += [paired.reason] if table is not None else []
        lost = _lost_pictures(stream, paired)
        if lost:
            a, b = (_number(stream, paired.pictures[i]) for i in (lost[0] - 1, lost[0]))
            findings = findings.warn(
                f"the numbers of {stream.files[0].name} and its followers jump in "
                f"{_name(root, stream)} ({a} to {b}{', ...' if len(lost) > 1 else ''}): "
                "cut there"
            )
        if paired.unused:
            findings = findings.warn(f"{_name(root, stream)}: {paired.unused}")
        seconds = _seconds(table, paired)
        rates = seconds if seconds is not None and not len(rates) else rates
        gaps = set(cuts_at_gaps(seconds, options.max_gap_s)) if seconds is not None else set()
        cuts += len(gaps)
        bounds = [
            0,
            *sorted(gaps | {*paired.breaks, *lost} | _changes(table, paired)),
            len(paired.pictures),
        ]
        for a, b in zip(bounds, bounds[1:], strict=False):
            if b - a < 2:
                lone += (
                    [f"{_name(root, stream)} ({stream.files[paired.pictures[a]].name})"]
                    if b > a
                    else []
                )
                continue
            spans.append(_span(root, stream, table, paired, seconds, (a, b), options))
    if reasons:
        findings = findings.decided("pairing", rules_of(reasons), "what fits")
    if cuts:
        findings = findings.decided("cuts", cuts, "gaps in the times", "--max-gap-s")
    if lone:
        findings = findings.warn(
            f"{len(lone)} episodes or pieces of one picture were left out, since one picture shows "
            f"no movement: {', '.join(lone[:6])}"
        )
    if not spans:
        raise InputError(
            f"{root} has no two pictures that follow each other; "
            "expected episodes of several pictures"
        )
    if not len(rates):
        options.refuse("no table tells the time of these pictures", "max_gap_s")
    return spans, rates, findings


def _habit(planned: Sequence[tuple[Stream, Table | None]]) -> Habit:
    return habit_of(
        (numbers_of([file.name for file in stream.files]), len(stream.files), table)
        for stream, table in planned
        if table is not None
    )


def _number(stream: Stream, place: int) -> int:
    return (numbers_of([file.name for file in stream.files]) or [])[place]


def _lost_pictures(stream: Stream, paired: Pairing) -> list[int]:
    """Places before which pictures are missing, by the numbers in the names."""
    names = [stream.files[place].name for place in paired.pictures]
    numbers = numbers_of(names)
    if numbers is None or stamps_of(names) is not None:
        return []
    return [i for i in jumps_of(numbers) if paired.pictures[i] == paired.pictures[i - 1] + 1]


def _paired(
    stream: Stream, table: Table | None, found: Roles, options: SourceOptions, habit: Habit
) -> Pairing:
    if table is None or not (found.any or file_columns(table) or times_of(table)):
        return Pairing(tuple(range(len(stream.files))), (-1,) * len(stream.files), ALONE)
    names = [file.name for file in stream.files]
    paired = pair(names, table, options, stream.folder, bool(found.keys.get("state")), habit)
    column = episode_column(table)
    if column is None:
        return paired
    key = _key(table, column)
    order = sorted(range(len(paired.rows)), key=lambda i: key.index(key[paired.rows[i]]))
    if order == list(range(len(order))):
        return paired
    return replace(
        paired,
        pictures=tuple(paired.pictures[i] for i in order),
        rows=tuple(paired.rows[i] for i in order),
        breaks=(),
    )


def _key(table: Table, column: str) -> list[Any]:
    return (
        list(table.words[column]) if column in table.words else table.numbers[column][:, 0].tolist()
    )


def _changes(table: Table | None, paired: Pairing) -> set[int]:
    """Where the column of episodes changes."""
    column = episode_column(table) if table is not None else None
    if table is None or column is None or paired.reason == ALONE:
        return set()
    key = [_key(table, column)[row] for row in paired.rows]
    return {i for i in range(1, len(key)) if key[i] != key[i - 1]}


def _seconds(table: Table | None, paired: Pairing) -> Array | None:
    clock = times_of(table) if table is not None else None
    if clock is None or -1 in paired.rows:
        return None
    seconds = seconds_from(*clock)
    return np.asarray(seconds[list(paired.rows)], np.float64)


def _span(
    root: Path,
    stream: Stream,
    table: Table | None,
    paired: Pairing,
    seconds: Array | None,
    bounds: tuple[int, int],
    options: SourceOptions,
) -> Span:
    a, b = bounds
    name = _name(root, stream)
    whole = (a, b) == (0, len(stream.files))
    column = episode_column(table) if table is not None else None
    split = split_of_path(root, stream.folder) if stream.folder != root else None
    if table is not None and (said := split_column(table)) and paired.rows[a] >= 0:
        split = split or split_of(table.words[said][paired.rows[a]])
    where = name if whole else f"{name}/{paired.pictures[a]}"
    if column is not None and table is not None and paired.rows[a] >= 0 and not whole:
        where = f"{name}/{_key(table, column)[paired.rows[a]]}-{paired.pictures[a]}"
    chosen = tuple(stream.files[i] for i in paired.pictures[a:b])
    return Span(
        where,
        stream.folder,
        chosen,
        _labels(stream, chosen, options.labels),
        table,
        paired.rows[a:b],
        seconds[a:b] if seconds is not None else None,
        split,
        name,
    )


def _name(root: Path, stream: Stream) -> str:
    base = (
        stream.folder.relative_to(root).as_posix() if stream.folder != root else stream.folder.name
    )
    return f"{base}/{stream.episode}" if stream.episode else base


def _labels(stream: Stream, chosen: Sequence[Path], labels: str | None) -> tuple[Path, ...]:
    if not labels:
        return ()
    inside = stream.folder / labels
    there = inside if inside.is_dir() else stream.folder.parent / labels
    drawn = {number_of(f): f for f in there.glob("*") if f.suffix.lower() in PICTURES}
    if not set(map(number_of, chosen)) <= set(drawn):
        raise InputError(
            f"{there} has {len(drawn)} label images for the {len(chosen)} pictures of "
            f"{stream.folder}; expected one each, "
            "of the same numbers"
        )
    return tuple(drawn[number_of(file)] for file in chosen)
