"""A run's folder: what the run is made of, and who may write into it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..runtime import hardware
from ..runtime.digests import digest_file
from ..runtime.files import atomic_write, claim_output, read_json, write_json
from ..runtime.locks import lock_folder
from .config import Config
from .documentation import commented_yaml
from .resolving import with_defaults
from .state import DESCRIBED, IDENTITY, copy_state_into, newest_valid_state

SETTINGS = "recipe.yaml"
ENVIRONMENT = "environment.json"
TRAINING_TIME = "training_time.json"

# Fields that may change when a run resumes, because the result does not depend on them.
_MAY_CHANGE = ("training.save_every:", "training.keep:", "training.sharded:")


@dataclass(frozen=True)
class Origin:
    """Where a new run starts from.

    Attributes:
        resume_from: another run, or one of its saved states, to take weights and optimiser from.
        fresh: move a run that is in the folder aside and start over.
    """

    resume_from: str | Path | None = None
    fresh: bool = False


def open_run(out: Path, config: Config, content: str, where: str, origin: Origin) -> None:
    """Write what a run is made of into its folder, or check that the run there is the same.

    Args:
        out: the run's folder.
        config: the run's configuration.
        content: digest of the data.
        where: path of the data, which may move.
        origin: where a new run starts from.

    Raises:
        InputError: the folder holds another run or something else, or the origin has no state.
    """
    if origin.fresh:
        _move_aside(out)
    claim_output(out, "run", (IDENTITY, "data/manifest.json"))  # a demo keeps its data inside
    state = newest_valid_state(Path(origin.resume_from)) if origin.resume_from else None
    identity = {
        "config": config.to_dict(),
        "data": content,
        "begun_from": digest_file(state / DESCRIBED) if state else None,
    }
    if (out / IDENTITY).exists():
        _check_same(out, identity)
    else:
        write_json(out / IDENTITY, identity)
        atomic_write(out / SETTINGS, commented_yaml(config))
        write_json(out / ENVIRONMENT, hardware.info() | {"data": where})
    if state:
        copy_state_into(out, state)


def add_training_time(run: Path, seconds: float, step: int) -> None:
    """Add to the time that a run has taken, validation and earlier starts included."""
    total = (training_time(run) or 0.0) + seconds
    write_json(run / TRAINING_TIME, {"seconds": round(total, 1), "step": step})


def training_time(run: Path) -> float | None:
    """Return the seconds that a run has trained for; None where that is not known."""
    try:
        return float(read_json(run / TRAINING_TIME, "the time a run took")["seconds"])
    except (InputError, KeyError, TypeError, ValueError):
        return None


def _move_aside(run: Path) -> None:
    """Rename a run, if there is one; any other folder stays, and is refused later."""
    if not (run / IDENTITY).exists():
        return
    with lock_folder(run, "run"):  # a run that is training now is refused
        aside = (run.with_name(f"{run.name}.{number}") for number in itertools.count(1))
        run.rename(next(path for path in aside if not path.exists()))


def _check_same(out: Path, identity: Mapping[str, Any]) -> None:
    begun = _completed(read_json(out / IDENTITY, "what a run is made of"))
    differ = [d for d in _differences(begun, identity) if not d.startswith(_MAY_CHANGE)]
    if differ:
        raise InputError(
            f"{out} is another run (different: {', '.join(differ[:4])}); "
            "choose another --out, or remove it first"
        )


def _completed(identity: Any) -> Any:
    """Return a run's identity with defaults for fields that an earlier version did not have."""
    try:
        return {**identity, "config": with_defaults(identity["config"])}
    except (InputError, TypeError, KeyError, AttributeError):
        return identity  # damaged, or of a later version: compared as it is


def _differences(a: Any, b: Any, where: str = "") -> list[str]:
    """Return where two JSON values differ, as "training.batch: 4 there, 2 here"."""
    if not (isinstance(a, dict) and isinstance(b, dict)):
        return [] if a == b else [f"{where}: {a} there, {b} here"]
    found = []
    for key in {**a, **b}:
        name = f"{where}.{key}".removeprefix(".config").strip(".")
        found += _differences(a.get(key), b.get(key), name)
    return found
