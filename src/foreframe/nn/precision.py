"""Weights as they are multiplied: cast and laid out once, instead of at every step."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.mkldnn import MkldnnConv2d

_MULTIPLIES = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.LSTMCell)
_WIDE = 9 * 256 * 256  # weights; for fewer the usual way is as fast


def cast_weights(model: nn.Module, dtype: torch.dtype) -> None:
    """Cast, in place, the weights that autocast casts; norms and statistics stay in float32.

    Under autocast to the same `dtype` the model computes the same, bit for bit; for one step at a time it saves most of the time.
    On a CPU the wide convolutions are packed, too (`PackedConv2d`): such a model can be run, and no longer trained or saved.
    """
    for module in model.modules():
        if isinstance(module, _MULTIPLIES):
            module.to(dtype)
    if not torch.backends.mkldnn.is_available():
        return
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.Conv2d and child.weight.device.type == "cpu" and child.weight.numel() >= _WIDE:
                setattr(parent, name, PackedConv2d(child))


class PackedConv2d(nn.Module):
    """A convolution on a CPU whose weights lie in memory as oneDNN multiplies them.

    For one picture at a time a wide layer is otherwise busier with putting its weights in order than with multiplying.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.dtype = conv.weight.dtype
        self.conv = MkldnnConv2d(conv.requires_grad_(False), self.dtype)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.conv(x.to(self.dtype))
        return made.contiguous(memory_format=torch.channels_last)
