"""What an evaluation says of a model, in words, each sentence with its figure and interval."""

from __future__ import annotations

from collections.abc import Iterator

from ..metrics import Interval, Metric
from .figures import Statement
from .results import Evaluation, known_metric

# what counts as calibrated and as sharp, and the spread below which samples are all the same
_LOW, _HIGH, _DEAD = 0.85, 1.15, 0.1
_FEW_EPISODES = 10
_KEPT = 0.95  # share of the objects that a world should keep
_APART = 10.0  # skill, between clips that move most and those that move least


def judge(evaluation: Evaluation) -> tuple[Statement, ...]:
    """Return the verdict in statements.

    They say whether the model is better than copying, uses its conditions and its latent, is sharp
    and keeps objects, whether there are enough clips, and on which clips it is weak.
    """
    if not evaluation.clips:
        return ()
    return tuple(
        statement
        for part in (_copying, _conditions, _samples, _sharpness, _objects, _clips, _kinds)
        for statement in part(evaluation)
    )


def _copying(evaluation: Evaluation) -> Iterator[Statement]:
    if not evaluation.skill:
        yield Statement("copying", None, "Nothing can beat copying here: these clips stand still.")
        return
    name, skill = next(iter(evaluation.skill.items()))
    label = known_metric(name).label
    scale = (
        "where 0 is copying and 100 the world's own futures"
        if evaluation.world
        else "where 0 is copying and 100 is perfect (this store has no futures of its own that "
        "would say what can be reached)"
    )
    figure = f"{label} skill {_plain(skill, 0)}, {scale}"
    if skill.above(0):
        yield Statement("copying", True, f"Better than copying the last frame: {figure}.")
    elif skill.below(0):
        yield Statement("copying", False, f"Worse than copying the last frame: {figure}.")
    elif skill.known:
        text = f"Not told apart from copying the last frame: {figure}."
        yield Statement("copying", False, text)
    else:
        yield Statement("copying", None, f"One episode cannot tell: {figure}.")


def _conditions(evaluation: Evaluation) -> Iterator[Statement]:
    metric = next(
        (known_metric(n) for n in ("psnr_moving", "psnr") if n in evaluation.scores), None
    )
    shuffled = evaluation.above.get("conditions_shuffled", {})
    if metric is None or metric.name not in shuffled:
        return
    gain = shuffled[metric.name]
    figure = f"{_difference(gain, metric)} over another clip's"
    if (zeroed := evaluation.above.get("conditions_zeroed", {}).get(metric.name)) is not None:
        figure += f", {_difference(zeroed, metric)} over none"
    figure += f" ({metric.title}, paired)"
    if gain.above(0):
        yield Statement("conditions", True, f"Uses its conditions: {figure}.")
    elif gain.known:
        advice = "check that they belong to these frames (`foreframe data inspect`)"
        text = f"Does not use its conditions: {figure}; {advice}."
        yield Statement("conditions", False, text)
    else:
        yield Statement("conditions", None, f"One episode cannot tell if it uses them: {figure}.")


def _samples(evaluation: Evaluation) -> Iterator[Statement]:
    found = evaluation.scores.get("spread_skill")
    if found is None:
        return
    rate = evaluation.latent.rate_nats_per_frame
    nats = "" if rate is None else f", {rate:.2f} nats per frame"
    figure = f"spread/skill {_plain(found, 2)}{nats}"
    if found.mean < _DEAD:
        text = f"The latent is dead: samples of a clip are all but the same, {figure}."
        yield Statement("samples", False, text)
    elif found.mean < _LOW:
        text = f"Overconfident: samples differ less than they miss what happened, {figure}."
        yield Statement("samples", False, text)
    elif found.mean > _HIGH:
        text = f"Underconfident: samples differ more than they miss what happened, {figure}."
        yield Statement("samples", False, text)
    else:
        text = f"Calibrated: samples differ as much as they miss what happened, {figure}."
        yield Statement("samples", True, text)


