"""A linear layer that may have no inputs.

Letters: I inputs, O outputs.
"""

from __future__ import annotations

from torch import nn


class Affine(nn.Linear):
    """`nn.Linear` that also stands for clips without conditions, where it is its bias alone.

    PyTorch warns of weights without elements where it draws them.

    Example:
        >>> Affine(0, 4).bias.tolist()
        [0.0, 0.0, 0.0, 0.0]
    """

    def reset_parameters(self) -> None:
        if self.in_features:
            super().reset_parameters()
        elif self.bias is not None:
            nn.init.zeros_(self.bias)
