"""A run as a simulator: its model, clips to begin from, and what may be steered.

Letters: B drives, N samples, C channels, H height, W width, A condition, U numbers that are steered.
"""

from __future__ import annotations

import copy
import operator
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .. import models
from ..data import worlds
from ..data.sources.recording import Column
from ..data.store import MANIFEST, ClipStore
from ..errors import InputError
from ..evaluation.evaluating import check_data
from ..model import Model
from ..nn.precision import cast_weights
from ..noise import Noise
from ..plugins import WORLDS
from ..runtime import hardware
from ..runtime.files import read_json
from ..session import Session, step_batch
from ..state_head import StateHead, load_head
from .drive import Drive
from .starts import Start, starts_of

Array = NDArray[Any]

CLIPS = "clips"  # the store in a model folder that its drives begin from
_TIMED_ACTS = 7


class Simulator:
    """What drives have in common: the model and its clips. Any number of drives go on in it at once.

    Attributes:
        name: what it is called.
        starts: the clips to begin from.
        columns: the store's columns that the conditions are made of.
        head: what predicts the states to come, where the model is given states.
        steered: which numbers of a condition are the driver's; all but those that the head predicts.
        precision: float32, or bfloat16 where an act is faster in it; both were timed on this machine.
        compiled: whether its parts are torch.compile's, because that was asked for and an act is faster.
    """

    def __init__(
        self, run: str | Path, data: str | Path | None = None, compiled: bool = False
    ) -> None:
        """A run or model folder; `data` is a store of clips to begin from, the one it was trained on if left out.

        `compiled` has torch.compile make the model's parts: faster acts, after up to a minute for each number of futures that go
        on together.

        Raises:
            InputError: not a run; no clips; clips of another kind; no compiler.
        """
        run = Path(run)
        described = models.describe(run)
        store = ClipStore(data if data is not None else _clips_of(run))
        self.name = run.resolve().name
        self.device = hardware.device()
        self.model = models.load(run).to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        check_data(self.model, store, str(run))
        self.spec = self.model.spec
        self.notes: Mapping[str, Any] = described["notes"]
        self.kind: str = described["model"]
        self.n_past: int = described["notes"]["n_past"]
        self.starts = starts_of(store, self.spec, self.n_past)
        self.columns: dict[str, Column] = {name: store.columns[name] for name in self.spec.columns}
        world = WORLDS.current(str(store.source.get("world")))
        self._world = worlds.world_module(world) if world in WORLDS.names() else None
        self.head = self._head(run)
        predicted = set(self.head.indices) if self.head else set()
        self.steered = (
            [i for i in range(self.spec.condition[0]) if i not in predicted]
            if self.spec.names
            else []
        )
        self.precision, self.compiled, self.act_ms = "float32", False, 0.0
        self._take_the_fastest(compiled)

    @property
    def by_pictures(self) -> bool:
        """Whether conditions are label images; then an action is such an image, [C, H, W] in [0, 1]."""
        return len(self.spec.condition) == 3

    @property
    def low(self) -> Array:
        """The smallest value of each steered number in the training split [U]."""
        return np.asarray(self.spec.low, np.float32)[self.steered]

    @property
    def high(self) -> Array:
        """The largest value of each steered number in the training split [U]."""
        return np.asarray(self.spec.high, np.float32)[self.steered]

    @property
    def steering(self) -> Mapping[str, Any]:
        """How a person drives it, where the world that the clips come from says so (see `data.worlds`)."""
        return getattr(self._world, "STEERING", {})

    def label(self, joints: Array) -> Tensor:
        """The label image of a skeleton with joints at these places in pixels [J, 2]: [C, H, W] in [0, 1].

        Raises:
            InputError: the labels of this simulator are no skeletons, or have another number of joints.
        """
        expected = len(self.steering.get("joints", ()))
        if not expected or joints.shape != (expected, 2) or not np.isfinite(joints).all():
            raise InputError(
                f"got joints of shape {list(joints.shape)}; {self.name} expects {[expected, 2]} finite numbers"
            )
        _, height, width = self.spec.condition
        drawn = self._world.label(joints.clip(-width, 2 * width), height, width)  # type: ignore[union-attr]
        return torch.tensor(drawn).movedim(-1, 0).float() / 255

    def begin(self, start: int = 0, samples: int = 1, seed: int = 0) -> Drive:
        """A drive from clip `start` with `samples` futures side by side.

        Raises:
            InputError: there is no such clip, or fewer than one sample is asked for.
        """
        if not 0 <= start < len(self.starts):
            raise InputError(
                f"start {start} does not exist; {self.name} has starts 0 to {len(self.starts) - 1}"
            )
        if samples < 1:
            raise InputError(f"{samples} samples were asked for; expected at least 1")
        clip = self.starts[start]
        session = Session(self.model)
        with self._running():
            session.reset(*self._context(clip), Noise([seed], samples))
        return Drive(clip, session, self.n_past, seed)

    def act(self, drives: Sequence[Drive], actions: Sequence[Array | Tensor]) -> list[Tensor]:
        """One act in each drive: the futures that each sees, floats in [0, 1] [N, C, H, W].

        An action is the steered numbers [U] in raw units, or a label image. Drives that can (`Session.batch_key`) share one step of
        the model.
        """
        conditions = [
            self._condition(drive, action) for drive, action in zip(drives, actions, strict=True)
        ]
        alike: dict[tuple[int, bool], list[int]] = {}
        for number, drive in enumerate(drives):
            alike.setdefault(drive.session.batch_key, []).append(number)
        for numbers in alike.values():
            for number in numbers:
                drives[number].about_to_act()
            with self._running():
                step_batch(
                    [drives[n].session for n in numbers],
                    [conditions[n][None].to(self.device) for n in numbers],
                )
            for number in numbers:
                drives[number].acted(conditions[number])
        return [drive.session.frames[0].float() for drive in drives]

    def replayed(self, drive: Drive) -> Array | Tensor | None:
        """The action that the recording has for the drive's next step; None where it has ended."""
        return self.recorded(drive.start, drive.step) if drive.step < len(drive.start) else None

    def recorded(self, start: Start, row: int) -> Array | Tensor:
        """The action that leads to frame `row` of a recording.

        Raises:
            InputError: the recording ends before it.
        """
        if row >= len(start):
            raise InputError(
                f"the recording has no frame {row}; it ends after frame {len(start) - 1}"
            )
        condition = start.conditions[row]
        return condition if self.by_pictures else condition.numpy()[self.steered]

    def checked(self, action: Array | Tensor) -> Tensor:
        """The action as a tensor.

        Raises:
            InputError: it has another shape, or holds NaN or infinity.
        """
        given = torch.as_tensor(action, dtype=torch.float32)
        expected = self.spec.condition if self.by_pictures else (len(self.steered),)
        if given.shape != expected or not torch.isfinite(given).all():
            raise InputError(
                f"an action has shape {list(given.shape)}; expected {list(expected)} finite numbers"
            )
        return given

    def _condition(self, drive: Drive, action: Array | Tensor) -> Tensor:
        """The model's next condition [*A]: what the driver gives, and the states that the head makes of what was."""
        given = self.checked(action)
        if self.by_pictures or self.head is None:
            return given
        whole = np.zeros(self.spec.condition[0], np.float32)
        whole[self.steered] = given.numpy()
        before, now = drive.latest
        whole[list(self.head.indices)] = self.head.following(before.numpy(), now.numpy())
        return torch.from_numpy(whole)

    def _context(self, clip: Start) -> tuple[Tensor, Tensor]:
        frames = clip.frames[None, : self.n_past].float() / 255
        return frames.to(self.device), clip.conditions[None, : self.n_past].to(self.device)

    def _head(self, run: Path) -> StateHead | None:
        head = load_head(run)
        if (
            head is None
            and self.spec.uses_future_state
            and any(c.role != "state" for c in self.columns.values())
        ):
            raise InputError(
                f"{run} is conditioned on states and has no head that predicts them (it was trained by an older version, or "
                "never to its end): the same `foreframe train` command again fits one"
            )
        return head

    def _running(self) -> Any:
        return torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"
        )

    def _take_the_fastest(self, compiled: bool) -> None:
        """Time an act in float32 and, where the hardware has it, in bfloat16: small models are slower in it. Then compiled, if wanted."""
        whole = self.model

        def way(precision: str, compiled: bool = False) -> _Way:
            self.precision, self.compiled, self.model = precision, compiled, copy.deepcopy(whole)
            if precision == "bfloat16":
                cast_weights(self.model, torch.bfloat16)
            if compiled:
                hardware.compile_parts(self.model, frozen=True)
            return _Way(self._time(), precision, compiled, self.model)

        ways = [way("float32")]
        if hardware.precision() == "bf16-mixed":
            ways.append(way("bfloat16"))
        if compiled:
            ways.append(way(min(ways, key=_ms).precision, compiled=True))
        self.act_ms, self.precision, self.compiled, self.model = min(ways, key=_ms)

    def _time(self) -> float:
        """What an act takes, in ms: the median of a few."""
        drive, times = self.begin(), []
        action = self.replayed(drive)
        if action is None:
            action = torch.zeros(self.spec.condition) if self.by_pictures else self.low
        for _ in range(_TIMED_ACTS):
            began = time.perf_counter()
            self.act([drive], [action])[0].cpu()
            times.append((time.perf_counter() - began) * 1e3)
        return statistics.median(times)


class _Way(NamedTuple):
    """A way to compute an act, and what it takes."""

    act_ms: float
    precision: str
    compiled: bool
    model: Model


_ms = operator.attrgetter("act_ms")


def _clips_of(run: Path) -> Path:
    """The store whose clips a model's drives begin from: its own, or the one it was trained on."""
    places = [run / CLIPS, run / "data"]
    if (run / "environment.json").exists():
        trained_on = read_json(run / "environment.json", "where a run was trained").get("data")
        places += [Path(trained_on)] if isinstance(trained_on, str) else []
    for place in places:
        if (place / MANIFEST).is_file():
            return place
    raise InputError(f"{run} does not say where clips to begin from are; expected --data STORE")
