"""A run's folder: what the run is made of, and who may write into it."""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import InputError
from ..runtime import hardware
from ..runtime.digests import digest_file
from ..runtime.files import atomic_write, read_json, remove_temporaries, write_json
from ..runtime.locks import lock_folder
from ..runtime.outputs import claim_output
from ..runtime.schemas import stamped, unstamped
from ..runtime.systems import rename, sync
from .config import Config
from .continuing import differences, go_on, is_longer
from .documentation import commented_yaml
from .resolving import with_defaults
from .state import DESCRIBED, IDENTITY, copy_state_into, newest_valid_state

SETTINGS = "recipe.yaml"
ENVIRONMENT = "environment.json"
TRAINING_TIME = "training_time.json"

_SCHEMA = "foreframe.run/1"
_DEMO_DATA = "data/manifest.json"  # a demo keeps its data inside

# Fields that may change when a run resumes, because the result does not depend on them.
_MAY_CHANGE = ("training.save_every", "training.keep", "training.sharded")
_LEGS = "continued"  # in a run's identity: what it was before it was trained longer


@dataclass(frozen=True)
class Origin:
    """Where a new run starts from.

    Attributes:
        resume_from: another run, or one of its saved states, to take weights and optimiser from.
        fresh: move a run that is in the folder aside and start over.
    """

    resume_from: str | Path | None = None
    fresh: bool = False


@dataclass(frozen=True)
class RunFolder:
    """The folder of a run, and what the run is made of.

    Attributes:
        path: of the folder.
        config: the run's configuration.
        content: digest of the data.
        where: path of the data, which may move.
        origin: where a new run starts from.
    """

    path: Path
    config: Config
    content: str
    where: str
    origin: Origin

    def check(self) -> None:
        """Check that the run can be here; nothing is written.

        Raises:
            InputError: the folder holds another run or something else, or the origin has no state.
        """
        if not (self.origin.fresh and (self.path / IDENTITY).exists()):
            claim_output(self.path, "run", (IDENTITY, _DEMO_DATA))
            self._check_same(self._identity())
        elif self.path.is_dir():
            self._identity()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder for this process while the block runs, with the run's identity in it.

        What processes that were killed left half written is removed.

        Raises:
            InputError: another process trains here, or what `check` raises.
        """
        if self.origin.fresh:
            _move_aside(self.path)
        with lock_folder(self.path, "run"):
            for folder in (self.path, self.path / "state", self.path / "progress"):
                remove_temporaries(folder)
            self._claim()
            yield

    def _claim(self) -> None:
        """Write what is not there yet; the identity first, for it makes the folder a run's."""
        claim_output(self.path, "run", (IDENTITY, _DEMO_DATA))
        identity = self._identity()
        if longer := self._check_same(identity):
            write_json(self.path / IDENTITY, stamped(longer.identity, _SCHEMA))
            atomic_write(self.path / SETTINGS, commented_yaml(self.config))
            print(longer.news, flush=True)
        if not (self.path / IDENTITY).exists():
            write_json(self.path / IDENTITY, stamped(identity, _SCHEMA))
        if not (self.path / SETTINGS).exists():
            atomic_write(self.path / SETTINGS, commented_yaml(self.config))
        if not (self.path / ENVIRONMENT).exists():
            environment = hardware.info() | {"data": self.where}
            write_json(self.path / ENVIRONMENT, stamped(environment, "foreframe.environment/1"))
        if state := self._state:
            copy_state_into(self.path, state)

    @functools.cached_property
    def _state(self) -> Path | None:
        """The saved state that the run begins from."""
        source = self.origin.resume_from
        return newest_valid_state(Path(source)) if source else None

    def _identity(self) -> dict[str, Any]:
        state = self._state
        return {
            "config": self.config.to_dict(),
            "data": self.content,
            "begun_from": digest_file(state / DESCRIBED) if state else None,
        }

    def _check_same(self, identity: dict[str, Any]) -> _Longer | None:
        """Check the run that is there; return how it goes on, if it is to be trained longer."""
        if not (self.path / IDENTITY).exists():
            return None
        file, what = self.path / IDENTITY, "what a run is made of"
        begun = _completed(unstamped(read_json(file, what), str(file), what, _SCHEMA))
        legs = begun.pop(_LEGS, [])
        differ = differences(begun, identity)
        for name in _MAY_CHANGE:
            differ.pop(name, None)
        if not differ:
            return None
        if not self.origin.resume_from:
            identity["begun_from"] = begun.get("begun_from")  # where it began, longer or not
        if not is_longer(begun, identity, _MAY_CHANGE):
            told = ", ".join(f"{name}: {how}" for name, how in list(differ.items())[:4])
            raise InputError(
                f"{self.path} is another run (different: {told}); choose another --out, or begin "
                f"from its weights there: --resume-from {self.path}"
            )
        done, news = go_on(self.path, begun, self.config)
        leg = {"steps": done, "config": begun["config"]}
        return _Longer({**identity, _LEGS: [*legs, leg]}, news)


class _Longer(NamedTuple):
    """A finished run that is trained longer.

    Attributes:
        identity: what it is made of now, with what it was before.
        news: what is said about it.
    """

    identity: dict[str, Any]
    news: str


def add_training_time(run: Path, seconds: float, step: int) -> None:
    """Add to the time that a run has taken, validation and earlier starts included."""
    total = (training_time(run) or 0.0) + seconds
    found = {"seconds": round(total, 1), "step": step}
    write_json(run / TRAINING_TIME, stamped(found, "foreframe.training_time/1"))


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
        rename(run, next(path for path in aside if not path.exists()))
        sync(run.parent)


def begun_with(run: Path) -> Mapping[str, Any] | None:
    """Return the configuration that a run began with; None if no readable run is there."""
    if not (run / IDENTITY).is_file():
        return None
    try:
        what = "what a run is made of"
        found = _completed(read_json(run / IDENTITY, what))["config"]
    except (InputError, KeyError, TypeError):
        return None  # said where the run is checked
    return found if isinstance(found, Mapping) else None


def _completed(identity: Any) -> Any:
    """Return a run's identity with defaults for fields that an earlier version did not have."""
    try:
        return {**identity, "config": with_defaults(identity["config"])}
    except (InputError, TypeError, KeyError, AttributeError):
        return identity  # damaged, or of a later version: compared as it is
