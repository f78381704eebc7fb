"""A run as a simulator: its model, clips to begin from, and the numbers to steer.

Letters: B drives, N samples, C channels, H height, W width, A condition, U steered numbers.
"""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .. import models
from ..clips import to_uint8
from ..data import worlds
from ..data.sources.recording import Column
from ..data.store import MANIFEST, ClipStore
from ..errors import InputError, unknown
from ..evaluation.evaluating import check_data
from ..hub import meant_model
from ..nn.precision import cast_weights
from ..noise import Noise
from ..outcome_head import Outcome, OutcomeHead, codes_of, inputs_of, load_outcome_head
from ..plugins import WORLDS
from ..runtime import hardware
from ..runtime.files import read_json
from ..session import Session, step_batch
from ..state_head import FILE as HEAD
from ..state_head import StateHead, load_head
from .drive import Drive
from .starts import Start, starts_of

Array = NDArray[Any]
Precision = Literal["float32", "bfloat16"]

CLIPS = "clips"  # the store in a published model's folder that its drives begin from
_TIMED_ACTS = 7
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class Simulator:
    """A model with clips to begin from, which any number of drives share.

    Attributes:
        name: the name of the run's folder, or of its repository on the hub.
        folder: where the run is.
        starts: the clips to begin from.
        columns: the store's columns that the conditions are made of.
        head: predicts the next states; None if the model is not conditioned on states.
        outcome_head: predicts rewards and ends; None if the model was trained on data without them.
        steered: the indices of the numbers in a condition that the driver chooses: all but those
            that the head predicts.
        precision: the precision that the model computes in.
        compiled: whether the model is compiled with torch.compile.
    """

    def __init__(
        self,
        run: str | Path,
        data: str | Path | None = None,
        compiled: bool = False,
        precision: Precision = "float32",
    ) -> None:
        """Load a run.

        Args:
            run: a run or model folder, or `org/name` on the hub.
            data: a store of clips to begin from; by default the one that the run was trained on.
            compiled: use torch.compile: faster acts, after up to a minute for each number of
                futures side by side.
            precision: the precision to compute in. bfloat16 is faster for large models on hardware
                that supports it (CUDA from Ampere on, AMX; see `foreframe info`), and differs from
                float32 in the last bits of a picture.

        Raises:
            InputError: the folder is not a run; there are no clips, or clips of another kind; there
                is no compiler; the precision is unknown.
        """
        if precision not in _DTYPES:
            raise unknown("precision", precision, _DTYPES)
        address = meant_model(run)
        run = models.folder_of(run, (HEAD, f"{CLIPS}/*"))
        described = models.describe(run)
        store = ClipStore(data if data is not None else _clips_of(run))
        self.folder = run.resolve()
        self.name = address.name if address else self.folder.name
        self.device = hardware.device()
        self.model = models.load(run).to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        check_data(self.model, store, str(run))
        self.spec = self.model.spec
        self.notes: Mapping[str, Any] = described["notes"]
        self.kind: str = described["model"]
        self.n_past = models.trained_clip(described).n_past
        self.starts = starts_of(store, self.spec, self.n_past)
        self.columns: Mapping[str, Column] = store.columns_of(self.spec)
        world = WORLDS.current(str(store.source.get("world")))
        self._world = worlds.world_module(world) if world in WORLDS.names() else None
        self.head = self._head(run)
        self.outcome_head = self._outcome_head(run)
        predicted = set(self.head.indices) if self.head else set()
        self.steered = (
            [i for i in range(self.spec.condition[0]) if i not in predicted]
            if self.spec.names
            else []
        )
        self.precision, self.compiled = precision, compiled
        self._dtype = _DTYPES[precision]
        if self._dtype != torch.float32:
            cast_weights(self.model, self._dtype)
        if compiled:
            hardware.compile_parts(self.model, frozen=True)

    @property
    def by_pictures(self) -> bool:
        """Whether conditions are label images; actions are then label images uint8 [C, H, W]."""
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
        """How a person steers, if the world of the clips says so (see `data.worlds`)."""
        return getattr(self._world, "STEERING", {})

    def label(self, joints: Array) -> Tensor:
        """Draw the label image uint8 [C, H, W] of a skeleton.

        Args:
            joints: the places of its joints in pixels [J, 2].

        Raises:
            InputError: the labels of this simulator are not skeletons, or their skeletons have
                another number of joints.
        """
        expected = len(self.steering.get("joints", ()))
        if not expected or joints.shape != (expected, 2) or not np.isfinite(joints).all():
            raise InputError(
                f"got joints of shape {list(joints.shape)}; "
                f"{self.name} expects {[expected, 2]} finite numbers"
            )
        _, height, width = self.spec.condition
        drawn = self._world.label(joints.clip(-width, 2 * width), height, width)  # type: ignore[union-attr]
        return torch.tensor(drawn).movedim(-1, 0)

    def begin(self, start: int = 0, samples: int = 1, seed: int = 0) -> Drive:
        """Begin a drive from clip `start` with `samples` futures side by side.

        Raises:
            InputError: the clip does not exist, or `samples` is below 1.
        """
        if not 0 <= start < len(self.starts):
            raise InputError(
                f"start {start} does not exist; {self.name} has starts 0 to {len(self.starts) - 1}"
            )
        if samples < 1:
            raise InputError(f"{samples} samples were asked for; expected at least 1")
        clip = self.starts[start]
        session = Session(self.model)
        frames, conditions = (
            x[None, : self.n_past].to(self.device) for x in (clip.frames, clip.conditions)
        )
        with self.autocast():
            session.reset(frames, conditions, Noise([seed], samples))
        return Drive(clip, session, self.n_past, seed)

    def act(self, drives: Sequence[Drive], actions: Sequence[Array | Tensor]) -> list[Tensor]:
        """Act in each drive, and return the futures of each [N, C, H, W], floats in [0, 1].

        Drives with the same `Session.batch_key` share a step of the model.

        Args:
            drives: the drives to act in.
            actions: for each drive the steered numbers [U] in raw units, or a label image.
        """
        conditions = [
            self._condition(drive, action) for drive, action in zip(drives, actions, strict=True)
        ]
        batches: dict[tuple[int, bool], list[int]] = {}
        for number, drive in enumerate(drives):
            batches.setdefault(drive.session.batch_key, []).append(number)
        for numbers in batches.values():
            for number in numbers:
                drives[number].about_to_act()
            with self.autocast():
                step_batch(
                    [drives[n].session for n in numbers],
                    [conditions[n][None].to(self.device) for n in numbers],
                )
            for number in numbers:
                drives[number].acted(conditions[number])
        return [drive.session.frames[0].float() for drive in drives]

    def outcome(self, drive: Drive, action: Array | Tensor) -> Outcome | None:
        """Return what an action would lead to in a drive, for sample 0; None without a head.

        Args:
            drive: the drive, which stays where it is.
            action: the steered numbers [U] in raw units, or a label image.
        """
        if self.outcome_head is None:
            return None
        picture = to_uint8(drive.session.frames[0, :1]).cpu()
        with self.autocast():
            code = codes_of(self.model, picture, drive.latest[1][None])[0]
        return self.outcome_head.predict(code, self._condition(drive, action).numpy())

    def replayed(self, drive: Drive) -> Array | Tensor | None:
        """Return the recorded action for a drive's next step; None after the recording's end."""
        return self.recorded(drive.start, drive.step) if drive.step < len(drive.start) else None

    def frame(self, start: int, row: int) -> Tensor:
        """Return frame `row` of clip `start`, uint8 [C, H, W].

        Raises:
            InputError: there is no such clip or frame.
        """
        if not 0 <= start < len(self.starts) or not 0 <= row < len(self.starts[start]):
            raise InputError(
                f"there is no frame {row} of clip {start}; {self.name} has {len(self.starts)} clips"
            )
        return self.starts[start].frames[row]

    def recorded(self, start: Start, row: int) -> Array | Tensor:
        """Return the action that leads to frame `row` of a recording.

        Raises:
            InputError: the recording ends before that frame.
        """
        if row >= len(start):
            raise InputError(
                f"the recording has no frame {row}; it ends after frame {len(start) - 1}"
            )
        condition = start.conditions[row]
        return condition if self.by_pictures else condition.numpy()[self.steered]

    def checked(self, action: Array | Tensor) -> Tensor:
        """Return an action as a tensor: numbers as float32, a label image as uint8.

        Raises:
            InputError: the action has another shape, or holds NaN or infinity; a label image has
                floats outside [0, 1].
        """
        given = torch.as_tensor(action)
        expected = self.spec.condition if self.by_pictures else (len(self.steered),)
        if given.shape != expected or not torch.isfinite(given).all():
            raise InputError(
                f"an action has shape {list(given.shape)}; expected {list(expected)} finite numbers"
            )
        return label_bytes(given) if self.by_pictures else given.float()

    def _condition(self, drive: Drive, action: Array | Tensor) -> Tensor:
        """Return the next condition [*A], from an action and the states that the head predicts."""
        given = self.checked(action)
        if self.by_pictures or self.head is None:
            return given
        whole = np.zeros(self.spec.condition[0], np.float32)
        whole[self.steered] = given.numpy()
        before, now = drive.latest
        whole[list(self.head.indices)] = self.head.following(before.numpy(), now.numpy())
        return torch.from_numpy(whole)

    def _head(self, run: Path) -> StateHead | None:
        head = load_head(run)
        if (
            head is None
            and self.spec.uses_future_state
            and any(c.role != "state" for c in self.columns.values())
        ):
            raise InputError(
                f"{run} is conditioned on states and has no head that predicts them "
                "(it was trained by an older version, or never to its end): "
                "the same `foreframe train` command again fits one"
            )
        return head

    def _outcome_head(self, run: Path) -> OutcomeHead | None:
        """Load the head for rewards and ends, and check that it sees what the model gives."""
        head = load_outcome_head(run)
        if head is None:
            return None
        start = self.starts[0]
        code = codes_of(self.model, start.frames[:1], start.conditions[:1])
        given = inputs_of(code, start.conditions[:1].numpy()).shape[1]
        if given != head.inputs:
            raise InputError(
                f"{run}: the head for rewards and ends sees {head.inputs} numbers; expected "
                f"{given}, as the model gives: it is of another model, train again"
            )
        return head

    def autocast(self) -> torch.autocast:
        """Return the context in which the model computes in its precision."""
        enabled = self._dtype != torch.float32
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)

    @functools.cached_property
    def act_ms(self) -> float:
        """The median time of an act in ms, measured at the first access."""
        drive, times = self.begin(), []
        action = self.replayed(drive)
        if action is None:
            black = torch.zeros(self.spec.condition, dtype=torch.uint8)
            action = black if self.by_pictures else self.low
        for _ in range(_TIMED_ACTS):
            began = time.perf_counter()
            self.act([drive], [action])[0].cpu()
            times.append((time.perf_counter() - began) * 1e3)
        return statistics.median(times)


def label_bytes(label: Tensor) -> Tensor:
    """Return a label image of bytes or of floats in [0, 1] as bytes.

    Raises:
        InputError: there are floats outside [0, 1].
    """
    if label.dtype == torch.uint8:
        return label
    low, high = (float(bound) for bound in label.aminmax())
    if low < 0 or high > 1:
        raise InputError(
            f"a label image has values from {low:g} to {high:g}; "
            "expected bytes, or floats in [0, 1]"
        )
    return to_uint8(label)


def _clips_of(run: Path) -> Path:
    """Return the store whose clips drives begin from.

    It is the one in the model's folder, or the one that the model was trained on.
    """
    places = [run / CLIPS, run / "data"]
    if (run / "environment.json").exists():
        found = read_json(run / "environment.json", "where a run was trained")
        trained_on = found.get("data") if isinstance(found, dict) else None
        places += [Path(trained_on)] if isinstance(trained_on, str) else []
    for place in places:
        if (place / MANIFEST).is_file():
            return place
    raise InputError(f"{run} does not say where clips to begin from are; expected --data STORE")
