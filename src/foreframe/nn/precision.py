"""Cast weights once to the precision that autocast would cast them to at every step."""

from __future__ import annotations

import torch
from torch import nn

_MULTIPLIES = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.LSTMCell)


def cast_weights(model: nn.Module, dtype: torch.dtype) -> None:
    """Cast, in place, the weights that autocast casts; norms and statistics stay in float32.

    Under autocast to the same `dtype` the model computes the same, bit for bit; for one step at a
    time it saves most of the time.
    """
    for module in model.modules():
        if isinstance(module, _MULTIPLIES):
            module.to(dtype)
