"""What an evaluation says of a model, in words, each sentence with its figure and interval."""

from __future__ import annotations

from collections.abc import Iterator

from ..metrics import Interval, Metric
from .figures import COPYING, Scores, Statement
from .results import Evaluation, known_metric

# what counts as calibrated and as sharp, and the spread below which samples are all the same
_LOW, _HIGH, _DEAD = 0.85, 1.15, 0.1
_FEW_EPISODES, _MANY_EPISODES = 10, 10_000
_KEPT = 0.95  # share of the objects that a world should keep
_NO_GAIN_DB = 0.2  # over other conditions: as good as none
_ABSURD = -1000  # a skill that says nothing but that the scale has no length
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
    """Whether the model is better, by the paired difference on all clips, and its skill."""
    if not evaluation.skill:
        yield Statement("copying", None, "Nothing can beat copying here: these clips stand still.")
        return
    name, skill = next(iter(evaluation.skill.items()))
    metric, world = known_metric(name), evaluation.world
    difference = evaluation.above.get(COPYING, {}).get(name)
    scale = (
        "0 is copying and 100 the world's own futures"
        if world
        else "0 is copying and 100 is perfect: this store has no futures of its own that would say "
        "what can be reached"
    )
    some = ""
    if world is not None and world.clips < evaluation.clips:
        some = f", on the {world.clips} of {evaluation.clips} clips that have them"
    figure = f"{metric.title} skill {_plain(skill, 0)}, where {scale}{some}"
    if difference is not None and difference.known:
        figure += f"; on all clips {metric.title} {_difference(difference, metric)} (paired)"
    if difference is None or not difference.known:
        yield Statement("copying", None, f"One episode cannot tell it from copying: {figure}.")
    elif difference.below(0) and skill.mean > 0:
        yield Statement("copying", True, f"Better than copying the last frame: {figure}.")
    elif difference.low == difference.high == 0:
        yield Statement("copying", False, f"As good as copying the last frame: {figure}.")
    elif difference.above(0):
        yield Statement("copying", False, f"Worse than copying the last frame: {figure}.")
    else:
        text = f"Not told apart from copying the last frame: {figure}."
        yield Statement("copying", None, text)


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
        figure += f", {_difference(zeroed, metric)} over mean conditions"
    figure += f" ({metric.title}, paired)"
    if gain.above(0):
        yield Statement("conditions", True, f"Uses its conditions: {figure}.")
    elif gain.below(_NO_GAIN_DB):
        advice = "check that they belong to these frames (`foreframe data inspect`)"
        text = f"Does not use its conditions: {figure}; {advice}."
        yield Statement("conditions", False, text)
    else:
        yield Statement("conditions", None, f"Not told if it uses its conditions: {figure}.")


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
    elif found.below(_LOW):
        text = f"Overconfident: samples differ less than they miss what happened, {figure}."
        yield Statement("samples", False, text)
    elif found.above(_HIGH):
        text = f"Underconfident: samples differ more than they miss what happened, {figure}."
        yield Statement("samples", False, text)
    elif _is_about_one(found):
        text = f"Calibrated: samples differ as much as they miss what happened, {figure}."
        yield Statement("samples", True, text)
    else:
        yield Statement("samples", None, f"Not told if the samples are calibrated: {figure}.")


def _sharpness(evaluation: Evaluation) -> Iterator[Statement]:
    found = evaluation.scores.get("sharpness")
    if found is None:
        return
    figure = f"gradient energy {_plain(found, 2)} of the truth's"
    if found.below(_LOW):
        yield Statement("sharpness", False, f"Blurred where things move: {figure}.")
    elif found.above(_HIGH):
        text = f"Edges that are not there where things move: {figure}."
        yield Statement("sharpness", False, text)
    elif _is_about_one(found):
        yield Statement("sharpness", True, f"Sharp where things move: {figure}.")
    else:
        yield Statement("sharpness", None, f"Not told if it is sharp where things move: {figure}.")


def _is_about_one(found: Interval) -> bool:
    """Whether a ratio is near 1, and surely not twice as far away."""
    low, high = 2 * _LOW - 1, 2 * _HIGH - 1
    return _LOW <= found.mean <= _HIGH and found.above(low) and found.below(high)


def _objects(evaluation: Evaluation) -> Iterator[Statement]:
    """What is left of the world's things in the last predicted frame, beside floor and ceiling."""
    horizon = evaluation.protocol.horizon
    for name, things in (("objects_kept", "untouched objects"), ("joints_kept", "joints")):
        if (found := evaluation.scores.get(name)) is not None:
            last, copied = found.per_frame[-1], _last(evaluation.baselines.get(COPYING, {}), name)
            text = f"After {horizon} frames {100 * last:.0f} % of {things} are still right"
            text += "" if copied is None else f"; copying has {100 * copied:.0f} %"
            world = _last(evaluation.world.scores, name) if evaluation.world else None
            text += "" if world is None else f", the world itself {100 * world:.0f} %"
            lost = copied is not None and last < copied - (1 - _KEPT)
            good = True if last >= _KEPT else False if lost else None
            yield Statement("objects", good, f"{text}.")
    if (moved := evaluation.scores.get("moved_error")) is not None:
        good = True if moved.below(1) else False if moved.above(1) else None
        word = {
            True: "Better than leaving pushed objects where they were",
            False: "Worse than leaving pushed objects where they were",
            None: "Not told from leaving pushed objects where they were",
        }[good]
        text = f"{word}: {_plain(moved, 2)} of copying's error where they were and are"
        if evaluation.world and "moved_error" in evaluation.world.scores:
            text += f"; the world itself has {evaluation.world.scores['moved_error'].mean:.2f}"
        yield Statement("objects", good, f"{text}.")


def _last(scores: Scores, name: str) -> float | None:
    """The figure of the last predicted frame."""
    found = scores.get(name)
    return found.per_frame[-1] if found is not None and found.per_frame else None


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
    """How many episodes it takes until the paired difference from copying leaves 0 outside.

    None if it does already.
    Intervals shrink with the root of their number.
    """
    name = next(iter(evaluation.skill), "")
    found = evaluation.above.get(COPYING, {}).get(name)
    if found is None or found.low is None or found.high is None or evaluation.episodes is None:
        return None
    if found.above(0) or found.below(0) or found.low == found.high:
        return None
    half, distance = (found.high - found.low) / 2, max(abs(found.mean), 1e-5)
    return min(round(evaluation.episodes * (half / distance) ** 2 * 1.1), _MANY_EPISODES)


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
        if min(first, last) < _ABSURD:  # copying is all but as good as the world there
            return
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
