"""Write a comparison of runs: tables as Markdown, CSV and JSON, curves, clips side by side, a page.

Letters: T frames, H height, W width, C channels.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..clips import to_uint8
from ..data.windows import Windows
from ..evaluation.figures import COPYING
from ..metrics import Metric
from ..runtime.files import atomic_write, write_json
from ..viz import curves, palette
from ..viz.clips import Track, animate
from .comparison_tables import Table, cost_tables, score_tables
from .page import Cell, inline, page
from .run_comparison import RunComparison

Predict = Callable[[Sequence[int], int], Tensor]

_SHOWN_CLIPS, _SHOWN_SAMPLES = 4, 2
_RATE = 5.0  # frames per second of animations where the store does not say


def write_comparison(
    found: RunComparison, windows: Windows, predict: Mapping[str, Predict]
) -> list[Path]:
    """Write everything into the comparison's folder.

    Args:
        found: the comparison.
        windows: its clips.
        predict: by name, what predicts clips again, for pictures.
    """
    out = Path(found.folder)
    drawn = curves.per_frame(_panels(found), found.first.protocol.n_past, out / "curves.svg")
    pictures = _pictures(found, windows, predict, out / "clips")
    text = page(
        "runs.html",
        found=found,
        tables=score_tables(found),
        costs=cost_tables(found),
        plot=inline(drawn),
        clips=[(file.stem, inline(file)) for file in pictures],
    )
    return [
        write_json(out / "comparison.json", found.to_dict()),
        atomic_write(out / "comparison.md", _markdown(found)),
        atomic_write(out / "comparison.csv", _table(found)),
        drawn,
        *pictures,
        atomic_write(out / "index.html", text),
    ]


def _markdown(found: RunComparison) -> str:
    first, used = found.first, found.first.protocol
    lines = [
        f"Protocol {used.name}: {used.n_past} > {used.horizon} frames, {first.split} split of "
        f"{first.data.store} ({first.data.content[:12]}), {first.clips} clips of "
        f"{len(set(found.episodes))} episodes.",
        f"Differences from {found.entries[0].name} are paired clip by clip, "
        "with 95 % intervals over episodes.",
        "Skill is 0 for copying the last frame and 100 for "
        f"{'the world itself' if first.world else 'a perfect prediction'}.",
        "",
        *(f"- {said}" for said in (*found.statements(), *found.left_out())),
        "",
        *(
            line
            for table in (*score_tables(found), *cost_tables(found))
            for line in (*_grid(table), "")
        ),
    ]
    return "\n".join(lines)


def _grid(table: Table) -> list[str]:
    """A table in Markdown."""
    rows = ([row.title, *map(_in_a_line, row.cells)] for row in table.rows)
    lines = [f"| {' | '.join(cells)} |" for cells in (["", *table.headings], *rows)]
    return [lines[0], "|---" * (len(table.headings) + 1) + "|", *lines[1:]]


def _in_a_line(figure: Cell) -> str:
    return f"{figure.mean} ({figure.span})" if figure.span else figure.mean


def _table(found: RunComparison) -> str:
    """A row for each entry and metric, with its difference from the first entry."""
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    names = ("mean", "low", "high")
    differences = (f"minus_first_{name}" for name in names)
    writer.writerow(["name", "metric", *names, *differences])
    for entry in found.entries:
        for metric in found.metrics:
            score = entry.evaluation.scores[metric.name]
            other = found.difference(entry.name, found.entries[0].name, metric.name)
            cells = [getattr(score, n) for n in names]
            cells += [getattr(other, n) if other else None for n in names]
            writer.writerow([entry.name, metric.name, *("" if c is None else c for c in cells)])
    return content.getvalue()


def _panels(found: RunComparison) -> dict[str, list[curves.Line]]:
    """Curves of each metric: all entries, copying, and the world itself."""
    chosen = curves.colours(entry.name for entry in found.entries)
    return {
        metric.heading: [
            *(
                _line(entry.name, entry.evaluation.scores, metric, chosen)
                for entry in found.entries
            ),
            *_bounds(found, metric),
        ]
        for metric in found.metrics
    }


def _line(
    name: str, scores: Mapping[str, Any], metric: Metric, chosen: Mapping[str, str]
) -> curves.Line:
    return curves.Line(name, scores[metric.name].per_frame, chosen[name])


def _bounds(found: RunComparison, metric: Metric) -> list[curves.Line]:
    first, lines = found.first, []
    copying = first.baselines.get(COPYING, {})
    if metric.name in copying:
        values = copying[metric.name].per_frame
        lines.append(curves.Line("copy last frame", values, palette.BASELINES[0], True))
    if first.world is not None and metric.name in first.world.scores:
        values = first.world.scores[metric.name].per_frame
        lines.append(curves.Line("the world itself", values, palette.INK, True))
    return lines


def _pictures(
    found: RunComparison, windows: Windows, predict: Mapping[str, Predict], folder: Path
) -> list[Path]:
    """Animations of a few clips: the truth, another true future, and samples of each entry."""
    n_past = found.first.protocol.n_past
    spread = np.linspace(0, len(windows) - 1, min(_SHOWN_CLIPS, len(windows)))
    rate = windows.store.frames_per_second or _RATE
    written = []
    for index in np.unique(spread.round().astype(int)).tolist():
        frames = windows.clips([index]).frames[0]
        tracks = [Track("truth", _bytes(frames), len(frames))]
        if (others := windows.futures(index, n_past)) is not None and len(others):
            whole = torch.cat([frames[:n_past], others[0]])
            tracks += (
                [Track("also true", _bytes(whole), n_past)] if len(whole) == len(frames) else []
            )
        for entry in found.entries:
            if entry.name in predict:
                count = min(_SHOWN_SAMPLES, entry.evaluation.samples)
                drawn = predict[entry.name]([index], count)[0]
                tracks += [
                    Track(
                        entry.name if count == 1 else f"{entry.name} {n + 1}",
                        _bytes(torch.cat([frames[:n_past], to_uint8(future.cpu())])),
                        n_past,
                    )
                    for n, future in enumerate(drawn)
                ]
        written.append(animate(tracks, folder / f"clip-{index:04d}.webp", rate))
    return written


def _bytes(frames: Tensor) -> Any:
    """uint8 [T, C, H, W] to [T, H, W, C]."""
    return frames.movedim(1, -1).numpy()
