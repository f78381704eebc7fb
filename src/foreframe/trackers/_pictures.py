"""Animations as pictures, for trackers that show only pictures.

Letters: H height, W width.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SHOWN = 4  # moments of an animation


def strip(animation: Path) -> NDArray[Any]:
    """Return some moments of an animation from first to last, one below the other: [H, W, 3]."""
    with Image.open(animation) as opened:
        count = getattr(opened, "n_frames", 1)
        rows = []
        for moment in np.unique(np.linspace(0, count - 1, _SHOWN).round().astype(int)):
            opened.seek(int(moment))
            rows.append(np.asarray(opened.convert("RGB")))
    return np.concatenate(rows)
