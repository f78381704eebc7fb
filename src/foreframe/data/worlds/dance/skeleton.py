"""Label images: a coloured stick figure of fifteen bones, drawn large and averaged down.

Letters: J joints, H height, W width.
"""

from __future__ import annotations

import colorsys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .figure import BONES, JOINTS

Array = NDArray[Any]

_TIMES = 8  # drawn this much larger, so that a limb's place is known to a fraction of a pixel
_THICK = 1.1  # of a bone, in pixels of the label
_COLOURS = [
    tuple(round(255 * value) for value in colorsys.hsv_to_rgb(number / len(BONES), 1.0, 1.0))
    for number in range(len(BONES))
]


def draw(places: Array, height: int, width: int) -> Array:
    """The label of joints at `places` [J, 2] (x, y in pixels): uint8 [H, W, 3] on black."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (width * _TIMES, height * _TIMES))
    pen = ImageDraw.Draw(image)
    number_of = {name: number for number, name in enumerate(JOINTS)}
    radius = _THICK * _TIMES / 2
    for (start, end), colour in zip(BONES, _COLOURS, strict=True):
        ends = [
            tuple(float(v) for v in places[number_of[joint]] * _TIMES) for joint in (start, end)
        ]
        pen.line(ends, fill=colour, width=round(2 * radius))
        for x, y in ends:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return np.asarray(image.resize((width, height), Image.Resampling.BOX))
