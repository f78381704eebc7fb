"""Train a finished run longer: whether a run can be gone on with, and what changes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError
from .config import Config
from .resolving import stretchable
from .state import newest_valid_state, step_of

# What may change when a finished run is trained longer: the weights have the same meaning.
_FIELDS = ("training.steps", "clip.horizon")


def differences(a: Any, b: Any, where: str = "") -> dict[str, str]:
    """Return where two JSON values differ, and how.

    >>> differences({"training": {"batch": 4}}, {"training": {"batch": 2}})
    {'training.batch': '4 there, 2 here'}
    """
    if not (isinstance(a, dict) and isinstance(b, dict)):
        return {} if a == b else {where: f"{a} there, {b} here"}
    found: dict[str, str] = {}
    for key in {**a, **b}:
        name = f"{where}.{key}".removeprefix(".config").strip(".")
        found |= differences(a.get(key), b.get(key), name)
    return found


def is_longer(begun: Mapping[str, Any], wanted: Mapping[str, Any], free: tuple[str, ...]) -> bool:
    """Return whether a run differs from the wanted one only in its length and horizon.

    Schedules that were made for the whole of one are taken as those for the whole of the other.

    Args:
        begun: the identity of the run that is there.
        wanted: the identity of the run that is asked for.
        free: fields that may always differ.
    """
    one, other = (
        {**identity, "config": stretchable(identity.get("config") or {})}
        for identity in (begun, wanted)
    )
    found = differences(one, other).keys() - set(free)
    return bool(found) and found <= set(_FIELDS)


def go_on(out: Path, begun: Mapping[str, Any], config: Config) -> tuple[int, str]:
    """Return the step from which a finished run goes on, and what is said about it.

    Raises:
        InputError: the run is not finished, or is not asked for more steps.
    """
    before, steps = begun["config"], config.training.steps
    done = step_of(newest_valid_state(out))
    planned = before["training"]["steps"]
    if done < planned:
        raise InputError(
            f"{out} has done {done} of its {planned} steps, with schedules for {planned}: finish "
            "it with the command that began it, and train it longer then; or begin another run "
            f"from it: another --out with --resume-from {out}"
        )
    if steps <= done:
        raise InputError(
            f"{out} has done {done} steps; expected more to go on with: --training.steps N with "
            f"N above {done}; or another --out"
        )
    words = [f"{out} has done its {planned} steps and goes on to {steps}"]
    if before["clip"]["horizon"] != config.clip.horizon:
        words.append(
            f"the horizon is {config.clip.horizon} instead of {before['clip']['horizon']} frames, "
            "so the best validation score begins anew"
        )
    rate = config.optimiser.learning_rate
    words.append(
        f"schedules are stretched over all {steps} steps (learning rate {rate(done):.2g} now, "
        f"{rate(steps - 1):.2g} at the end)"
    )
    return done, "; ".join(words)
