"""Show a run: plots, and one page with everything."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .. import models
from ..errors import InputError
from ..evaluation.evaluating import EVAL, draw_per_frame
from ..evaluation.results import Evaluation, read_evaluation, title_of
from ..metrics import Interval, Metric
from ..runtime.files import atomic_write, is_inside, parse_json, read_text
from ..runtime.typed import read_as
from ..viz import curves, palette

_MIME = {".webp": "image/webp", ".png": "image/png", ".svg": "image/svg+xml", ".gif": "image/gif"}


def plot(runs: Sequence[str | Path], out: str | Path) -> list[Path]:
    """Draw the training curves of runs over each other, and their scores per frame where they were
    evaluated.

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
        _name(run): read_evaluation(Path(run) / EVAL) for run in runs if (Path(run) / EVAL).exists()
    }
    if len(evaluated) == 1:
        written.append(draw_per_frame(next(iter(evaluated.values())), out / "per_frame.svg"))
    elif evaluated:
        written.append(_draw_several(evaluated, out / "per_frame.svg"))
    return written


def _draw_several(evaluated: Mapping[str, Evaluation], path: Path) -> Path:
    """The scores per frame of several runs, by each metric that all of them have."""
    first = next(iter(evaluated.values()))
    chosen = curves.colours(evaluated)
    panels = {
        metric.label: [
            curves.Line(name, result.scores[metric.name].per_frame, chosen[name])
            for name, result in evaluated.items()
        ]
        for metric in first.metrics()
        if all(metric.name in result.scores for result in evaluated.values())
    }
    n_past = min(result.protocol.n_past for result in evaluated.values())
    return curves.per_frame(panels, n_past, path)


def report(run: str | Path) -> Path:
    """Write `report.html` in a run: one self-contained page with pictures, scores, curves, data and
    settings.

    It shows what is there: `eval.json` of `foreframe eval`, the pictures of `foreframe sample`.

    Args:
        run: a run folder.

    Raises:
        InputError: not a run.
    """
    run = Path(run)
    described = models.describe(run)
    plots = plot([run], run / "plots")
    evaluations = evaluations_of(run)
    scores = evaluations[0] if evaluations else None
    animations = sorted(
        file
        for file in (run / "samples").glob("*")
        if file.suffix in (".webp", ".gif") and is_inside(file, run)
    )
    text = page(
        "page.html",
        run=run.name,
        described=described,
        scores=scores,
        evaluations=evaluations,
        cell=cell,
        place=place,
        has_any=has_any,
        title_of=title_of,
        warnings=warnings_of(run),
        outdated=_of_other_weights(evaluations, described),
        animations=[(file.stem, inline(file), _strip_of(file, run)) for file in animations],
        reliability=_reliability(scores, run / "plots"),
        plots=[inline(file) for file in plots],
        recipe=_text(run, "recipe.yaml"),
        environment=_text(run, "environment.json"),
    )
    return atomic_write(run / "report.html", text)


_WARNING = "warning"  # in a line of a run's log
_SCALE = (-25.0, 125.0)  # the skills at the ends of the page's scale


def place(skill: float) -> float:
    """Return where a skill stands on the scale, in per cent of its width.

    >>> place(-1000), place(50), place(125)
    (0.0, 50.0, 100.0)
    """
    first, last = _SCALE
    return round(100 * min(max((skill - first) / (last - first), 0.0), 1.0), 2)


def _strip_of(animation: Path, run: Path) -> str:
    """The frames of an animation side by side, which lie beside it in a run."""
    file = animation.with_suffix(".png")
    return inline(file) if is_inside(file, run) else ""


def _reliability(scores: Evaluation | None, folder: Path) -> str:
    """The plot of ranks, where there are several samples."""
    if scores is None or not scores.ranks:
        return ""
    return inline(curves.ranks(scores.ranks, folder / "ranks.svg"))


def evaluations_of(run: Path) -> list[Evaluation]:
    """Return the evaluations in a run, by every protocol, that of `eval.json` first."""
    others = sorted(file for file in run.glob("eval-*.json") if is_inside(file, run))
    first = [run / EVAL] if (run / EVAL).exists() else []
    return [read_evaluation(file) for file in (*first, *others)]


def page(template: str, **values: Any) -> str:
    """Return a filled-in template of this folder, a page without references to other files."""
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


class Cell(NamedTuple):
    """A figure and its interval as text; empty where there is none."""

    mean: str
    span: str


def cell(scores: Mapping[str, Interval], metric: Metric) -> Cell:
    """Return the text of a metric's figure."""
    found = scores.get(metric.name)
    return unsigned(found, metric.digits) if found else Cell("", "")


def has_any(scores: Mapping[str, Interval], metrics: Sequence[Metric]) -> bool:
    """Return whether any of some metrics was scored."""
    return any(metric.name in scores for metric in metrics)


def unsigned(found: Interval, digits: int) -> Cell:
    """Return the text of a figure."""
    return _cell(found, f".{digits}f")


def signed(found: Interval, digits: int) -> Cell:
    """Return the text of a difference."""
    return _cell(found, f"+.{digits}f")


def _cell(found: Interval, form: str) -> Cell:
    if found.low is None or found.high is None:
        return Cell(f"{found.mean:{form}}", "")
    return Cell(f"{found.mean:{form}}", f"{found.low:{form}} to {found.high:{form}}")


def _name(run: str | Path) -> str:
    return Path(run).name


def log_of(run: str | Path) -> list[dict[str, Any]]:
    """Return the figures in the lines of a run's `metrics.jsonl`."""
    return [_without_warning(line) for line in _log(Path(run))]


def _of_other_weights(evaluations: Sequence[Evaluation], described: Mapping[str, Any]) -> list[str]:
    """Say which scores are not of the weights that are there now."""
    return [
        f"The scores by protocol {found.protocol.name} are of other weights (step "
        f"{found.run.notes.get('step')}): run foreframe eval again."
        for found in evaluations
        if found.run.weights and found.run.weights != described["tensors"]
    ]


def warnings_of(run: str | Path) -> list[tuple[int, str]]:
    """Return what training warned of, with its step."""
    return [(line["step"], str(line[_WARNING])) for line in _log(Path(run)) if _WARNING in line]


def _log(run: Path) -> list[dict[str, Any]]:
    file = run / "metrics.jsonl"
    if not file.exists():
        raise InputError(
            f"{run} is not a run with a log (no metrics.jsonl); "
            "expected a folder that `foreframe train` wrote"
        )
    lines = read_text(file, "the log of a run").splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]  # a crash may have cut the last short
    found = []
    for number, line in enumerate(whole, start=1):
        where = f"{file}, line {number}"
        values = parse_json(line, where, "a step of the log of a run")
        read_as(dict[str, float | str | None], values, where)
        read_as(dict[str, float | None], _without_warning(values), where)
        if "step" not in values:
            raise InputError(f"{where} has no step; expected what `foreframe train` wrote")
        found.append(dict(values))
    return found


def _without_warning(line: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name != _WARNING}


def inline(file: Path) -> str:
    """Return a picture as a data URL."""
    return f"data:{_MIME[file.suffix]};base64,{base64.b64encode(file.read_bytes()).decode()}"


def _text(run: Path, name: str) -> str:
    """The text of a run's own file; empty if it is not there, or a link to somewhere else."""
    file = run / name
    return read_text(file, "a text of the run") if is_inside(file, run) else ""
