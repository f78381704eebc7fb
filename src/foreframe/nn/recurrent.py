"""Recurrent cells whose state is an argument and a result.

Letters: B batch, I input, D width, Z latent.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..gaussian import Gaussian

LstmState = tuple[tuple[Tensor, Tensor], ...]


class LstmStack(nn.Module):
    """A linear layer followed by a stack of LSTM cells.

    Args:
        inputs: I, size of the input.
        width: D, size of each cell.
        layers: number of cells.
    """

    def __init__(self, inputs: int, width: int, layers: int) -> None:
        super().__init__()
        self.width = width
        self.embed = nn.Linear(inputs, width)
        self.cells = nn.ModuleList(nn.LSTMCell(width, width) for _ in range(layers))

    def initial(self, like: Tensor) -> LstmState:
        """Return zeros, for the batch, device and dtype of `like` [B, *]."""
        zeros = like.new_zeros(like.shape[0], self.width)
        return tuple((zeros, zeros) for _ in self.cells)

    def forward(self, inputs: Tensor, state: LstmState) -> tuple[Tensor, LstmState]:
        """Map inputs [B, I] to outputs [B, D], and return the next state."""
        hidden = self.embed(inputs)
        after = []
        for cell, (h, c) in zip(self.cells, state, strict=True):
            h, c = cell(hidden, (h.to(hidden.dtype), c.to(hidden.dtype)))
            after.append((h, c))
            hidden = h
        return hidden, tuple(after)


class GaussianLstm(nn.Module):
    """An LSTM with a Gaussian output: the posterior and the learned prior of SVG.

    Args:
        inputs: I, size of the input.
        width: D, size of the LSTM.
        latent: Z, size of the Gaussian.
    """

    def __init__(self, inputs: int, width: int, latent: int) -> None:
        super().__init__()
        self.lstm = LstmStack(inputs, width, 1)
        self.mean, self.logvar = nn.Linear(width, latent), nn.Linear(width, latent)

    def initial(self, like: Tensor) -> LstmState:
        return self.lstm.initial(like)

    def forward(self, inputs: Tensor, state: LstmState) -> tuple[Gaussian, LstmState]:
        """Map inputs [B, I] to a Gaussian over [B, Z], and return the next state."""
        hidden, state = self.lstm(inputs, state)
        return Gaussian.from_heads(self.mean(hidden), self.logvar(hidden)), state


class FixedPrior(nn.Module):
    """N(0, I) with the signature of a learned prior, so that a model uses both in the same way."""

    def __init__(self, inputs: int, width: int, latent: int) -> None:
        super().__init__()
        self.latent = latent

    def initial(self, like: Tensor) -> LstmState:
        return ()

    def forward(self, inputs: Tensor, state: LstmState) -> tuple[Gaussian, LstmState]:
        """Return N(0, I) over [B, Z], and an empty state."""
        return Gaussian.standard(
            inputs.new_zeros(inputs.shape[0], self.latent, dtype=torch.float32)
        ), state
