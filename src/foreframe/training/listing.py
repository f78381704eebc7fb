"""List the recipes: what each is for, how large it is, how long it takes and what it scored."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any

import torch

from .. import models
from ..clips import ClipSpec
from ..plugins import RECIPES
from ..runtime.progress import progress
from .config import Config
from .cost import cost_of
from .resolving import resolve

_SCORE = re.compile(r"\d+\.\d+ dB(?: \([^)]*\))?")
_PROTOCOL = re.compile(r"protocol ([\w-]+)")
_COST_MODEL = "estimated, for two cores of a Xeon with AMX"
_MEASURED = "measured here"
_NUMBERS = {"action": 4, "state": 3}  # of a condition, in BAIR's recordings and the push world


@dataclass(frozen=True)
class RecipeSummary:
    """A recipe in a line.

    Attributes:
        name: its name.
        about: what it is for.
        model: the model that it trains.
        parameters: numbers that the model learns, with conditions and pictures of the usual size.
        steps: optimiser steps.
        hours: about so many for all steps; None for a model without an estimate.
        hours_from: where this time is from.
        score: PSNR that was reached with it, as its header says; None for none.
        protocol: the protocol of that score.
    """

    name: str
    about: str
    model: str
    parameters: int
    steps: int
    hours: float | None
    hours_from: str
    score: str | None
    protocol: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return dataclasses.asdict(self)


def list_recipes(measure: bool = False) -> list[RecipeSummary]:
    """Return what each recipe is for, its size, its time and its score.

    Args:
        measure: measure the time of a step of each on this machine, in a minute or two;
            otherwise times are estimates for two cores of a Xeon with AMX.
    """
    configs = {name: resolve(name) for name in RECIPES.names()}
    specs = {name: usual_spec(config) for name, config in configs.items()}
    measured: dict[str, float] = {}
    if measure:
        measured = _measured(configs, specs)
    return [
        _summary(name, config, specs[name], measured.get(name)) for name, config in configs.items()
    ]


def usual_spec(config: Config) -> ClipSpec:
    """Return clips as those that a recipe was made for: 64x64 and numbers, or dancers and labels.

    >>> usual_spec(resolve("push-tiny")).condition
    (4,)
    """
    conditions = config.clip.conditions
    if "label" in conditions:
        return ClipSpec((3, 32, 64), (3, 32, 64), columns=("label",))
    count = sum(_NUMBERS.get(name, 1) for name in conditions)
    names = tuple(f"number_{place}" for place in range(count))
    still, spread = (0.0,) * count, (1.0,) * count
    low = tuple(-value for value in spread)
    return ClipSpec((3, 64, 64), (count,), conditions, names, still, spread, low, spread)


def about_and_score(text: str) -> tuple[str, str | None, str | None]:
    """Return the first sentence of a recipe's header, its first score, and its protocol.

    >>> about_and_score("# r: a small model. 25.43 dB (24.95 to 25.96) (protocol\\n# long). So.")
    ('a small model', '25.43 dB (24.95 to 25.96)', 'long')
    """
    lines = text[: text.find("\n\n") + 1 or None].splitlines()
    block = " ".join(line.removeprefix("#").strip() for line in lines if line.startswith("#"))
    words = block.partition(": ")[2]
    about = re.split(r"\.\s+(?=[A-Z0-9])|\.$", words, maxsplit=1)[0]
    score, protocol = _SCORE.search(words), _PROTOCOL.search(words)
    return about, score and score[0], protocol[1] if score and protocol else None


def _summary(name: str, config: Config, spec: ClipSpec, seconds: float | None) -> RecipeSummary:
    with torch.device("meta"):
        model = models.build(config.model, spec, config.model_options)
    about, score, protocol = about_and_score(RECIPES.text(name))
    cost = cost_of(config, spec.frame)
    estimated = cost.hours if cost else None
    hours = seconds * config.training.steps / 3600 if seconds is not None else estimated
    return RecipeSummary(
        name=name,
        about=about,
        model=config.model,
        parameters=sum(p.numel() for p in model.parameters()),
        steps=config.training.steps,
        hours=None if hours is None else round(hours, 3),
        hours_from=_MEASURED if seconds is not None else _COST_MODEL,
        score=score,
        protocol=protocol,
    )


def _measured(configs: dict[str, Config], specs: dict[str, ClipSpec]) -> dict[str, float]:
    """Seconds of a step of each recipe; recipes that compute the same share a measurement."""
    from .measuring import seconds_per_step

    found: dict[str, float] = {}
    same: dict[Any, float] = {}
    with progress("measuring", len(configs), "recipes") as advance:
        for name, config in configs.items():
            clip, loop = config.clip, config.training
            key = (config.model, repr(config.model_options), clip, loop.batch, loop.precision)
            if key not in same:
                same[key] = seconds_per_step(config, specs[name])
            found[name] = same[key]
            advance(1, name)
    return found
