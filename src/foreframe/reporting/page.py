"""What a run looks like: plots, and one page that shows it all."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import models
from ..errors import InputError
from ..evaluation.evaluating import EVAL, draw_per_frame
from ..runtime.files import atomic_write, read_json
from ..viz import curves, palette

_MIME = {".webp": "image/webp", ".png": "image/png", ".svg": "image/svg+xml", ".gif": "image/gif"}


def plot(runs: Sequence[str | Path], out: str | Path) -> list[Path]:
    """Draw the training curves of runs, one over the other, and their scores per frame where they were evaluated.

    Args:
        runs: run folders.
        out: folder for the plots.

    Raises:
        InputError: a folder that is not a run; no run given.
    """
    if not runs:
        raise InputError("no run was given; expected at least one run folder")
    out = Path(out)
    written = [curves.training({_name(run): log_of(run) for run in runs}, out / "training.svg")]
    evaluated = {
        _name(run): read_json(Path(run) / EVAL, "scores")
        for run in runs
        if (Path(run) / EVAL).exists()
    }
    if len(evaluated) == 1:
        written.append(draw_per_frame(next(iter(evaluated.values())), out / "per_frame.svg"))
    elif evaluated:
        n_past = min(result["protocol"]["n_past"] for result in evaluated.values())
        lines = {
            metric: {
                name: result["scores"][metric]["per_frame"] for name, result in evaluated.items()
            }
            for metric in ("psnr", "ssim")
        }
        written.append(curves.per_frame(lines, n_past, out / "per_frame.svg"))
    return written


def report(run: str | Path) -> Path:
    """Write `report.html` in a run: one self-contained page with pictures, scores, curves, data and settings.

    It shows what is there: `eval.json` of `foreframe eval`, the pictures of `foreframe sample`.

    Raises:
        InputError: not a run.
    """
    run = Path(run)
    described = models.describe(run)
    plots = plot([run], run / "plots")
    scores = read_json(run / EVAL, "scores") if (run / EVAL).exists() else None
    animations = sorted(f for f in (run / "samples").glob("*") if f.suffix in (".webp", ".gif"))
    text = page(
        "page.html",
        run=run.name,
        described=described,
        scores=scores,
        rows=_rows(scores) if scores else [],
        animations=[(file.stem, inline(file)) for file in animations],
        plots=[inline(file) for file in plots],
        recipe=(run / "recipe.yaml").read_text() if (run / "recipe.yaml").exists() else "",
        environment=_text(run / "environment.json"),
    )
    return atomic_write(run / "report.html", text)


def page(template: str, **values: Any) -> str:
    """A page of this room, filled in; it needs nothing but itself."""
    import jinja2

    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined
    )
    colours = {
        name: getattr(palette, name)
        for name in ("GIVEN", "PREDICTED", "INK", "PAPER", "FAINT", "MODEL")
    }
    return environment.get_template(template).render(**values, palette=colours)


def _rows(scores: Mapping[str, Any]) -> list[tuple[str, Any, Any, str]]:
    """(name, psnr, ssim, kind) of each line of the score table."""
    count = scores["samples"]
    rows = [
        (
            f"model, mean of {count} samples",
            scores["scores"]["psnr"],
            scores["scores"]["ssim"],
            "model",
        ),
        (
            f"model, best of {count} samples",
            scores["best_of"]["psnr"],
            scores["best_of"]["ssim"],
            "model",
        ),
    ]
    names = {
        "posterior": "posterior reconstruction (sees the future)",
        "copy_last": "copy last frame",
        "mean_frame": "mean frame",
    }
    rows += [
        (names.get(n, n), b["psnr"], b["ssim"], "baseline") for n, b in scores["baselines"].items()
    ]
    names = {
        "conditions_shuffled": "model, another clip's conditions",
        "conditions_zeroed": "model, mean conditions",
    }
    return rows + [(names[n], c["psnr"], None, "control") for n, c in scores["controls"].items()]


def _name(run: str | Path) -> str:
    return Path(run).name


def log_of(run: str | Path) -> list[dict[str, Any]]:
    """The lines of a run's `metrics.jsonl`."""
    file = Path(run) / "metrics.jsonl"
    if not file.exists():
        raise InputError(
            f"{run} is not a run with a log (no metrics.jsonl); expected a folder that `foreframe train` wrote"
        )
    return [json.loads(line) for line in file.read_text().splitlines()]


def inline(file: Path) -> str:
    """A picture as a data URL."""
    return f"data:{_MIME[file.suffix]};base64,{base64.b64encode(file.read_bytes()).decode()}"


def _text(file: Path) -> str:
    return file.read_text() if file.exists() else ""
