"""What a model is fed after its context.

Letters: R rows (clip-major samples).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from torch import Tensor


class Feedback(Protocol):
    """A rule for the input of a step after the context."""

    def next_input(self, forced: Tensor | None, own: Callable[[], Tensor]) -> Tensor | None:
        """Return the code that a step begins from [R, *], or None.

        Args:
            forced: the code of the true frame before the step, where teacher forcing asks for it.
            own: decodes the model's own frame before the step and encodes it again; costs a call of
                each.
        """


class PixelFeedback:
    """Feed a model frames: the true one where it is forced, else its own, encoded again."""

    def next_input(self, forced: Tensor | None, own: Callable[[], Tensor]) -> Tensor | None:
        """Return the true frame's code if there is one, else that of the model's own frame."""
        return own() if forced is None else forced


class LatentFeedback:
    """Feed a model nothing: its state is all that it goes on from, forced or not."""

    def next_input(self, forced: Tensor | None, own: Callable[[], Tensor]) -> Tensor | None:
        """Return None."""
        return None
