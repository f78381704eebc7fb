"""What an experiment found, as typed values; their JSON is `experiment.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..evaluation.provenance import ScoredData
from ..evaluation.results import Evaluation, title_of
from ..metrics import Interval, seeds_interval

_COMPARED = "copy_last"  # the baseline that differences are shown of


@dataclass(frozen=True)
class Column:
    """A figure of every arm.

    Attributes:
        name: its key in results.
        title: in tables.
        digits: decimals that tables show.
    """

    name: str
    title: str
    digits: int


@dataclass(frozen=True)
class ArmFigure(Interval):
    """The mean of a figure over seeds with its 95 % interval.

    Attributes:
        seeds: the figure of each seed.
        above_first: its difference from the first arm's, seed by seed.
    """

    seeds: tuple[float, ...]
    above_first: Interval

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {**super().to_dict(), "seeds": list(self.seeds)}


@dataclass(frozen=True)
class ExperimentResult:
    """What an experiment found, with everything that it depends on.

    Attributes:
        folder: the runs, and what was written of them.
        experiment: its name.
        question: what it asks.
        about: what else there is to know of it.
        recipe: that all arms start from.
        protocol: that scored the runs.
        changes: of each arm.
        data: the store.
        seeds: seeds per arm.
        samples: futures per clip.
        clips: that were scored.
        columns: the figures, the headline first.
        arms: for each arm its figures by name.
    """

    folder: str
    experiment: str
    question: str
    about: str
    recipe: str
    protocol: str
    changes: Mapping[str, Mapping[str, Any]]
    data: ScoredData
    seeds: int
    samples: int
    clips: int
    columns: tuple[Column, ...]
    arms: Mapping[str, Mapping[str, ArmFigure]]

    def to_dict(self) -> dict[str, Any]:
        """As JSON values: what `experiment.json` holds."""
        return {
            **asdict(self),
            "columns": [asdict(column) for column in self.columns],
            "arms": {
                arm: {name: figure.to_dict() for name, figure in figures.items()}
                for arm, figures in self.arms.items()
            },
        }


def summarise(
    scores: Mapping[str, Sequence[Evaluation]],
) -> tuple[tuple[Column, ...], dict[str, dict[str, ArmFigure]]]:
    """Return the columns, and each arm's figures, of the scores of each arm's seeds.

    The first arm is the reference.
    """
    found = {arm: [figures_of(one) for one in seeds] for arm, seeds in scores.items()}
    flat = [figures for seeds in found.values() for figures in seeds]
    columns = [
        c for c in _columns(next(iter(scores.values()))[0]) if all(c.name in f for f in flat)
    ]
    values = {
        arm: {c.name: [figures[c.name] for figures in seeds] for c in columns}
        for arm, seeds in found.items()
    }
    first = next(iter(values.values()))
    arms = {
        arm: {name: _figure(own, first[name]) for name, own in figures.items()}
        for arm, figures in values.items()
    }
    return tuple(columns), arms


def _figure(values: Sequence[float], first: Sequence[float]) -> ArmFigure:
    over, above = (
        seeds_interval(v) for v in (values, [a - b for a, b in zip(values, first, strict=True)])
    )
    return ArmFigure(over.mean, over.low, over.high, tuple(values), above)


def figures_of(evaluation: Evaluation) -> dict[str, float]:
    """Return the figures of a run that an experiment compares, by name."""
    latent = evaluation.latent
    used = {
        "rate_nats_per_frame": latent.rate_nats_per_frame,
        "active_dimensions": latent.active_dimensions,
    }
    above = evaluation.above.get(_COMPARED, {})
    return {
        **{name: figure.mean for name, figure in evaluation.scores.items()},
        **{f"best_of_{name}": figure.mean for name, figure in evaluation.best_of.items()},
        **{f"above_{_COMPARED}_{name}": found.mean for name, found in above.items()},
        **{name: float(value) for name, value in used.items() if value is not None},
        **{f"posterior_minus_prior_{n}": gap for n, gap in latent.posterior_minus_prior.items()},
    }


def _columns(evaluation: Evaluation) -> list[Column]:
    """The columns of the table.

    All metrics, and what else there is of the headline metric and the latent.
    """
    first, *others = evaluation.metrics()
    unit = f" ({first.unit})" if first.unit else ""
    return [
        Column(first.name, first.label, first.digits),
        Column(f"best_of_{first.name}", f"best of N{unit}", first.digits),
        *(Column(metric.name, metric.label, metric.digits) for metric in others),
        Column(
            f"above_{_COMPARED}_{first.name}", f"above {title_of(_COMPARED)}{unit}", first.digits
        ),
        Column("rate_nats_per_frame", "rate (nats per frame)", 2),
        Column("active_dimensions", "latent dimensions in use", 1),
        Column(f"posterior_minus_prior_{first.name}", f"posterior - prior{unit}", first.digits),
    ]
