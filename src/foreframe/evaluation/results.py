"""What an evaluation found, as typed values; their JSON is `eval.json`.

Letters: N samples.
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
from ..runtime.schemas import KEY, unstamped
from ..runtime.typed import read_as
from ..showing import curve, page, table, words
from .figures import ClipScore, Figure, Latent, Scores, Statement, World, read_figures, to_dicts
from .provenance import ScoredData, ScoredRun, UsedProtocol
from .sets import SetScore
from .weights import UsedWeights

SCHEMA = "foreframe.evaluation/1"

_SHOWN_METRICS, _SHOWN_STATEMENTS = 5, 6  # in a notebook

_TITLES = {
    "posterior": "posterior (sees the future)",
    "copy_last": "copy last frame",
    "world": "the world itself",
    "halves": "one half of the truth v the other",
    "conditions_shuffled": "model, another clip's conditions",
    "conditions_zeroed": "model, mean conditions",
}


@dataclass(frozen=True)
class Row:
    """A line of a score table."""

    title: str
    kind: Literal["model", "world", "baseline", "control"]
    scores: Scores


@dataclass(frozen=True)
class Evaluation:
    """The scores of a run and of its baselines, with everything that they depend on.

    Attributes:
        protocol: how it was measured.
        data: on what.
        split: of the data.
        clips: how many were scored; 0 where all frames are withheld and predictions alone were
            written.
        samples: futures drawn for each clip.
        seed: of the noise.
        run: what was scored.
        scores: of the model, mean over samples.
        best_of: of the best sample of each clip, by each metric itself.
        baselines: scores of each baseline, and of the posterior's reconstructions.
        controls: scores of the model with other conditions.
        latent: how much the latent is used.
        above: by baseline or control and metric, the model's score minus the other's, clip by clip.
        per_clip: the scores of each clip.
        environment: versions and machine.
        submission: the file with the predictions, if one was asked for.
        episodes: how many episodes, or sessions, the clips are of; intervals are over them.
        skill: by proper metric, how much of the way from copying the last frame (0) to the world's
            own futures (100) the model has gone; to a perfect prediction where `world` is None.
        skill_by_motion: the first of them on the third of the clips that moves `least`, and `most`.
        world: the world's own futures beside the model; None where the store has none.
        ranks: how often what happened has each rank among the samples, in moving pixels [N + 1].
        verdict: what all this says, in words.
        identity: what these scores depend on, as a digest.
        sets: by metric, the distances of whole sets of videos.
        missing: by metric, why it was not computed.
        weights: the files of weights that metrics needed, by what they are.
        restated: the same predictions under the other protocols that were asked for; each has a
            file of its own.

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
    episodes: int | None = None
    skill: Scores = field(default_factory=dict)
    skill_by_motion: Mapping[str, Interval] = field(default_factory=dict)
    world: World | None = None
    ranks: tuple[float, ...] = ()
    verdict: tuple[Statement, ...] = ()
    identity: str | None = None
    sets: Mapping[str, SetScore] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    weights: Mapping[str, UsedWeights] = field(default_factory=dict)
    restated: tuple[Evaluation, ...] = ()

    @property
    def headline(self) -> Metric:
        """The metric that comes first."""
        return known_metric(next(iter(self.scores)))

    def _repr_html_(self) -> str:
        """Show scores and verdict in a notebook."""
        scored = self.metrics()[:_SHOWN_METRICS]
        rows = [
            [row.title, *(_cell(row.scores.get(m.name), m.digits) for m in scored)]
            for row in self.rows()
            if row.kind != "control"
        ]
        title = (
            f"{self.run.folder}, protocol {self.protocol.name}: {self.clips} clips of {self.split}"
        )
        if not self.clips:
            return page(title, words(["nothing was scored: the frames are withheld"]))
        first = self.headline
        curves = {
            title_of(name): scores[first.name].per_frame
            for name, scores in {"model": self.scores, **self.baselines}.items()
            if first.name in scores
        }
        return page(
            title,
            curve(curves, f"{first.label} by predicted frame"),
            table(["", *(metric.heading for metric in scored)], rows),
            words(statement.text for statement in self.verdict[:_SHOWN_STATEMENTS]),
        )

    def metrics(self) -> list[Metric]:
        """Return the metrics that were scored, the headline first."""
        return [known_metric(name) for name in self.scores]

    def rows(self) -> list[Row]:
        """Return the lines of a score table: the model, its baselines, its controls."""
        several = self.samples > 1
        chosen = f" by {self.protocol.best_by}" if self.protocol.best_by else ""
        return [
            Row(f"model, mean of {self.samples}" if several else "model", "model", self.scores),
            *(
                [Row(f"model, best of {self.samples}{chosen}", "model", self.best_of)]
                if several
                else []
            ),
            *self._world_rows(),
            *(Row(title_of(name), "baseline", found) for name, found in self.baselines.items()),
            *(Row(title_of(name), "control", found) for name, found in self.controls.items()),
        ]

    def _world_rows(self) -> list[Row]:
        """The world's own futures, and the model on their clips if those are not all."""
        world = self.world
        if world is None:
            return []
        some = "" if world.clips == self.clips else f", {world.clips} clips"
        best = world.best_of > 1
        beside = [
            Row(f"model{some}", "model", world.model),
            Row(f"copy last frame{some}", "baseline", world.copy_last),
        ]
        return [
            *(beside if some else []),
            *(
                [Row(f"model, best of {world.best_of}{some}", "model", world.model_best)]
                if best
                else []
            ),
            Row(f"the world itself{some}", "world", world.scores),
            *(
                [Row(f"the world, best of {world.best_of}", "world", world.scores_best)]
                if best
                else []
            ),
        ]

    def to_dict(self) -> dict[str, Any]:
        """As JSON values: what `eval.json` holds."""
        plain = {name: getattr(self, name) for name in ("split", "clips", "samples", "seed")}
        return {
            KEY: SCHEMA,
            "protocol": {**asdict(self.protocol), "conditions": list(self.protocol.conditions)},
            "data": asdict(self.data),
            **plain,
            **({} if self.episodes is None else {"episodes": self.episodes}),
            "run": self.run.to_dict(),
            "scores": to_dicts(self.scores),
            "best_of": {"samples": self.samples, **to_dicts(self.best_of)},
            "baselines": {name: to_dicts(found) for name, found in self.baselines.items()},
            "controls": {name: to_dicts(found) for name, found in self.controls.items()},
            "latent": self.latent.to_dict(),
            "above": {name: to_dicts(found) for name, found in self.above.items()},
            "skill": to_dicts(self.skill),
            "skill_by_motion": to_dicts(self.skill_by_motion),
            **({"world": self.world.to_dict()} if self.world else {}),
            "ranks": list(self.ranks),
            "verdict": [statement.to_dict() for statement in self.verdict],
            "per_clip": [clip.to_dict() for clip in self.per_clip],
            **({"submission": self.submission} if self.submission else {}),
            **({"identity": self.identity} if self.identity else {}),
            "sets": {name: found.to_dict() for name, found in self.sets.items()},
            "missing": dict(self.missing),
            "weights": {name: asdict(used) for name, used in self.weights.items()},
            "environment": dict(self.environment),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Evaluation:
        """From JSON values, also those of earlier versions."""
        protocol = dict(values["protocol"])
        protocol["conditions"] = tuple(protocol["conditions"])
        # predictions of another tool had no conditions until they could be said
        protocol.setdefault("conditions_known", values["run"]["model"] != "predictions")
        headline = next(iter(values["scores"]))
        return cls(
            protocol=UsedProtocol(**protocol),
            data=ScoredData(**values["data"]),
            split=values["split"],
            clips=values["clips"],
            samples=values["samples"],
            seed=values["seed"],
            run=ScoredRun.from_dict(values["run"]),
            scores=read_figures(values["scores"]),
            best_of=read_figures({k: v for k, v in values["best_of"].items() if k != "samples"}),
            baselines={name: read_figures(found) for name, found in values["baselines"].items()},
            controls={name: read_figures(found) for name, found in values["controls"].items()},
            latent=Latent.from_dict(values["latent"]),
            above=_above(values, headline),
            per_clip=tuple(ClipScore.from_dict(clip) for clip in values.get("per_clip", ())),
            episodes=values.get("episodes"),
            skill=read_figures(values.get("skill", {})),
            skill_by_motion={
                name: Interval(**value) for name, value in values.get("skill_by_motion", {}).items()
            },
            world=World.from_dict(values["world"]) if values.get("world") else None,
            ranks=tuple(values.get("ranks", ())),
            verdict=tuple(Statement(**said) for said in values.get("verdict", ())),
            identity=values.get("identity"),
            sets={name: SetScore.from_dict(v) for name, v in values.get("sets", {}).items()},
            missing=values.get("missing", {}),
            weights={name: UsedWeights(**v) for name, v in values.get("weights", {}).items()},
            environment=values["environment"],
            submission=values.get("submission"),
        )


def _cell(found: Interval | None, digits: int) -> str:
    return "" if found is None else f"{found.mean:.{digits}f}"


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
    episodes: int | None = None
    skill: dict[str, Figure] = field(default_factory=dict)
    skill_by_motion: dict[str, Interval] = field(default_factory=dict)
    world: World | None = None
    ranks: list[float] = field(default_factory=list)
    verdict: list[Statement] = field(default_factory=list)
    identity: str | None = None


def read_evaluation(file: str | Path) -> Evaluation:
    """Read an `eval.json`, also of earlier versions.

    Raises:
        InputError: not what `foreframe eval` wrote.
    """
    values = unstamped(read_json(Path(file), "scores"), str(file), "scores", SCHEMA)
    read_as(_Written, values, str(file))
    try:
        return Evaluation.from_dict(values)
    except (KeyError, TypeError, AttributeError, StopIteration) as error:
        raise InputError(
            f"{file} lacks or garbles {error}; expected what `foreframe eval` wrote: score again"
        ) from None


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
