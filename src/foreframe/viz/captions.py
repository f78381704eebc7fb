"""Names of numbers below pictures of their bars, each beside a square of its bar's colour.

Letters: H height, W width.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import palette

Array = NDArray[Any]

_LINE, _SQUARE, _GAP, _SIZE = 13, 7, 3, 11  # pixels: of a line, a square, beside it, of the letters
_BETWEEN = 6  # pixels between two names
_CUT = "..."


def colour_of(number: int) -> tuple[int, int, int]:
    """Return the colour of a number's bar."""
    return palette.rgb(palette.SEQUENCE[number % len(palette.SEQUENCE)])


def short_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the last parts of names, or whole names where two would be the same.

    >>> short_names(["arm/joint_1.pos", "arm/joint_2.pos"])
    ('joint_1.pos', 'joint_2.pos')
    >>> short_names(["left/x", "right/x"])
    ('left/x', 'right/x')
    """
    ends = tuple(re.split(r"[/:]", name)[-1] for name in names)
    return ends if len(set(ends)) == len(ends) else tuple(names)


def caption(names: Sequence[str], width: int, most_lines: int) -> Array:
    """Return names in lines, as a picture uint8 [H, W, 3]; without names it has no height.

    Args:
        names: of the numbers, in the order of their bars.
        width: W, of the picture.
        most_lines: how many lines there may be; names that do not fit end in dots.
    """
    if not names:
        return np.empty((0, width, 3), np.uint8)
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(_SIZE)
    widths = [_SQUARE + _GAP + round(font.getlength(name)) for name in names]
    places = _places(widths, width)
    lines = min(most_lines, 1 + places[-1][0])
    image = Image.new("RGB", (width, _LINE * lines), palette.PAPER)
    draw = ImageDraw.Draw(image)
    for number, (name, (line, left)) in enumerate(zip(names, places, strict=True)):
        top = _LINE * line
        if line >= most_lines:
            dots = (width - font.getlength(_CUT) - 1, top - _LINE)
            draw.rectangle((*dots, width, top), fill=palette.PAPER)
            draw.text(dots, _CUT, fill=palette.INK, font=font)
            break
        draw.rectangle((left, top + 3, left + _SQUARE - 1, top + 2 + _SQUARE), colour_of(number))
        draw.text((left + _SQUARE + _GAP, top - 1), name, fill=palette.INK, font=font)
    return np.asarray(image)


def _places(widths: Sequence[int], room: int) -> list[tuple[int, int]]:
    """The line of each name and how far from the left it begins."""
    found, line, left = [], 0, 0
    for width in widths:
        if left and left + width > room:
            line, left = line + 1, 0
        found.append((line, left))
        left += width + _BETWEEN
    return found
