"""Curves of training, and of scores from frame to frame."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..runtime.files import atomic_write
from . import palette

Lines = Sequence[Mapping[str, Any]]

_MARKED_FRAMES = 60
_PANELS_IN_A_ROW = 3
_MARGIN = 0.08  # of the span of the lines, above and below them
_STYLE = {
    "axes.edgecolor": palette.FAINT,
    "axes.labelcolor": palette.INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "font.size": 9,
    "grid.color": "#e4e7eb",
    "legend.frameon": False,
    "legend.fontsize": 8,
    "svg.hashsalt": "foreframe",
}


_LOSS = "loss (MSE + beta KL, summed over frames)"
_BETA = ((None, None), ("beta", "KL weight beta"))


def training(runs: Mapping[str, Lines], path: Path) -> Path:
    """Draw loss, distortion, rate or score, and validation over steps, one curve per run.

    Beta and teacher forcing are on a second axis where a bound is trained.

    Args:
        runs: the lines of each run's `metrics.jsonl`, by the name of the run.
        path: the picture to write.
    """
    figure, axes = _figure(2, 2, (9.6, 5.6))
    chosen = colours(runs)
    logged = {key for lines in runs.values() for line in lines for key in line}
    bound = "rate_nats" in logged  # otherwise sampled futures alone are scored
    alone = bound and "score" not in logged
    panels = (
        (axes[0][0], "loss", _LOSS if alone else "loss (what training minimises)", *_BETA[bound]),
        (
            axes[0][1],
            "distortion",
            "distortion (squared error per frame)",
            "teacher_forcing" if bound else None,
            "teacher-forcing ratio",
        ),
        (axes[1][0], "rate_nats", "rate (nats per frame)", *_BETA[bound])
        if bound
        else (axes[1][0], "score", "score of sampled futures", None, None),
        (axes[1][1], "validation_crps", "validation CRPS, two prior samples", None, None)
        if "validation_crps" in logged
        else (axes[1][1], "validation_psnr", "validation PSNR, one prior sample (dB)", None, None),
    )
    for axis, key, title, second, second_title in panels:
        axis.set_title(title)
        axis.set_xlabel("optimiser step")
        for name, lines in runs.items():
            label = name if len(runs) > 1 else None
            _line(axis, lines, key, chosen[name], label, marker=None if second else "o")
        if key in ("loss", "distortion") and all(
            line.get(key, 1) > 0 for lines in runs.values() for line in lines
        ):
            axis.set_yscale("log")
        if second:
            _second_axis(axis, runs, second, str(second_title))
        if len(runs) > 1:
            axis.legend()
    return _save(figure, path)


class Line(NamedTuple):
    """A score of each predicted frame.

    Attributes:
        label: its name in the legend.
        values: the score of each frame.
        colour: a colour that matplotlib knows.
        dashed: whether the line is dashed.
        band: lower and upper bound of each frame, drawn as a band; empty for none.
    """

    label: str
    values: Sequence[float]
    colour: str
    dashed: bool = False
    band: Sequence[tuple[float, float]] = ()


def per_frame(panels: Mapping[str, Sequence[Line]], n_past: int, path: Path) -> Path:
    """Draw scores of each predicted frame, one panel per title, with one legend below them.

    A panel shows the lines whole; bands that reach beyond them, as of few episodes, are cut.

    Args:
        panels: the lines of each panel, by its title.
        n_past: number of context frames; predicted frames are numbered from there on.
        path: the picture to write.
    """
    columns = min(len(panels), _PANELS_IN_A_ROW)
    rows = -(-len(panels) // columns)
    figure, axes = _figure(rows, columns, (4.8 * columns, 3.2 * rows + 0.5))
    places = [axis for row in axes for axis in row]
    handles: dict[str, Any] = {}
    for axis, (title, lines) in zip(places, panels.items(), strict=False):
        axis.set_title(title)
        axis.set_xlabel("frame of the clip")
        for line in lines:
            handles.setdefault(line.label, _curve(axis, line, n_past))
        axis.set_ylim(_limits(lines))
    for axis in places[len(panels) :]:
        axis.set_visible(False)
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=min(len(handles), 4))
    return _save(figure, path)


def _limits(lines: Sequence[Line]) -> tuple[float, float] | None:
    """The ends of an axis that shows the values of all lines; None where there are none."""
    values = [value for line in lines for value in line.values if math.isfinite(value)]
    if not values:
        return None
    low, high = min(values), max(values)
    margin = _MARGIN * (high - low) or _MARGIN * abs(high) or 1.0
    return low - margin, high + margin


def _curve(axis: Any, line: Line, n_past: int) -> Any:
    few = len(line.values) <= _MARKED_FRAMES
    frames = range(n_past, n_past + len(line.values))
    if line.band:
        low, high = zip(*line.band, strict=True)
        axis.fill_between(frames, low, high, color=line.colour, alpha=0.15, linewidth=0)
    (drawn,) = axis.plot(
        frames,
        line.values,
        "--" if line.dashed else "-",
        color=line.colour,
        linewidth=1.6 if few else 0.8,
        marker="o" if few else None,
        markersize=2.5,
    )
    return drawn


def ranks(shares: Sequence[float], path: Path) -> Path:
    """Draw how often what happened has each rank among the samples, beside the flat line of a
    perfect model."""
    figure, axes = _figure(1, 1, (4.8, 2.9))
    axis = axes[0][0]
    axis.bar(range(len(shares)), shares, color=palette.MODEL, width=0.85)
    axis.axhline(1 / len(shares), color=palette.WORLD, linewidth=1.6)
    axis.set_title("rank of what happened among the samples")
    axis.set_xlabel("samples below it (line: a calibrated model)")
    axis.set_ylabel("share of moving pixels")
    axis.set_ylim(bottom=0)
    axis.grid(axis="x", visible=False)
    return _save(figure, path)


def colours(names: Iterable[str]) -> dict[str, str]:
    """Return a colour for each of several runs or arms."""
    return {name: palette.SEQUENCE[i % len(palette.SEQUENCE)] for i, name in enumerate(names)}


def comparison(
    logs: Mapping[str, Sequence[Lines]],
    per_frame: Mapping[str, Sequence[Sequence[float]]],
    per_frame_title: str,
    n_past: int,
    path: Path,
) -> Path:
    """Draw all arms of an experiment over each other: one line per seed, one colour per arm.

    Args:
        logs: for each arm, the lines of each seed's `metrics.jsonl`.
        per_frame: for each arm, each seed's scores of the predicted frames.
        per_frame_title: the name of that score.
        n_past: number of context frames.
        path: the picture to write.
    """
    panels = {
        "loss": "loss (MSE + beta KL, summed over frames)",
        "distortion": "distortion (squared error per frame)",
        "rate_nats": "rate (nats per frame)",
        "validation_psnr": "validation PSNR (dB)",
        "beta": "KL weight beta",
        "teacher_forcing": "teacher-forcing ratio",
        "learning_rate": "learning rate",
    }
    figure, axes = _figure(2, 4, (15.5, 6.2))
    places = [axis for row in axes for axis in row]
    chosen = colours(logs)
    for axis, (key, title) in zip(places, panels.items(), strict=False):
        axis.set_title(title)
        axis.set_xlabel("optimiser step")
        for arm, seeds in logs.items():
            for number, lines in enumerate(seeds):
                _line(axis, lines, key, chosen[arm], arm if number == 0 else None)
        if key in ("loss", "distortion"):
            axis.set_yscale("log")
        if key == "beta":
            axis.set_yscale("symlog", linthresh=1e-7)  # from 0 up over the orders of magnitude
    last = places[-1]
    last.set_title(per_frame_title)
    last.set_xlabel("frame of the clip")
    for arm, curves in per_frame.items():
        for number, values in enumerate(curves):
            frames = range(n_past, n_past + len(values))
            last.plot(
                frames,
                values,
                color=chosen[arm],
                linewidth=1.4,
                label=arm if number == 0 else None,
            )
    last.legend()
    return _save(figure, path)


def _line(
    axis: Any, lines: Lines, key: str, colour: str, label: str | None, marker: str | None = None
) -> None:
    points = [(line["step"], line[key]) for line in lines if line.get(key) is not None]
    if points:
        axis.plot(
            *zip(*points, strict=True),
            color=colour,
            label=label,
            linewidth=1.4,
            marker=marker,
            markersize=4,
        )


def _second_axis(axis: Any, runs: Mapping[str, Lines], key: str, title: str) -> None:
    second = axis.twinx()
    second.grid(False)
    second.spines["right"].set_visible(True)
    colour = palette.BETA if key == "beta" else palette.FORCING
    second.set_ylabel(title, color=colour)
    for lines in runs.values():
        _line(second, lines, key, colour, None)
    for drawn in second.lines:
        drawn.set(linestyle=":", linewidth=1.2)
    second.set_ylim(bottom=0, top=1.05 if key == "teacher_forcing" else None)


def _figure(rows: int, columns: int, size: tuple[float, float]) -> tuple[Any, Any]:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with pyplot.rc_context(_STYLE):
        return pyplot.subplots(rows, columns, figsize=size, squeeze=False, constrained_layout=True)


def _save(figure: Any, path: Path) -> Path:
    from matplotlib import pyplot

    content = io.BytesIO()
    options: dict[str, Any] = (
        {"metadata": {"Date": None}} if path.suffix == ".svg" else {"dpi": 130}
    )
    figure.savefig(content, format=path.suffix.removeprefix(".") or "png", **options)
    pyplot.close(figure)
    return atomic_write(path, content.getvalue())
