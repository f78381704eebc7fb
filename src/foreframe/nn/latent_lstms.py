"""The recurrence of SVG: a posterior, a prior and a frame predictor, each an LSTM.

Letters: B batch, K input of the prior, Q input of the posterior, D width, Z latent.

Source: Denton & Fergus 2018 (arXiv 1802.07687), section 3.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .latent import Latent, draw
from .recurrent import FixedPrior, GaussianLstm, LstmStack, LstmState


class LstmStates(NamedTuple):
    """The states of the three LSTMs."""

    posterior: LstmState
    prior: LstmState
    predictor: LstmState


class LatentLstms:
    """A mixin for models that have the three LSTMs as attributes.

    The names of the attributes are those in saved weights.
    """

    posterior: GaussianLstm
    prior: GaussianLstm | FixedPrior
    predictor: LstmStack

    def initial_states(self, like: Tensor) -> LstmStates:
        """Return zeros, for the batch, device and dtype of `like` [B, *]."""
        return LstmStates(
            self.posterior.initial(like), self.prior.initial(like), self.predictor.initial(like)
        )

    def infer(
        self, states: LstmStates, known: Tensor, seen: Tensor | None, noise: Tensor
    ) -> tuple[LstmStates, Latent]:
        """Draw the latent of a step.

        Args:
            states: the states after the last step.
            known: the input of the prior [B, K].
            seen: the input of the posterior [B, Q]; None where the target is not seen.
            noise: drawn from N(0, I) [B, Z].
        """
        prior, prior_state = self.prior(known, states.prior)
        posterior, posterior_state = None, states.posterior
        if seen is not None:
            posterior, posterior_state = self.posterior(seen, states.posterior)
        states = LstmStates(posterior_state, prior_state, states.predictor)
        return states, draw(prior, posterior, noise)

    def predict(
        self, states: LstmStates, known: Tensor, latent: Latent, *beside: Tensor
    ) -> tuple[LstmStates, Tensor]:
        """Advance the frame predictor, and return its states and output [B, D].

        Args:
            states: the states that `infer` returned.
            known: the first input [B, K].
            latent: the latent that `infer` drew.
            beside: further inputs, each [B, *].
        """
        inputs = [known, *(x.to(known.dtype) for x in (latent.z, *beside))]
        hidden, predictor_state = self.predictor(torch.cat(inputs, 1), states.predictor)
        return states._replace(predictor=predictor_state), hidden
