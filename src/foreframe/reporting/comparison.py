"""What an experiment found: a table, overlaid curves, and one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..evaluation.evaluating import result_file
from ..runtime.files import atomic_write, read_json
from ..viz import curves
from .page import inline, log_of, page

_COLUMNS = {
    "psnr": ("PSNR (dB)", 2),
    "best_of_psnr": ("best of N (dB)", 2),
    "ssim": ("SSIM", 3),
    "above_copy_last_psnr": ("above copy-last (dB)", 2),
    "rate_nats_per_frame": ("rate (nats a frame)", 2),
    "active_dimensions": ("latent dimensions in use", 1),
    "posterior_minus_prior_psnr": ("posterior - prior (dB)", 2),
}


def compare(result: Mapping[str, Any], runs: Mapping[str, Sequence[Path]], out: Path) -> list[Path]:
    """Write `table.md`, `curves.svg` and `index.html` of an experiment; `runs` are the run folders of each arm."""
    first = next(iter(runs))
    psnr, *others = (title for title, _ in _COLUMNS.values())
    titles = [psnr, f"against {first} (dB)", *others]
    rows = [(arm, _cells(figures)) for arm, figures in result["arms"].items()]
    logs = {arm: [log_of(run) for run in folders] for arm, folders in runs.items()}
    scored = {
        arm: [result_file(run, result["protocol"], None) for run in folders]
        for arm, folders in runs.items()
    }
    scores = {arm: [read_json(file, "scores") for file in files] for arm, files in scored.items()}
    per_frame = {
        arm: [s["scores"]["psnr"]["per_frame"] for s in found] for arm, found in scores.items()
    }
    n_past = next(iter(scores.values()))[0]["protocol"]["n_past"]
    drawn = curves.comparison(logs, per_frame, n_past, out / "curves.svg")
    shown = [(arm, _last_picture(folders[0])) for arm, folders in runs.items()]
    text = page(
        "comparison.html",
        result=result,
        first=first,
        titles=titles,
        rows=rows,
        plots=[inline(drawn)],
        animations=[(arm, inline(picture)) for arm, picture in shown if picture],
    )
    return [
        atomic_write(out / "table.md", _markdown(titles, rows)),
        drawn,
        atomic_write(out / "index.html", text),
    ]


def _cells(figures: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Mean and interval of each column, as text."""
    psnr, *others = (_cell(figures[name], digits, "") for name, (_, digits) in _COLUMNS.items())
    return [psnr, _cell(figures["psnr"]["above_first"], 2, "+"), *others]


def _cell(value: Mapping[str, Any], digits: int, sign: str) -> tuple[str, str]:
    form = f"{sign}.{digits}f"
    interval = "" if value["low"] is None else f"{value['low']:{form}} to {value['high']:{form}}"
    return f"{value['mean']:{form}}", interval


def _markdown(titles: Sequence[str], rows: Sequence[tuple[str, Sequence[tuple[str, str]]]]) -> str:
    lines = ["| | " + " | ".join(titles) + " |", "|---" * (len(titles) + 1) + "|"]
    for arm, cells in rows:
        lines.append(
            f"| {arm} | "
            + " | ".join(f"{mean} ({span})" if span else mean for mean, span in cells)
            + " |"
        )
    return "\n".join(lines) + "\n"


def _last_picture(run: Path) -> Path | None:
    return max((run / "progress").glob("*.webp"), default=None)
