"""Episodes of videos: pictures, rows and times of each, cut at pauses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ...errors import InputError
from ..sources.findings import AmbiguousSource, Findings
from ..sources.options import SourceOptions
from ..sources.times import cuts_at_gaps, rate_of
from ._pairing import one_by_one
from ._pairs import ALONE, Pairing, rules_of
from ._row_numbers import Habit, all_in_order, by_numbers, habit_of, jumps_of
from ._row_times import by_time
from ._table_roles import Roles, frame_column, seconds_from, times_of
from ._tables import Table
from ._videos import VideoHeader

Array = NDArray[Any]

_SAME_RATE = 0.02


@dataclass(frozen=True)
class Span:
    """A stretch of a video: which of its pictures, with the rows of its table and the times."""

    file: Path
    name: str
    pictures: tuple[int, ...]
    table: Table | None
    rows: tuple[int, ...]
    seconds: Array
    count: int


def spans_of(
    root: Path,
    looked: Mapping[Path, VideoHeader],
    tables: Mapping[Path, Table | None],
    found: Roles,
    options: SourceOptions,
    findings: Findings,
) -> tuple[list[Span], dict[str, Array], Findings]:
    """Return the episodes of all videos, the clock of each video, and what was decided."""
    spans: list[Span] = []
    clocks: dict[str, Array] = {}
    cuts, reasons = 0, list[str]()
    ordered, findings = all_in_order(list(tables.values()), findings)
    tables = dict(zip(tables, ordered, strict=True))
    habit = habit_of(
        (None, len(looked[file].times_s), table)
        for file, table in tables.items()
        if table is not None and file in looked
    )
    for file, header in looked.items():
        try:
            paired, seconds = _paired(file, header, tables[file], found, options.lag, habit)
        except InputError as error:
            if not options.skip_bad:
                raise
            findings = findings.ignores(file.name, f"broken: {error}")
            continue
        reasons += [paired.reason] if found.any else []
        if paired.unused:
            findings = findings.warn(f"{file.name}: {paired.unused}")
        gaps = cuts_at_gaps(seconds, options.max_gap_s)
        cuts += len(gaps)
        clocks[file.name] = seconds
        name = (
            file.relative_to(root).with_suffix("").as_posix()
            if file.is_relative_to(root)
            else file.stem
        )
        bounds = [0, *sorted({*gaps, *paired.breaks}), len(paired.pictures)]
        for a, b in zip(bounds, bounds[1:], strict=False):
            whole = (a, b) == (0, len(header.times_s))
            where = name if whole else f"{name}/{paired.pictures[a]}"
            if b - a < 2:
                findings = findings.warn(
                    f"{where} is one picture and was left out: it shows no movement"
                )
                continue
            part = (paired.pictures[a:b], tables[file], paired.rows[a:b], seconds[a:b])
            spans.append(Span(file, where, *part, len(header.times_s)))
    if reasons:
        findings = findings.decided("pairing", rules_of(reasons), "what fits")
    if cuts:
        findings = findings.decided("cuts", cuts, "pauses in the times", "--max-gap-s")
    if not spans:
        raise InputError(
            f"{root} has no video of two pictures; expected episodes of several pictures"
        )
    return spans, clocks, findings


def _paired(
    file: Path,
    header: VideoHeader,
    table: Table | None,
    found: Roles,
    lag: int | None,
    habit: Habit,
) -> tuple[Pairing, Array]:
    """Pictures with rows, and the time of each picture.

    Of the table's clock, if it has one, or of the video's.
    """
    count = len(header.times_s)
    if table is None or not found.any:
        return Pairing(tuple(range(count)), (-1,) * count, ALONE), header.times_s
    clock, states = times_of(table), bool(found.keys.get("state"))
    led = table.length == count - 1 and habit.leads
    if led and lag is None and not states:
        _refuse_two_beginnings(count, table, file, habit)
    if table.length != count:
        numbered = by_numbers(None, count, table, habit)
        if numbered is not None and not (states and numbered.rows[-1] == -1):
            return numbered, header.times_s[list(numbered.pictures)]
    if table.length == count or clock is None or led:
        paired = one_by_one(count, table, file, states, lag, habit)
        paired = replace(paired, breaks=_breaks(paired, table))
        if clock is None or -1 in paired.rows:
            return paired, header.times_s[list(paired.pictures)]
        return paired, seconds_from(*clock)
    paired = by_time(header.times_s, table, file)
    return paired, header.times_s[list(paired.pictures)]


def _breaks(paired: Pairing, table: Table) -> tuple[int, ...]:
    """Where a column that counts the pictures jumps."""
    counter = frame_column(table)
    if counter is None or -1 in paired.rows:
        return ()
    return tuple(jumps_of(table.numbers[counter][list(paired.rows), 0].tolist()))


def _refuse_two_beginnings(count: int, table: Table, file: Path, habit: Habit) -> None:
    """Raise an error where T - 1 rows are numbered from 1, which has two meanings."""
    counter = frame_column(table)
    if counter is None or habit.shift != 1:
        return
    readings = (
        "the first picture is number 1, and each row leads on from its picture",
        "the first picture is number 0, and each row led to its picture",
    )
    said = f"{table.file}: {counter} from 1, {count - 1} rows for {count} pictures of {file.name}"
    raise AmbiguousSource(said, readings, "--lag 1 or --lag 0")


def common_rate(clocks: Mapping[str, Array], findings: Findings) -> tuple[float | None, Findings]:
    """The one rate of all videos.

    Raises:
        AmbiguousSource: videos of different rates.
    """
    rates = {name: rate for name, seconds in clocks.items() if (rate := rate_of(seconds))}
    if not rates:
        return None, findings
    slow, fast = min(rates, key=rates.__getitem__), max(rates, key=rates.__getitem__)
    if rates[fast] > rates[slow] * (1 + _SAME_RATE):
        raise AmbiguousSource(
            f"{len(rates)} videos of different rates",
            [f"{name} at {rates[name]:g} pictures per second" for name in (slow, fast)],
            "separate imports, one per rate (--stride brings the faster one to the slower), then "
            "train on all with --data S1,S2",
        )
    first = next(iter(rates.values()))
    return first, findings.decided("rate", f"{first:g} per second", "the times")
