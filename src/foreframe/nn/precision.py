"""Cast weights once, to the precision that autocast would cast them to at every step."""

from __future__ import annotations

import torch
from torch import nn

_MULTIPLIES = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.LSTMCell)


def cast_weights(model: nn.Module, dtype: torch.dtype) -> None:
    """Cast the weights that autocast casts, in place; norms and statistics stay in float32.

    Under autocast to the same `dtype` the results are bit for bit the same.
    A model that computes one step at a time spends most of its time on these casts.
    """
    for module in model.modules():
        if isinstance(module, _MULTIPLIES):
            module.to(dtype)
