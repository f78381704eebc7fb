"""Show what an experiment found: a table, overlaid curves, and one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..evaluation.results import Evaluation
from ..runtime.files import atomic_write, is_inside
from ..viz import curves
from .experiment_results import ArmFigure, ExperimentResult
from .page import Cell, inline, page, signed, unsigned

Line = Mapping[str, Any]


@dataclass(frozen=True)
class Comparison:
    """The runs of an experiment, by arm.

    Attributes:
        logs: the lines of each seed's `metrics.jsonl`.
        scores: of each seed.
        shown: the run whose last progress picture is shown.
    """

    logs: Mapping[str, Sequence[Sequence[Line]]]
    scores: Mapping[str, Sequence[Evaluation]]
    shown: Mapping[str, Path]


def compare(result: ExperimentResult, runs: Comparison, out: Path) -> list[Path]:
    """Write `table.md`, `curves.svg` and `index.html` of an experiment."""
    reference, (headline, *others) = next(iter(result.arms)), result.columns
    titles = [headline.title, f"against {reference}", *(column.title for column in others)]
    rows = [(arm, _cells(result, figures)) for arm, figures in result.arms.items()]
    per_frame = {
        arm: [one.scores[headline.name].per_frame for one in seeds]
        for arm, seeds in runs.scores.items()
    }
    n_past = next(iter(runs.scores.values()))[0].protocol.n_past
    title = f"test {headline.title} of each frame"
    drawn = curves.comparison(runs.logs, per_frame, title, n_past, out / "curves.svg")
    pictures = {arm: _last_picture(run) for arm, run in runs.shown.items()}
    text = page(
        "comparison.html",
        result=result,
        first=reference,
        titles=titles,
        rows=rows,
        plots=[inline(drawn)],
        animations=[(arm, inline(picture)) for arm, picture in pictures.items() if picture],
    )
    return [
        atomic_write(out / "table.md", _markdown(titles, rows)),
        drawn,
        atomic_write(out / "index.html", text),
    ]


def _cells(result: ExperimentResult, figures: Mapping[str, ArmFigure]) -> list[Cell]:
    """Mean and interval of each column, and of the headline's difference from the first arm."""
    headline, *others = result.columns
    above = signed(figures[headline.name].above_first, headline.digits)
    cells = [unsigned(figures[c.name], c.digits) for c in others]
    return [unsigned(figures[headline.name], headline.digits), above, *cells]


def _markdown(titles: Sequence[str], rows: Sequence[tuple[str, Sequence[Cell]]]) -> str:
    lines = ["| | " + " | ".join(titles) + " |", "|---" * (len(titles) + 1) + "|"]
    for arm, cells in rows:
        values = (f"{mean} ({span})" if span else mean for mean, span in cells)
        lines.append(f"| {arm} | " + " | ".join(values) + " |")
    return "\n".join(lines) + "\n"


def _last_picture(run: Path) -> Path | None:
    pictures = (run / "progress").glob("*.webp")
    return max((file for file in pictures if is_inside(file, run)), default=None)
