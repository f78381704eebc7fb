"""Numbers that stay within a limit and keep their gradient."""

from __future__ import annotations

import torch
from torch import Tensor


def bounded(x: Tensor, limit: float) -> Tensor:
    """Return limit * tanh(x / limit), which is x near 0; with a limit of 0, x itself.

    A mask whose logits are bounded never becomes exactly 0 or 1, so training can change its mind.

    >>> bounded(torch.tensor([0.1, 100.0]), 6.0)
    tensor([0.1000, 6.0000])
    """
    return limit * torch.tanh(x / limit) if limit else x
