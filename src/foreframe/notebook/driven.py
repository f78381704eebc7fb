"""A session that a cell drives: the messages of the page, with undo, and without a server.

Letters: A condition, C channels, H height, W width.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from ..clips import ClipSpec, to_uint8
from ..errors import InputError
from ..serve.connection import FULL_SPREAD, seen
from ..serve.messages import SAMPLES, Act, Chance, Choose, Reseed, Undo, parse_message
from ..session import Session
from ..simulate import Drive, Start
from ..simulate.steering import Axis, Hand

_HANDS = 2


class Driven:
    """A session in the hands of a cell; the session that was given stays where it is.

    Attributes:
        drive: the way since then, with undo and a recording.
    """

    def __init__(self, session: Session, seed: int = 0) -> None:
        """Begin where a session stands.

        Raises:
            InputError: it has no start, several clips, or label images as conditions.
        """
        spec = session.model.spec
        clips = session.point.clips if session.is_begun else 0
        if clips != 1:
            what = f"{clips} clips" if clips else "no start yet"
            raise InputError(
                f"the session has {what}; expected one clip that it was reset with: "
                "session.reset(frames[:1], conditions[:1], Noise([0], samples=4))"
            )
        if not spec.names:
            raise InputError(
                "the session is steered by label images; expected numbers: drive it on the page, "
                "`foreframe play RUN`"
            )
        unmoved = torch.tensor([[_rest(*span) for span in _spans(spec)]])
        start = Start("session", to_uint8(session.frames[:, 0]).cpu(), unmoved, None)
        self.drive = Drive(start, session.fork(), n_past=1, seed=seed)
        if session.samples not in SAMPLES:
            self.drive.choose(0, max(n for n in SAMPLES if n <= session.samples))

    @property
    def about(self) -> dict[str, Any]:
        """What the cell has to know before it shows anything."""
        spec = self.drive.session.model.spec
        _, height, width = spec.frame
        columns = [
            {"name": name, "low": low, "high": high, "mean": _rest(low, high, mean)}
            for name, (low, high, mean) in zip(spec.names, _spans(spec), strict=True)
        ]
        return {
            "frame": [height, width],
            "columns": [{**column, "unit": "", "step": 0} for column in columns],
            "hands": [asdict(hand) for hand in _hands(spec.names, spec.low, spec.high)],
            "frames_per_second": spec.frames_per_second,
            "samples": list(SAMPLES),
            "full_spread": FULL_SPREAD,
        }

    def answer(self, message: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Do what a cell asks, and return the head and the pictures to show.

        Raises:
            InputError: the message is none that a cell sends.
        """
        if message.get("do") != "look":
            self._do(parse_message(json.dumps(message)))
        head, parts = seen(self.drive)
        return head, b"".join(part.tobytes() for part in parts)

    def _do(self, said: object) -> None:
        drive = self.drive
        if isinstance(said, Act) and said.action is not None:
            self._act(torch.tensor(said.action))
        elif isinstance(said, Undo):
            drive.undo(said.steps)
        elif isinstance(said, Reseed):
            drive.reseed()
        elif isinstance(said, Choose) and said.sample < drive.session.samples:
            drive.choose(said.sample, said.samples)
        elif isinstance(said, Chance):
            noise = drive.session.noise
            noise.temperature, noise.frozen = said.temperature, said.frozen
        else:
            raise InputError(f"a cell cannot do {said}; expected act, undo, reseed or choose")

    def _act(self, condition: Tensor) -> None:
        session = self.drive.session
        if condition.shape != session.model.spec.condition:
            raise InputError(
                f"an action has {len(condition)} numbers; "
                f"expected {session.model.spec.condition[0]}"
            )
        self.drive.about_to_act()
        session.act(condition[None].to(session.frames.device))
        self.drive.acted(condition)


def _spans(spec: ClipSpec) -> list[tuple[float, float, float]]:
    """Return the smallest, the largest and the mean value of each number."""
    return list(zip(spec.low, spec.high, spec.mean, strict=True))


def _rest(low: float, high: float, mean: float) -> float:
    """Return where a number rests: at nothing, if it takes that value, or else at its mean."""
    return 0.0 if low <= 0 <= high else mean


def _hands(names: tuple[str, ...], low: tuple[float, ...], high: tuple[float, ...]) -> list[Hand]:
    """Give the first numbers that move to hands, two to each."""
    moving = [Axis(n) for n, a, b in zip(names, low, high, strict=True) if a < b]
    pairs = [moving[k : k + 2] for k in range(0, min(len(moving), 2 * _HANDS), 2)]
    return [Hand(*pair) for pair in pairs]
