"""The tables of a comparison: each entry, its differences from the first, and what bounds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from ..evaluation.figures import COPYING, Scores
from ..evaluation.results import known_metric, title_of
from ..metrics import Metric
from .page import Cell, cell, signed, unsigned
from .run_comparison import Entry, RunComparison

_ABREAST = 4  # columns of figures that a page has room for
_COSTS = ("conditions", "samples", "training", "parameters", "GFLOPs per frame", "frames/s")
_NOTHING = Cell("", "")


class Row(NamedTuple):
    """A line of a table.

    Attributes:
        title: what the figures are of.
        kind: how it is shown.
        cells: the figures.
    """

    title: str
    kind: Literal["model", "difference", "world", "baseline"]
    cells: tuple[Cell, ...]


class Table(NamedTuple):
    """Figures under headings.

    Attributes:
        headings: one of each column of figures.
        rows: the lines.
    """

    headings: tuple[str, ...]
    rows: tuple[Row, ...]


def score_tables(found: RunComparison) -> list[Table]:
    """Return the scores, a few metrics in each table."""
    headings = (*_skill_heading(found), *(metric.heading for metric in found.metrics))
    rows = [
        *(row for entry in found.entries for row in _entry_rows(found, entry)),
        *(
            Row(title, kind, (*_skills(found, skill), *_cells(scores, found.metrics)))
            for title, kind, scores, skill in _bounds(found)
        ),
    ]
    return _split(headings, rows, _ABREAST)


def cost_tables(found: RunComparison) -> list[Table]:
    """Return what each entry was given, and what it costs."""
    rows = [Row(entry.name, "model", _cost_cells(entry)) for entry in found.entries]
    return _split(_COSTS, rows, len(_COSTS) // 2)


def _split(headings: Sequence[str], rows: Sequence[Row], columns: int) -> list[Table]:
    """Tables of so many columns each."""
    begins = range(0, len(headings), columns)
    return [_part(headings, rows, slice(begin, begin + columns)) for begin in begins]


def _part(headings: Sequence[str], rows: Sequence[Row], columns: slice) -> Table:
    """Some columns, and the rows that have a figure in them."""
    cut = (row._replace(cells=row.cells[columns]) for row in rows)
    return Table(tuple(headings[columns]), tuple(row for row in cut if any(map(any, row.cells))))


def _entry_rows(found: RunComparison, entry: Entry) -> list[Row]:
    """The figures of an entry, and its differences from the first."""
    skill = next(iter(entry.evaluation.skill.values()), None)
    scores = _cells(entry.evaluation.scores, found.metrics)
    skills = _skills(found, unsigned(skill, 0) if skill else _NOTHING)
    rows = [Row(entry.name, "model", (*skills, *scores))]
    first = found.entries[0].name
    if entry.name != first:
        apart = (
            (found.difference(entry.name, first, metric.name), metric) for metric in found.metrics
        )
        cells = (signed(one, metric.digits) if one else _NOTHING for one, metric in apart)
        title = f"{entry.name} - {first}"
        rows.append(Row(title, "difference", (*_skills(found, _NOTHING), *cells)))
    return rows


def _bounds(
    found: RunComparison,
) -> list[tuple[str, Literal["world", "baseline"], Scores, Cell]]:
    """The world itself and copying, with the skill that they have by definition."""
    first = found.first
    bounds: list[tuple[str, Literal["world", "baseline"], Scores, Cell]] = []
    if first.world is not None:
        clips = first.world.clips
        some = "" if clips == first.clips else f", {clips} clip{'' if clips == 1 else 's'}"
        title = f"{title_of('world')}{some}"
        bounds.append((title, "world", first.world.scores, Cell("100", "")))
    if COPYING in first.baselines:
        copied = first.baselines[COPYING]
        bounds.append((title_of(COPYING), "baseline", copied, Cell("0", "")))
    return bounds


def _cells(scores: Scores, metrics: Sequence[Metric]) -> tuple[Cell, ...]:
    return tuple(cell(scores, metric) for metric in metrics)


def _skill_heading(found: RunComparison) -> list[str]:
    """The heading of the skill; none where nothing can beat copying."""
    return [f"skill ({known_metric(name).title}) ↑" for name in list(found.first.skill)[:1]]


def _skills(found: RunComparison, skill: Cell) -> list[Cell]:
    return [skill for _ in _skill_heading(found)]


def _cost_cells(entry: Entry) -> tuple[Cell, ...]:
    costs, seconds = entry.costs, entry.training_s
    evaluation, unknown = entry.evaluation, Cell("unknown", "")
    given = Cell(evaluation.protocol.given, "")
    samples = Cell(str(evaluation.samples), "")
    trained = unknown if seconds is None else Cell(f"{seconds / 3600:.2f} h", "")
    if costs is None:
        return (given, samples, trained, unknown, unknown, unknown)
    parameters = Cell(f"{costs.parameters:,}", "")
    flops = Cell(f"{costs.flops_per_frame / 1e9:.3f}", "")
    speed = Cell(f"{costs.frames_per_second:,.0f}", costs.device)
    return (given, samples, trained, parameters, flops, speed)
