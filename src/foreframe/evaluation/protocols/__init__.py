"""Evaluation protocols: a figure never travels without one. One file a protocol, found by its name.

A protocol's module holds `PROTOCOL`, a frozen value; `lab_svg.py` is the protocol `lab-svg`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ...errors import unknown

Metric = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Protocol:
    """Everything that a score depends on beside the model, the data and the seed.

    Attributes:
        n_past: context frames; None: as the run was trained.
        horizon: frames to predict and score (the context is never scored); None: as the run was trained.
        every: frames between the starts of clips in an episode; 0: one clip, at the first frame; None: clips end to end.
        samples: futures drawn from the prior for each clip.
        psnr: how a picture's PSNR is reduced.
        about: one line, printed beside the scores.
        controls: whether reconstructions and other conditions are scored too; not where one rollout takes a minute.
    """

    name: str
    n_past: int | None
    horizon: int | None
    every: int | None
    samples: int
    psnr: Metric
    about: str
    controls: bool = True


def names() -> list[str]:
    """The protocols that there are.

    >>> names()
    ['foreframe', 'lab-pose', 'lab-svg', 'long']
    """
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))


def named(name: str) -> Protocol:
    """A protocol by its name; an unknown one says the nearest."""
    if name not in names():
        raise unknown("protocol", name, names())
    found: Protocol = importlib.import_module(f"{__name__}.{name.replace('-', '_')}").PROTOCOL
    return found
