"""Which columns of an action move the picture, and where to: what the keys of a driver are given.

Letters: U steered numbers, S steps, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .drive import Drive
from .simulator import Simulator

Array = NDArray[Any]

_STARTS = 3  # that each column is tried from
_STEPS = 4  # that each of its extremes is held for
_MOST_COLUMNS = 32  # that are tried
_AT_ONCE = 16  # drives in one step of the model
_SMOOTH = 0.9  # correlation of successive values from which on a column is a position
_USUAL = 0.95  # the share of recorded steps that a key's step is at least as large as
_UNITS = frozenset(
    {"m", "mm", "cm", "km", "rad", "deg", "px", "s", "ms", "frames", "mps", "kmh", "rpm", "percent"}
)


@dataclass(frozen=True)
class Effect:
    """What happens to the picture when a column goes from its smallest value to its largest.

    Attributes:
        change: the root mean squared difference of the two pictures, of colours in [0, 1].
        right: how far the changed pixels are further right, in widths of the picture.
        down: how far they are further down, in heights of the picture.
    """

    change: float = 0.0
    right: float = 0.0
    down: float = 0.0


@dataclass(frozen=True)
class Axis:
    """The column of a pair of keys.

    Attributes:
        column: its name.
        sign: 1 if the key for right or down raises it, -1 if it lowers it.
    """

    column: str
    sign: int = 1


@dataclass(frozen=True)
class Hand:
    """Two columns that are steered by one hand: four keys, a pad or a stick.

    Attributes:
        across: the column of left and right.
        along: the column of up and down; None if there is no second column that moves.
    """

    across: Axis
    along: Axis | None = None


def moving(simulator: Simulator) -> list[str]:
    """Return the names of the steered columns that are not constant in the training split."""
    names = [simulator.spec.names[i] for i in simulator.steered]
    return [
        name
        for name, low, high in zip(names, simulator.low, simulator.high, strict=True)
        if low < high
    ]


def hands(simulator: Simulator) -> list[Hand]:
    """Return the columns of the arrow keys and of W, A, S and D.

    They are those that the world of the clips names, then those that move the picture most.
    Constant columns are left out; a second hand needs at least three that move.
    """
    if simulator.by_pictures:
        return []
    there, said = moving(simulator), simulator.steering
    first = [said[way] for way in ("right", "down") if said.get(way) in there]
    if len(first) == 2:
        rest = [name for name in there if name not in first][:2]
        second = [Hand(Axis(rest[0]), *(Axis(name, -1) for name in rest[1:]))] if rest else []
        return [Hand(*map(Axis, first)), *second]
    found = effects(simulator)
    ranked = sorted(there, key=lambda name: -found.get(name, Effect()).change)[:4]
    return [_oriented(ranked[k : k + 2], found) for k in range(0, len(ranked), 2)]


def effects(simulator: Simulator) -> Mapping[str, Effect]:
    """Measure with the model what each moving column does to the picture.

    From a few clips, every extreme of a column is held for a few frames, the other columns staying
    at the clip's last action.
    """
    names = [simulator.spec.names[i] for i in simulator.steered]
    tried = [names.index(name) for name in moving(simulator)][:_MOST_COLUMNS]
    count = min(_STARTS, len(simulator.starts))
    found = [_effects_from(simulator, start, tried) for start in range(count)]
    return {
        names[column]: Effect(*(float(x) for x in np.mean([each[n] for each in found], 0)))
        for n, column in enumerate(tried)
    }


def steps(simulator: Simulator) -> Array:
    """Return how far a key moves each column per frame [U]; 0 for those that spring back.

    A column whose values follow each other smoothly in the recordings is a position: a key moves it
    by a usual step, and it stays there. Any other is a command, which lasts as long as the key.
    """
    recorded = [s.conditions.numpy()[:, simulator.steered] for s in simulator.starts]
    found = np.zeros(len(simulator.steered), np.float32)
    for column in range(len(found)):
        pairs = np.concatenate([np.stack([r[:-1, column], r[1:, column]], 1) for r in recorded])
        if min(pairs.std(0), default=0.0) > 0 and np.corrcoef(pairs.T)[0, 1] >= _SMOOTH:
            found[column] = np.quantile(np.abs(pairs[:, 1] - pairs[:, 0]), _USUAL)
    return found


def units(simulator: Simulator) -> list[str]:
    """Return the unit of each steered column, as the source or the name says; empty if unknown."""
    said = [
        unit
        for column in simulator.columns.values()
        for unit in (column.units or [""] * len(column.names))
    ]
    return [said[i] or _unit_of(simulator.spec.names[i]) for i in simulator.steered]


def _unit_of(name: str) -> str:
    """Return the unit that a name ends with: `dx_m` is in m."""
    _, mark, last = name.rpartition("_")
    return last if mark and last in _UNITS else ""


def _oriented(names: list[str], found: Mapping[str, Effect]) -> Hand:
    """Return a hand of one or two columns: left and right move what they move sideways."""
    if len(names) == 1:
        return Hand(_axis(names[0], found[names[0]].right))
    one, other = names
    a, b = found[one], found[other]
    if abs(a.right) + abs(b.down) < abs(a.down) + abs(b.right):
        one, other = other, one
    return Hand(_axis(one, found[one].right), _axis(other, found[other].down))


def _axis(name: str, towards: float) -> Axis:
    return Axis(name, -1 if towards < 0 else 1)


def _effects_from(simulator: Simulator, start: int, tried: list[int]) -> Array:
    """Return change, right and down of each tried column, from one clip [len(tried), 3]."""
    begun = simulator.begin(start)
    begun.session.noise.temperature = 0.0
    before = begun.session.frames[0, 0].float().cpu()
    last = begun.start.conditions[simulator.n_past - 1].numpy()[simulator.steered]
    actions = []
    for column in tried:
        for extreme in (simulator.low, simulator.high):
            action = last.copy()
            action[column] = extreme[column]
            actions.append(action)
    seen = [picture for part in _parts(actions) for picture in _held(simulator, begun, part)]
    return np.array(
        [_compared(before, low, high) for low, high in zip(seen[::2], seen[1::2], strict=True)]
    ).reshape(len(tried), 3)


def _parts(actions: list[Array]) -> Iterable[list[Array]]:
    return (actions[k : k + _AT_ONCE] for k in range(0, len(actions), _AT_ONCE))


def _held(simulator: Simulator, begun: Drive, actions: list[Array]) -> list[Tensor]:
    """Return the picture [C, H, W] after each action was held, with the means of z."""
    drives = [Drive(begun.start, begun.session.fork(), begun.n_past, 0) for _ in actions]
    for _ in range(_STEPS):
        seen = simulator.act(drives, actions)
    return [futures[0].float().cpu() for futures in seen]


def _compared(before: Tensor, low: Tensor, high: Tensor) -> tuple[float, float, float]:
    change = float((high - low).square().mean().sqrt())
    (x0, y0), (x1, y1) = _centre(before, low), _centre(before, high)
    return change, x1 - x0, y1 - y0


def _centre(before: Tensor, now: Tensor) -> tuple[float, float]:
    """Return the centre (x, y) of what changed, each in [0, 1]; the middle if nothing did."""
    change = (now - before).abs().sum(0)
    change = torch.where(change > change.max() / 4, change, 0)
    total = float(change.sum())
    if total <= 0:
        return 0.5, 0.5
    rows, columns = change.sum(1), change.sum(0)
    y, x = (
        float((part * torch.linspace(0, 1, len(part))).sum()) / total for part in (rows, columns)
    )
    return x, y
