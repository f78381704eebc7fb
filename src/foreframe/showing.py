"""What objects show of themselves in Jupyter and marimo: a picture and a short table, as HTML.

The HTML has no scripts and loads nothing; all text in it is escaped.

Letters: R rows, K columns, H height, W width, C channels.
"""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[Any]

_ROWS, _COLUMNS = 4, 8  # pictures shown at most
_SIDE = 96  # pixels of one at most
_GAP = 2
_WIDTH, _HEIGHT = 260, 80  # of curves
_COLOURS = ("#3366cc", "#9aa5b1", "#c9b27c", "#b08f8f", "#7f9172")
_CELL = "padding:.1em .9em .1em 0;text-align:left;border:0"
_FAINT = "opacity:.65"


@dataclass(frozen=True)
class Page:
    """HTML that a notebook shows; marimo asks some objects for another one to show."""

    html: str

    def _repr_html_(self) -> str:
        return self.html


def page(title: str, *parts: str) -> str:
    """Return parts below a title.

    >>> page("a <b>")
    '<div><b>a &lt;b&gt;</b></div>'
    """
    return f"<div><b>{html.escape(title)}</b>{''.join(parts)}</div>"


def facts(values: Mapping[str, object]) -> str:
    """Return names and values as a table; empty values are left out.

    >>> "frames" in facts({"frames": 5, "nothing": ""}), "nothing" in facts({"nothing": ""})
    (True, False)
    """
    rows = [[name, value] for name, value in values.items() if value not in (None, "")]
    return table((), rows)


def table(heads: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; the first cell of a row is its name."""
    head = "".join(f"<th style='{_CELL}'>{_text(name)}</th>" for name in heads)
    lines = [f"<tr>{head}</tr>"] if heads else []
    for name, *values in rows:
        cells = "".join(f"<td style='{_CELL}'>{_text(value)}</td>" for value in values)
        lines.append(f"<tr><td style='{_CELL};{_FAINT}'>{_text(name)}</td>{cells}</tr>")
    return f"<table style='border-collapse:collapse;margin:.3em 0'>{''.join(lines)}</table>"


def curve(series: Mapping[str, Sequence[float]], about: str) -> str:
    """Return series of numbers as lines, with their names beside them; empty without any.

    Args:
        series: the numbers, by name; the first is drawn strongest.
        about: what they are.
    """
    drawn = {name: values for name, values in series.items() if len(values) > 1}
    finite = [v for values in drawn.values() for v in values if math.isfinite(v)]
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    lines, names = [], []
    for number, (name, values) in enumerate(drawn.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        points = " ".join(
            f"{_WIDTH * i / (len(values) - 1):.1f},"
            f"{_HEIGHT * (1 - (v - low) / ((high - low) or 1)):.1f}"
            for i, v in enumerate(values)
            if math.isfinite(v)
        )
        lines.append(
            f"<polyline points='{points}' fill='none' stroke='{colour}' "
            f"stroke-width='{1 if number else 2}'/>"
        )
        names.append(f"<span style='color:{colour}'>{_text(name)}</span>")
    box = f"viewBox='-2 -2 {_WIDTH + 4} {_HEIGHT + 4}' width='{_WIDTH}' height='{_HEIGHT}'"
    said = f"{_text(about)}, {low:.4g} to {high:.4g}: {' · '.join(names)}"
    return f"<svg {box} role='img' style='display:block'>{''.join(lines)}</svg><div>{said}</div>"


def words(lines: Iterable[str]) -> str:
    """Return lines of text, one below the other."""
    return "".join(f"<div>{_text(line)}</div>" for line in lines)


def pictures(frames: Array, about: str) -> str:
    """Return pictures uint8 [R, K, H, W, C] as one image; of many an even spread.

    Args:
        frames: the pictures.
        about: what they are, for those who cannot see them.
    """
    rows, columns = (spread(n, most) for n, most in zip(frames.shape, (_ROWS, _COLUMNS)))
    shown = frames[rows][:, columns]
    if shown.shape[-1] == 1:
        shown = shown.repeat(3, -1)
    tiles = [[_fitted(tile[..., :3]) for tile in row] for row in shown]
    height, width = tiles[0][0].size[1] + _GAP, tiles[0][0].size[0] + _GAP
    whole = Image.new("RGB", (width * len(tiles[0]) - _GAP, height * len(tiles) - _GAP), "white")
    for r, row in enumerate(tiles):
        for k, tile in enumerate(row):
            whole.paste(tile, (k * width, r * height))
    content = io.BytesIO()
    whole.save(content, "WEBP", quality=85)
    coded = base64.b64encode(content.getvalue()).decode()
    said = html.escape(about, quote=True)
    style = f"max-width:100%;width:{whole.width * max(1, 64 // height)}px;image-rendering:pixelated"
    return (
        f"<img alt='{said}' title='{said}' style='{style};display:block;margin:.3em 0' "
        f"src='data:image/webp;base64,{coded}'>"
    )


def spread(count: int, most: int) -> Array:
    """Return an even spread of at most so many numbers below a count, first and last among them.

    >>> spread(10, 4), spread(2, 4)
    (array([0, 3, 6, 9]), array([0, 1]))
    """
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def _fitted(tile: Array) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(tile, np.uint8))
    scale = min(1.0, _SIDE / max(image.size))
    if scale == 1.0:
        return image
    width, height = (max(1, round(side * scale)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BOX)


def _text(value: object) -> str:
    return html.escape(f"{value:,}" if isinstance(value, int) else str(value), quote=True)
