"""What a run takes, by steps that were measured at the recipes' sizes.

Letters: H height, W width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .config import Config
from .step import weights_at

# results/bench-cost.json, on two cores of a Xeon with AMX in bfloat16: seconds of a step are
# `fixed` and `per_frame` of its batch, of pictures of so many pixels.
_MEASURED = {
    "compact": (0.100, 0.0047, 64 * 64),
    "svg": (0.680, 0.0444, 64 * 64),
    "pose": (0.031, 0.1134, 32 * 64),
    "pose_compact": (0.042, 0.0119, 32 * 64),
    "pose_unet": (0.030, 0.0260, 32 * 64),  # on one core of an EPYC without AMX
}
_USUAL = 64 * 64  # pixels of the recipes' pictures
_AHEAD = 0.1  # of the pushforward: a third of it is drawn on average, and costs a third
_LARGE = 8  # times as many, from which on a run is warned of


@dataclass(frozen=True)
class Cost:
    """What a run takes on two cores, roughly: seconds grow with the pixels of a batch.

    Attributes:
        seconds_per_step: of an optimiser step.
        hours: of all steps.
    """

    seconds_per_step: float
    hours: float

    def __str__(self) -> str:
        whole = f"{self.hours:.1f} h" if self.hours >= 1 else f"{60 * self.hours:.0f} min"
        return f"about {self.seconds_per_step:.2g} s per step and {whole}"


def cost_of(config: Config, frame: Sequence[int]) -> Cost | None:
    """Return what a run on frames (C, H, W) takes; None for a model that was never measured.

    Example:
        >>> from foreframe.training import resolve
        >>> str(cost_of(resolve("push-tiny"), (3, 64, 64)))
        'about 0.7 s per step and 13 min'
    """
    if config.model not in _MEASURED:
        return None
    fixed, per_frame, pixels = _MEASURED[config.model]
    clip = config.clip
    each = clip.n_past + _predicted(config) + clip.pushforward * _AHEAD
    frames = config.training.batch * each * frame[1] * frame[2] / pixels
    seconds = fixed + per_frame * frames
    return Cost(seconds, seconds * config.training.steps / 3600)


def _predicted(config: Config) -> float:
    """How many frames of a clip are predicted at a step in the middle of the run."""
    weights, objective = weights_at(config, config.training.steps // 2), config.objective
    frames = 0.0
    if weights.elbo:
        frames += config.clip.horizon
    if weights.sampled:
        scored = objective.scored_frames or config.clip.horizon
        frames += scored * (objective.samples if weights.futures else 1)
    return frames


def size_advice(config: Config, parameters: int, frame: Sequence[int]) -> list[str]:
    """Return what to know before training on frames (C, H, W) far larger than the recipes'; nothing
    for the rest.
    """
    _, height, width = frame
    times = height * width / _USUAL
    if times < _LARGE:
        return []
    large, usual = cost_of(config, frame), cost_of(config, (3, 64, 64))
    takes = f", {large} for {config.training.steps:,} steps" if large else ""
    instead = f" ({usual})" if usual else ""
    return [
        f"pictures of {height}x{width} have {times:.0f} times the pixels of 64x64: "
        f"{config.model} has {parameters:,} parameters{takes} on two cores of a Xeon; "
        f"import with --size 64 64{instead}, or train on a GPU"
    ]
