"""A run's folder: what the run is made of, and who may write into it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..runtime import hardware
from ..runtime.digests import digest_file
from ..runtime.files import atomic_write, claim_output, read_json, write_json
from ..runtime.locks import lock_folder
from .config import Config
from .continuing import differences, go_on, is_longer
from .documentation import commented_yaml
from .resolving import with_defaults
from .state import DESCRIBED, IDENTITY, copy_state_into, newest_valid_state

SETTINGS = "recipe.yaml"
ENVIRONMENT = "environment.json"

# Fields that may change when a run resumes, because the result does not depend on them.
_MAY_CHANGE = ("training.save_every", "training.keep", "training.sharded")
LEGS = "continued"  # in a run's identity: what it was before it was trained longer


@dataclass(frozen=True)
class Origin:
    """Where a new run starts from.

    Attributes:
        resume_from: another run, or one of its saved states, to take weights and optimiser from.
        fresh: move a run that is in the folder aside and start over.
    """

    resume_from: str | Path | None = None
    fresh: bool = False


def open_run(out: Path, config: Config, content: str, where: str, origin: Origin) -> str:
    """Write what a run is made of into its folder, or check that the run there is the same.

    A finished run may be given more steps and another horizon.

    Args:
        out: the run's folder.
        config: the run's configuration.
        content: digest of the data.
        where: path of the data, which may move.
        origin: where a new run starts from.

    Returns:
        What is said about going on with a finished run; empty otherwise.

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
    news = ""
    if (out / IDENTITY).exists():
        news = _check_same(out, identity, origin, config)
    else:
        write_json(out / IDENTITY, identity)
        atomic_write(out / SETTINGS, commented_yaml(config))
        write_json(out / ENVIRONMENT, hardware.info() | {"data": where})
    if state:
        copy_state_into(out, state)
    return news


def _move_aside(run: Path) -> None:
    """Rename a run, if there is one; any other folder stays, and is refused later."""
    if not (run / IDENTITY).exists():
        return
    with lock_folder(run, "run"):  # a run that is training now is refused
        aside = (run.with_name(f"{run.name}.{number}") for number in itertools.count(1))
        run.rename(next(path for path in aside if not path.exists()))


def _check_same(out: Path, identity: dict[str, Any], origin: Origin, config: Config) -> str:
    """Compare a run with the one that is asked for, and return what is new about it, in words."""
    begun = _completed(read_json(out / IDENTITY, "what a run is made of"))
    legs = begun.pop(LEGS, [])
    differ = differences(begun, identity)
    for name in _MAY_CHANGE:
        differ.pop(name, None)
    if not differ:
        return ""
    if not origin.resume_from:
        identity["begun_from"] = begun.get("begun_from")  # where it began, longer or not
    if not is_longer(begun, identity, _MAY_CHANGE):
        told = ", ".join(f"{name}: {how}" for name, how in list(differ.items())[:4])
        raise InputError(
            f"{out} is another run (different: {told}); choose another --out (--resume-from {out} "
            "begins from its weights), or --fresh to start over"
        )
    done, news = go_on(out, begun, config)
    leg = {"steps": done, "config": begun["config"]}
    write_json(out / IDENTITY, {**identity, LEGS: [*legs, leg]})
    atomic_write(out / SETTINGS, commented_yaml(config))
    return news


def _completed(identity: Any) -> Any:
    """Return a run's identity with defaults for fields that an earlier version did not have."""
    try:
        return {**identity, "config": with_defaults(identity["config"])}
    except (InputError, TypeError, KeyError, AttributeError):
        return identity  # damaged, or of a later version: compared as it is