def _sharpness(evaluation: Evaluation) -> Iterator[Statement]:
    found = evaluation.scores.get("sharpness")
    if found is None:
        return
    figure = f"gradient energy {_plain(found, 2)} of the truth's"
    if found.mean < _LOW:
        yield Statement("sharpness", False, f"Blurred where things move: {figure}.")
    elif found.mean > _HIGH:
        yield Statement(
            "sharpness", False, f"Edges that are not there where things move: {figure}."
        )
    else:
        yield Statement("sharpness", True, f"Sharp where things move: {figure}.")


def _objects(evaluation: Evaluation) -> Iterator[Statement]:
    """What is left of the world's things in the last predicted frame."""
    horizon = evaluation.protocol.horizon
    for name, things in (("objects_kept", "untouched objects"), ("joints_kept", "joints")):
        if (found := evaluation.scores.get(name)) is not None:
            last = found.per_frame[-1]
            text = f"After {horizon} frames {100 * last:.0f} % of {things} are still right."
            yield Statement("objects", last >= _KEPT, text)
    if (moved := evaluation.scores.get("moved_error")) is not None:
        word = "Pushed objects move" if moved.below(1) else "Pushed objects do not move"
        text = f"{word}: {_plain(moved, 2)} of copying's error where they were and are."
        yield Statement("objects", moved.below(1), text)


def _clips(evaluation: Evaluation) -> Iterator[Statement]:
    episodes = evaluation.episodes
    if episodes is None:
        return
    counted = f"{_plural(evaluation.clips, 'clip')} of {_plural(episodes, 'episode')}"
    if episodes == 1:
        text = f"Too few clips: {counted}, so no figure has an interval."
        yield Statement("clips", False, text)
    elif episodes < _FEW_EPISODES:
        text = f"Few clips: {counted}, so intervals are Student's, and wide."
        yield Statement("clips", False, text)
    elif (needed := _episodes_to_tell(evaluation)) is not None:
        text = (
            f"Too few clips: {counted}; about {needed} episodes would tell it apart from copying."
        )
        yield Statement("clips", False, text)
    else:
        yield Statement("clips", True, f"Enough clips to tell it apart from copying: {counted}.")


def _episodes_to_tell(evaluation: Evaluation) -> int | None:
    """How many episodes the interval of the skill would need to leave 0 outside; None if it does.

    Intervals shrink with the root of their number.
    """
    skill = next(iter(evaluation.skill.values()), None)
    if skill is None or skill.low is None or skill.high is None or evaluation.episodes is None:
        return None
    if skill.above(0) or skill.below(0):
        return None
    half, distance = (skill.high - skill.low) / 2, max(abs(skill.mean), 1.0)
    return round(evaluation.episodes * (half / distance) ** 2 * 1.1)


def _kinds(evaluation: Evaluation) -> Iterator[Statement]:
    found = evaluation.skill_by_motion
    if len(found) == 2:
        least, most = found["least"], found["most"]
        figure = f"skill {_plain(most, 0)} on the third of the clips that moves most, "
        figure += f"{_plain(least, 0)} on the third that moves least"
        if most.mean < least.mean - _APART:
            yield Statement("kinds", None, f"Weakest where much moves: {figure}.")
        elif least.mean < most.mean - _APART:
            yield Statement("kinds", None, f"Weakest where little moves: {figure}.")
        else:
            yield Statement("kinds", None, f"Alike on clips that move much and little: {figure}.")
    skill = next(iter(evaluation.skill.values()), None)
    if skill is not None and len(skill.per_frame) > 1:
        first, last = skill.per_frame[0], skill.per_frame[-1]
        text = f"Skill {first:.0f} in the first predicted frame, {last:.0f} in the last."
        yield Statement("kinds", None, text)


def _plural(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _plain(found: Interval, digits: int) -> str:
    return _with_interval(found, f".{digits}f", "")


def _difference(found: Interval, metric: Metric) -> str:
    return _with_interval(found, f"+.{metric.digits}f", f" {metric.unit}".rstrip())


def _with_interval(found: Interval, form: str, unit: str) -> str:
    if found.low is None or found.high is None:
        return f"{found.mean:{form}}{unit}"
    return f"{found.mean:{form}}{unit} (95 %: {found.low:{form}} to {found.high:{form}})"
