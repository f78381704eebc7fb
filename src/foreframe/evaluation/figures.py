"""The figures of an evaluation, as typed values and as JSON.

Letters: N samples, K true futures, S predicted frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..metrics import Interval

COPYING = "copy_last"  # the baseline that skill begins at
_GAP = "posterior_minus_prior_"


@dataclass(frozen=True)
class Figure(Interval):
    """A metric's mean over clips with its 95 % interval, as a whole and for each predicted frame.

    Attributes:
        mean: the figure.
        low: lower end; None where there is too little to tell.
        high: upper end; None where there is too little to tell.
        per_frame: the mean over clips of each frame [S].
        band: lower and upper end for each frame [S]; empty where it was not asked for.
    """

    per_frame: tuple[float, ...] = ()
    band: tuple[tuple[float, float], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        band = {"band": [list(ends) for ends in self.band]} if self.band else {}
        values = {"mean": self.mean, "low": self.low, "high": self.high}
        return {**values, "per_frame": list(self.per_frame), **band}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Figure:
        """From JSON values."""
        band = tuple((low, high) for low, high in values.get("band", ()))
        frames = tuple(values["per_frame"])
        return cls(values["mean"], values["low"], values["high"], frames, band)


Scores = Mapping[str, Figure]
"""Figures by the name of the metric, the headline first."""


@dataclass(frozen=True)
class Latent:
    """How much the latent is used; None and empty where the protocol scores no reconstructions.

    Attributes:
        deviation_of_samples: standard deviation over samples, a mean over pixels.
        rate_nats_per_frame: KL from posterior to prior.
        active_dimensions: latent dimensions with more than 0.01 nats.
        dimensions: latent dimensions.
        posterior_minus_prior: by metric, how much better reconstructions are than samples.
    """

    deviation_of_samples: float | None
    rate_nats_per_frame: float | None = None
    active_dimensions: int | None = None
    dimensions: int | None = None
    posterior_minus_prior: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        values = {key: value for key, value in asdict(self).items() if value is not None}
        gaps = values.pop("posterior_minus_prior")
        return {**values, **{_GAP + name: gap for name, gap in gaps.items()}}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Latent:
        """From JSON values."""
        gaps = {k.removeprefix(_GAP): v for k, v in values.items() if k.startswith(_GAP)}
        return cls(
            values.get("deviation_of_samples"),
            values.get("rate_nats_per_frame"),
            values.get("active_dimensions"),
            values.get("dimensions"),
            gaps,
        )


@dataclass(frozen=True)
class World:
    """The world's own futures, scored as predictions of each other, and the model on these clips.

    Attributes:
        futures: K, of each clip.
        clips: how many clips have them.
        scores: of the world's futures: what a perfect model would have.
        model: of the model, on these clips alone.
        copy_last: of copying, on these clips alone.
        best_of: how many futures `scores_best` and `model_best` choose from.
        scores_best: of the best of so many true futures.
        model_best: of the best of as many samples.
    """

    futures: int
    clips: int
    scores: Scores
    model: Scores
    copy_last: Scores
    best_of: int
    scores_best: Scores
    model_best: Scores

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        counts = {"futures": self.futures, "clips": self.clips, "best_of": self.best_of}
        return counts | {name: to_dicts(getattr(self, name)) for name in _WORLD_SCORES}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> World:
        """From JSON values."""
        scores = {name: read_figures(values[name]) for name in _WORLD_SCORES}
        return cls(
            futures=values["futures"], clips=values["clips"], best_of=values["best_of"], **scores
        )


_WORLD_SCORES = ("scores", "model", "copy_last", "scores_best", "model_best")


@dataclass(frozen=True)
class ClipScore:
    """The scores of one clip.

    Attributes:
        episode: the name of its episode.
        first_frame: where it begins there.
        scores: by metric, the mean over samples and predicted frames.
        motion: mean absolute difference of what happened from the last context frame; None in
            results of versions that did not measure it.
    """

    episode: str
    first_frame: int
    scores: Mapping[str, float]
    motion: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        motion = {} if self.motion is None else {"motion": self.motion}
        return {"episode": self.episode, "first_frame": self.first_frame, **motion, **self.scores}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ClipScore:
        """From JSON values."""
        known = ("episode", "first_frame", "motion")
        scores = {name: value for name, value in values.items() if name not in known}
        return cls(values["episode"], values["first_frame"], scores, values.get("motion"))


@dataclass(frozen=True)
class Statement:
    """A sentence of the verdict.

    Attributes:
        topic: what it is about: copying, conditions, samples, sharpness, objects, clips or
            kinds.
        good: whether it speaks for the model; None where it does neither.
        text: the sentence, with its figure and interval.
    """

    topic: str
    good: bool | None
    text: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def to_dicts(found: Mapping[str, Interval]) -> dict[str, Any]:
    """Return figures as JSON values."""
    return {name: value.to_dict() for name, value in found.items()}


def read_figures(values: Mapping[str, Any]) -> dict[str, Figure]:
    """Return figures of JSON values."""
    return {name: Figure.from_dict(value) for name, value in values.items()}
