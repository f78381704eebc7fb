"""What a figure is measured by: a figure never travels without its protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ..plugins import PROTOCOLS

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


def find_protocol(name: str) -> Protocol:
    """Return a protocol by its name.

    Raises:
        InputError: no protocol has this name; the message lists the nearest.
    """
    found: Protocol = PROTOCOLS.module(name).PROTOCOL
    return found
