"""A small network that predicts what an action leads to: its reward, and whether the episode ends.

It sees the code of the frame in which the action is taken, and the condition that the action makes.
It does not see the frame that follows: the last action of a recording leads to a frame that was not
recorded, and that is where most episodes end.

Letters: R rows, T frames, G numbers of a code, A condition, D inputs (G + A), U hidden units, K
targets, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .clips import as_floats, to_float
from .errors import InputError
from .model import Model
from .runtime.digests import read_json_with_digest, write_json_with_digest
from .runtime.typed import read_as

FILE = "outcomes.json"
TARGETS = ("reward", "done")

Array = NDArray[Any]

_SCHEMA = "foreframe.outcomes/1"
_HIDDEN, _STEPS, _BATCH, _CHECK_EVERY = 64, 600, 256, 50
_RATE, _DECAY = 3e-3, 1e-2
_FRAMES_AT_ONCE = 64
_DIGITS = 7  # of a weight: all that float32 has


@dataclass(frozen=True)
class Outcome:
    """What an action leads to.

    Attributes:
        reward: None if no reward was recorded.
        end: the probability that the episode ends; None if no end was recorded.
    """

    reward: float | None
    end: float | None

    @property
    def terminated(self) -> bool:
        return self.end is not None and self.end > 0.5


@dataclass(frozen=True)
class Rows:
    """What a head is fitted to.

    Attributes:
        inputs: codes beside conditions [R, D].
        targets: [R, K].
    """

    inputs: Array
    targets: Array


class OutcomeHead:
    """A map from a code and a condition to a reward and the logit of an end.

    Attributes:
        targets: which of `TARGETS` it predicts, in their order.
        error: of each target on held-out episodes: the root mean squared error of a reward in its
            standard deviations, the share of steps whose end is told wrong.
    """

    def __init__(
        self,
        targets: Sequence[str],
        scale: Array,
        reward_scale: tuple[float, float],
        layers: Sequence[Array],
        error: Sequence[float] = (),
    ) -> None:
        """`scale` [2, D] is mean and deviation of each input, `reward_scale` those of the reward.

        `layers` are the weights [D, U] and biases [U] of the hidden layer, and [U, K] and [K].
        """
        self.targets, self.error = tuple(targets), tuple(error)
        self._scale = np.asarray(scale, np.float64)
        self._reward_scale = reward_scale
        self._layers = [np.asarray(layer, np.float64) for layer in layers]

    @classmethod
    def fit(cls, train: Rows, held_out: Rows, targets: Sequence[str], seed: int = 0) -> OutcomeHead:
        """Fit to rows; of all the moments of the training the best on `held_out` is kept."""
        std = train.inputs.std(0)
        scale = np.stack([train.inputs.mean(0), np.where(std > 1e-8, std, 1.0)])
        reward_scale = (0.0, 1.0)
        if "reward" in targets:
            rewards = train.targets[:, targets.index("reward")]
            reward_scale = (float(rewards.mean()), float(rewards.std()) or 1.0)
        blank = cls(targets, scale, reward_scale, ())
        layers = blank._trained(train, held_out, seed)
        fitted = cls(targets, scale, reward_scale, layers)
        return cls(targets, scale, reward_scale, layers, fitted._errors(held_out))

    def predict(self, code: Array, condition: Array) -> Outcome:
        """Return what an action leads to, from a code [G] and a condition [*A]."""
        found = self._outputs(inputs_of(code[None], condition[None]))[0]
        said = dict(zip(self.targets, found.tolist(), strict=True))
        mean, std = self._reward_scale
        return Outcome(
            mean + std * said["reward"] if "reward" in said else None,
            _probability(said["done"]) if "done" in said else None,
        )

    @property
    def inputs(self) -> int:
        """D, how many numbers it sees."""
        return self._scale.shape[1]

    def _outputs(self, inputs: Array) -> Array:
        """[R, D] to standardised rewards and logits of an end [R, K]."""
        enter, enter_bias, leave, leave_bias = self._layers
        hidden = (inputs - self._scale[0]) / self._scale[1] @ enter + enter_bias
        found: Array = np.tanh(hidden) @ leave + leave_bias
        return found

    def _trained(self, train: Rows, held_out: Rows, seed: int) -> list[Array]:
        """Return the layers with the least loss on held-out rows."""
        x, y = self._tensors(train)
        seen = self._tensors(held_out)
        chance = torch.Generator().manual_seed(seed)
        layers = [
            torch.randn(x.shape[1], _HIDDEN, generator=chance) / x.shape[1] ** 0.5,
            torch.zeros(_HIDDEN),
            torch.zeros(_HIDDEN, len(self.targets)),
            torch.zeros(len(self.targets)),
        ]
        for layer in layers:
            layer.requires_grad_()
        optimiser = torch.optim.AdamW(layers, lr=_RATE, weight_decay=_DECAY)
        best, kept = float("inf"), [layer.detach().clone() for layer in layers]
        for step in range(1, _STEPS + 1):
            chosen = torch.randint(len(x), (min(_BATCH, len(x)),), generator=chance)
            optimiser.zero_grad()
            self._loss(layers, x[chosen], y[chosen]).backward()
            optimiser.step()
            if step % _CHECK_EVERY == 0:
                with torch.no_grad():
                    loss = float(self._loss(layers, *seen))
                if loss < best:
                    best, kept = loss, [layer.detach().clone() for layer in layers]
        return [layer.double().numpy() for layer in kept]

    def _tensors(self, rows: Rows) -> tuple[Tensor, Tensor]:
        """Standardised inputs [R, D] and targets [R, K], where an end is 0 or 1."""
        inputs = (rows.inputs - self._scale[0]) / self._scale[1]
        targets = rows.targets.astype(np.float64).copy()
        if "reward" in self.targets:
            place = self.targets.index("reward")
            targets[:, place] = (targets[:, place] - self._reward_scale[0]) / self._reward_scale[1]
        return torch.from_numpy(inputs).float(), torch.from_numpy(targets).float()

    def _loss(self, layers: Sequence[Tensor], inputs: Tensor, targets: Tensor) -> Tensor:
        enter, enter_bias, leave, leave_bias = layers
        found = torch.tanh(inputs @ enter + enter_bias) @ leave + leave_bias
        losses: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
            "reward": nn.functional.mse_loss,
            "done": nn.functional.binary_cross_entropy_with_logits,
        }
        parts = [
            losses[name](found[:, place], targets[:, place])
            for place, name in enumerate(self.targets)
        ]
        return torch.stack(parts).sum()

    def _errors(self, rows: Rows) -> list[float]:
        found = self._outputs(rows.inputs)
        _, targets = self._tensors(rows)
        wanted = targets.double().numpy()
        each: dict[str, Callable[[Array, Array], Any]] = {
            "reward": lambda a, b: np.sqrt(np.square(a - b).mean()),
            "done": lambda a, b: ((a > 0) != (b > 0.5)).mean(),
        }
        return [
            round(float(each[name](found[:, place], wanted[:, place])), 4)
            for place, name in enumerate(self.targets)
        ]

    def save(self, folder: Path) -> None:
        """Write `outcomes.json` beside a model."""
        plain = {
            "schema": _SCHEMA,
            "targets": list(self.targets),
            "scale": _rounded(self._scale),
            "reward_scale": list(self._reward_scale),
            "enter": _rounded(self._layers[0]),
            "enter_bias": _rounded(self._layers[1]),
            "leave": _rounded(self._layers[2]),
            "leave_bias": _rounded(self._layers[3]),
            "error": list(self.error),
        }
        write_json_with_digest(folder / FILE, plain)


@torch.no_grad()
def codes_of(model: Model, frames: Tensor, conditions: Tensor) -> Array:
    """Return the codes of frames uint8 [T, C, H, W] with their conditions [T, *A]: [T, G]."""
    device = next(iter(model.state_dict().values())).device
    found = []
    for some, known in zip(
        frames.split(_FRAMES_AT_ONCE), conditions.split(_FRAMES_AT_ONCE), strict=True
    ):
        embedded = model.embed(as_floats(known[None].to(device)))
        code = model.encode(to_float(some[None].to(device)), embedded).code
        found.append(code[0].flatten(1).float().cpu().numpy())
    return np.concatenate(found)


def load_outcome_head(folder: Path) -> OutcomeHead | None:
    """Load the head of a run, if it has one.

    Raises:
        InputError: the file was damaged or edited.
    """
    if not (folder / FILE).exists():
        return None
    found = read_json_with_digest(folder / FILE, "a head for rewards and ends", _SCHEMA)
    head = read_as(_Written, found, str(folder / FILE))
    inputs, hidden, targets = len(head.enter), len(head.enter_bias), len(head.targets)
    if (
        not head.targets
        or not set(head.targets) <= set(TARGETS)
        or len(set(head.targets)) != targets
        or any(len(row) != inputs for row in head.scale)
        or any(len(row) != hidden for row in head.enter)
        or len(head.leave) != hidden
        or any(len(row) != targets for row in (*head.leave, head.leave_bias))
    ):
        raise InputError(
            f"{folder / FILE} lacks or garbles the weights from {inputs} inputs to "
            f"{', '.join(head.targets) or 'nothing'}; expected what foreframe wrote: train again"
        )
    layers = [np.asarray(head.enter).reshape(inputs, hidden), np.asarray(head.enter_bias)]
    layers += [np.asarray(head.leave).reshape(hidden, targets), np.asarray(head.leave_bias)]
    return OutcomeHead(head.targets, np.asarray(head.scale), head.reward_scale, layers, head.error)


def inputs_of(codes: Array, conditions: Array) -> Array:
    """Return what a head sees [R, D]: codes, beside conditions [R, *A] unless they are pictures."""
    return codes if conditions.ndim == 4 else np.concatenate([codes, conditions], 1)


def _probability(logit: float) -> float:
    """The logistic function, without overflow."""
    return float(0.5 * (1 + np.tanh(0.5 * logit)))


def _rounded(values: Array) -> Any:
    return np.vectorize(lambda v: float(f"{v:.{_DIGITS}g}"), otypes=[float])(values).tolist()


@dataclass(frozen=True)
class _Written:
    """A head as JSON has it."""

    targets: tuple[str, ...]
    scale: tuple[tuple[float, ...], tuple[float, ...]]
    reward_scale: tuple[float, float]
    enter: tuple[tuple[float, ...], ...]
    enter_bias: tuple[float, ...]
    leave: tuple[tuple[float, ...], ...]
    leave_bias: tuple[float, ...]
    error: tuple[float, ...] = ()
