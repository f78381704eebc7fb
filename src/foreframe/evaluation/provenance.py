"""What figures come from: the protocol, the data and the model that were used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class UsedProtocol:
    """The protocol of an evaluation, as it came out for the run.

    Attributes:
        name: of the protocol.
        about: the protocol in one line.
        n_past: context frames.
        horizon: predicted frames.
        clip_starts: where clips begin, in words.
        conditions: the store's columns that were given.
        future_states_given: whether some of them are the truth of the future.
        z_from: what the latent is drawn from.
        best_by: the title of the metric that chooses the best sample for all; empty where each
            chooses by itself.
        words: every choice of the protocol in words, by what it is a choice of; empty in results of
            versions that did not say.
        conditions_known: whether `conditions` says what was given; of predictions of another tool
            it is known only where the clips that they were made from are.
    """

    name: str
    about: str
    n_past: int
    horizon: int
    clip_starts: str
    conditions: tuple[str, ...]
    future_states_given: bool
    z_from: str = "prior"
    best_by: str = ""
    words: Mapping[str, str] = field(default_factory=dict)
    conditions_known: bool = True

    @property
    def given(self) -> str:
        """The conditions in words.

        >>> UsedProtocol("p", "", 2, 10, "", ("state",), True).given
        'state (future states are ground truth)'
        """
        if not self.conditions_known:
            return "unknown: not said"
        truth = " (future states are ground truth)" if self.future_states_given else ""
        return (", ".join(self.conditions) or "none") + truth


@dataclass(frozen=True)
class ScoredData:
    """The store that was scored on.

    Attributes:
        store: its folder.
        content: the hash of what is in it.
        source: what it was made from.
    """

    store: str
    content: str
    source: Mapping[str, Any]


@dataclass(frozen=True)
class ScoredRun:
    """The run that was scored.

    Attributes:
        folder: of the run.
        model: the name of its model.
        notes: what the weights say of their training: recipe, step, context, horizon.
        weights: their digest; empty in results of versions that did not say.
    """

    folder: str
    model: str
    notes: Mapping[str, Any]
    weights: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        weights = {"weights": self.weights} if self.weights else {}
        return {"folder": self.folder, "model": self.model, **weights, **self.notes}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ScoredRun:
        """From JSON values."""
        known = ("folder", "model", "weights")
        notes = {name: value for name, value in values.items() if name not in known}
        return cls(values["folder"], values["model"], notes, values.get("weights", ""))
