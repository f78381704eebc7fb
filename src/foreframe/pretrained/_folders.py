"""Models that come with foreframe, one folder each: weights, card, and clips to begin from.

`foreframe publish` makes such folders.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import unknown
from ..models import WEIGHTS

_HERE = Path(__file__).parent


def names() -> list[str]:
    """The models that there are."""
    return sorted(file.parent.name for file in _HERE.glob(f"*/{WEIGHTS}"))


def folder(name: str) -> Path:
    """The folder of a model; an unknown name says the nearest ones."""
    if name not in names():
        raise unknown("pretrained model", name, names())
    return _HERE / name
