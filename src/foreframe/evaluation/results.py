"""What an evaluation found, as typed values; their JSON is `eval.json`.

Letters: S predicted frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..errors import InputError
from ..metrics import Interval, Metric, find_metric
from ..plugins import METRICS
from ..runtime.files import read_json
from ..runtime.typed import read_as

_GAP = "posterior_minus_prior_"
_TITLES = {
    "posterior": "posterior (sees the future)",
    "copy_last": "copy last frame",
    "conditions_shuffled": "model, another clip's conditions",
    "conditions_zeroed": "model, mean conditions",
}


@dataclass(frozen=True)
class Figure(Interval):
    """A metric's mean over clips with its 95 % interval, and its mean for each predicted frame [S]."""

    per_frame: tuple[float, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {**super().to_dict(), "per_frame": list(self.per_frame)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Figure:
        """From JSON values."""
        return cls(values["mean"], values["low"], values["high"], tuple(values["per_frame"]))


Scores = Mapping[str, Figure]
"""Figures by the name of the metric, the headline first."""


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
    """

    name: str
    about: str
    n_past: int
    horizon: int
    clip_starts: str
    conditions: tuple[str, ...]
    future_states_given: bool
    z_from: str = "prior"


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
    """

    folder: str
    model: str
    notes: Mapping[str, Any]


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
class ClipScore:
    """The scores of one clip.

    Attributes:
        episode: the name of its episode.
        first_frame: where it begins there.
        scores: by metric, the mean over samples and predicted frames.
    """

    episode: str
    first_frame: int
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Row:
    """A line of a score table."""

    title: str
    kind: Literal["model", "baseline", "control"]
    scores: Scores


@dataclass(frozen=True)
class Evaluation:
    """The scores of a run and of its baselines, with everything that they depend on.

    Attributes: protocol: how it was measured. data: on what. split: of the data. clips: how many
        were scored; 0 where all frames are withheld and predictions alone were written. samples:
        futures drawn for each clip. seed: of the noise. run: what was scored. scores: of the model,
        mean over samples. best_of: of the best sample of each clip, by each metric itself.
        baselines: scores of each baseline, and of the posterior's reconstructions. controls: scores
        of the model with other conditions. latent: how much the latent is used. above: by baseline
        and metric, the model's score minus the baseline's, clip by clip. per_clip: the scores of
        each clip. environment: versions and machine. submission: the file with the predictions, if
        one was asked for.

    Example:
        >>> evaluation = foreframe.evaluate("runs/push", data="data/push")  # doctest: +SKIP
        >>> evaluation.scores["psnr"].mean  # doctest: +SKIP
        25.43
    """

    protocol: UsedProtocol
    data: ScoredData
    split: str
    clips: int
    samples: int
    seed: int
    run: ScoredRun
    scores: Scores = field(default_factory=dict)
    best_of: Scores = field(default_factory=dict)
    baselines: Mapping[str, Scores] = field(default_factory=dict)
    controls: Mapping[str, Scores] = field(default_factory=dict)
    latent: Latent = field(default_factory=lambda: Latent(None))
    above: Mapping[str, Mapping[str, Interval]] = field(default_factory=dict)
    per_clip: tuple[ClipScore, ...] = ()
    environment: Mapping[str, Any] = field(default_factory=dict)
    submission: str | None = None

    @property
    def headline(self) -> Metric:
        """The metric that comes first."""
        return known_metric(next(iter(self.scores)))

    def metrics(self) -> list[Metric]:
        """Return the metrics that were scored, the headline first."""
        return [known_metric(name) for name in self.scores]

    def rows(self) -> list[Row]:
        """Return the lines of a score table: the model, its baselines, its controls."""
        several = self.samples > 1
        return [
            Row(f"model, mean of {self.samples}" if several else "model", "model", self.scores),
            *([Row(f"model, best of {self.samples}", "model", self.best_of)] if several else []),
            *(Row(title_of(name), "baseline", found) for name, found in self.baselines.items()),
            *(Row(title_of(name), "control", found) for name, found in self.controls.items()),
        ]

    def to_dict(self) -> dict[str, Any]:
        """As JSON values: what `eval.json` holds."""
        plain = {name: getattr(self, name) for name in ("split", "clips", "samples", "seed")}
        return {
            "protocol": {**asdict(self.protocol), "conditions": list(self.protocol.conditions)},
            "data": asdict(self.data),
            **plain,
            "run": {"folder": self.run.folder, "model": self.run.model, **self.run.notes},
            "scores": _dicts(self.scores),
            "best_of": {"samples": self.samples, **_dicts(self.best_of)},
            "baselines": {name: _dicts(found) for name, found in self.baselines.items()},
            "controls": {name: _dicts(found) for name, found in self.controls.items()},
            "latent": self.latent.to_dict(),
            "above": {name: _dicts(found) for name, found in self.above.items()},
            "per_clip": [
                {"episode": clip.episode, "first_frame": clip.first_frame, **clip.scores}
                for clip in self.per_clip
            ],
            **({"submission": self.submission} if self.submission else {}),
            "environment": dict(self.environment),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Evaluation:
        """From JSON values, also those of earlier versions."""
        protocol, run = dict(values["protocol"]), dict(values["run"])
        protocol["conditions"] = tuple(protocol["conditions"])
        headline = next(iter(values["scores"]))
        return cls(
            protocol=UsedProtocol(**protocol),
            data=ScoredData(**values["data"]),
            split=values["split"],
            clips=values["clips"],
            samples=values["samples"],
            seed=values["seed"],
            run=ScoredRun(run.pop("folder"), run.pop("model"), run),
            scores=_figures(values["scores"]),
            best_of=_figures({k: v for k, v in values["best_of"].items() if k != "samples"}),
            baselines={name: _figures(found) for name, found in values["baselines"].items()},
            controls={name: _figures(found) for name, found in values["controls"].items()},
            latent=Latent.from_dict(values["latent"]),
            above=_above(values, headline),
            per_clip=tuple(_clip_score(clip) for clip in values.get("per_clip", ())),
            environment=values["environment"],
            submission=values.get("submission"),
        )


def read_evaluation(file: Path) -> Evaluation:
    """Read an `eval.json`, also of earlier versions.

    Raises:
        InputError: not what `foreframe eval` wrote.
    """
    values = read_json(file, "scores")
    read_as(_Written, values, str(file))
    try:
        return Evaluation.from_dict(values)
    except (KeyError, TypeError, AttributeError, StopIteration) as error:
        raise InputError(
            f"{file} lacks or garbles {error}; expected what `foreframe eval` wrote: score again"
        ) from None


@dataclass(frozen=True)
class _Written:
    """What an `eval.json` holds, as far as its parts have one type in all versions."""

    protocol: UsedProtocol
    data: ScoredData
    split: str
    clips: int
    samples: int
    seed: int
    run: dict[str, Any]
    scores: dict[str, Figure]
    best_of: dict[str, Any]
    baselines: dict[str, dict[str, Figure]]
    controls: dict[str, dict[str, Figure]]
    latent: dict[str, float]
    environment: dict[str, Any]
    above: dict[str, dict[str, Interval]] = field(default_factory=dict)
    per_clip: list[dict[str, Any]] = field(default_factory=list)
    submission: str | None = None


def known_metric(name: str) -> Metric:
    """Return the metric of a name in results.

    One that is no longer installed is shown by its name.
    """
    if name in METRICS.names():
        return find_metric(name)

    def gone(*_: Any) -> Any:
        raise InputError(f"metric {name!r} is not installed; install the package that offers it")

    return Metric(name, name, "", None, 4, gone)


def title_of(name: str) -> str:
    """Return the title of a baseline or control in tables.

    >>> title_of("copy_last"), title_of("mean_frame")
    ('copy last frame', 'mean frame')
    """
    return _TITLES.get(name, name.replace("_", " "))


def _dicts(found: Mapping[str, Interval]) -> dict[str, Any]:
    return {name: value.to_dict() for name, value in found.items()}


def _figures(values: Mapping[str, Any]) -> dict[str, Figure]:
    return {name: Figure.from_dict(value) for name, value in values.items()}


def _above(values: Mapping[str, Any], headline: str) -> dict[str, dict[str, Interval]]:
    """Differences from baselines.

    Until 0.2 they were of the headline alone, under `above_BASELINE`.
    """
    if "above" not in values:
        prefix = "above_"
        old = {k.removeprefix(prefix): v for k, v in values.items() if k.startswith(prefix)}
        return {name: {headline: Interval(**value)} for name, value in old.items()}
    return {
        name: {metric: Interval(**value) for metric, value in found.items()}
        for name, found in values["above"].items()
    }


def _clip_score(values: Mapping[str, Any]) -> ClipScore:
    scores = {k: v for k, v in values.items() if k not in ("episode", "first_frame")}
    return ClipScore(values["episode"], values["first_frame"], scores)
