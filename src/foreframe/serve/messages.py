"""The messages of a page and the pictures it is sent; anything that fits no type is refused.

Letters: U steered numbers, J joints, N samples, C channels, H height, W width.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, unknown

MOST_BYTES = 64 << 10  # of one message
SAMPLES = (1, 4, 9)
_MOST_NUMBERS = 4096
_LARGEST = 1e6


@dataclass(frozen=True)
class Begin:
    """Begin a new drive.

    Attributes:
        simulator: the name of the simulator.
        start: the number of the clip to begin from.
        samples: the number of futures.
        seed: the seed of their random numbers.
    """

    simulator: str
    start: int = 0
    samples: int = 1
    seed: int = 0


@dataclass(frozen=True)
class Resume:
    """Go on with the drive of a connection that was lost.

    Attributes:
        key: the key that the server told that connection.
    """

    key: str


@dataclass(frozen=True)
class Act:
    """Act once, as exactly one of `action`, `joints` and `row` says.

    Attributes:
        seen: the number of the last picture that arrived; a page that falls behind is sent no more.
        action: the steered numbers [U].
        joints: the places of a skeleton's joints in pixels [J, 2].
        row: a row of the recording.
    """

    seen: int
    action: tuple[float, ...] | None = None
    joints: tuple[tuple[float, float], ...] | None = None
    row: int | None = None


@dataclass(frozen=True)
class Undo:
    """Take back a number of steps."""

    steps: int = 1


@dataclass(frozen=True)
class Reseed:
    """Draw another future from here on."""


@dataclass(frozen=True)
class Choose:
    """Go on from one sample, with a number of new futures of it."""

    sample: int = 0
    samples: int = 1


@dataclass(frozen=True)
class Chance:
    """Set the temperature of z, and whether each step gets the same noise."""

    temperature: float = 1.0
    frozen: bool = False


@dataclass(frozen=True)
class Goal:
    """Set a goal: a frame of a clip, or what is seen now if there are neither.

    Attributes:
        start: the number of the clip.
        row: the number of its frame.
    """

    start: int | None = None
    row: int | None = None


@dataclass(frozen=True)
class Seek:
    """Plan from here to the goal."""


Message = Begin | Resume | Act | Undo | Reseed | Choose | Chance | Goal | Seek
_KINDS: dict[str, type[Message]] = {
    kind.__name__.lower(): kind
    for kind in (Begin, Resume, Act, Undo, Reseed, Choose, Chance, Goal, Seek)
}
_OLD_KINDS: dict[str, type[Message]] = {"renew": Reseed}  # accepted until 0.3


def parse_message(text: str) -> Message:
    """Read a message of a page: JSON with its kind as `do`, and its fields.

    >>> parse_message('{"do": "act", "seen": 3, "action": [0, 0.5]}')
    Act(seen=3, action=(0.0, 0.5), joints=None, row=None)

    Raises:
        InputError: the text is anything else.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError("a message is not JSON; expected an object with 'do'") from None
    if not isinstance(found, dict) or not isinstance(found.get("do"), str):
        raise InputError(
            f"a message is {type(found).__name__} without 'do'; expected an object with 'do'"
        )
    word = found.pop("do")
    kind = _KINDS.get(word) or _OLD_KINDS.get(word)
    if kind is None:
        raise InputError(
            f"a message asks for something unknown; expected 'do' to be one of {', '.join(_KINDS)}"
        )
    known = {field.name: str(field.type) for field in fields(kind)}
    for name in found:
        if name not in known:
            raise unknown(f"field of {kind.__name__.lower()}", str(name)[:40], known)
    try:
        said = kind(**{name: _READERS[known[name]](value) for name, value in found.items()})
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{kind.__name__.lower()}: {error}"[:200]) from None
    if isinstance(said, Begin | Choose) and said.samples not in SAMPLES:
        raise InputError(
            f"{said.samples} samples were asked for; expected one of {', '.join(map(str, SAMPLES))}"
        )
    if isinstance(said, Chance) and not 0 <= said.temperature <= 4:
        raise InputError(f"temperature is {said.temperature}; expected 0 to 4")
    if (
        isinstance(said, Act)
        and sum(x is not None for x in (said.action, said.joints, said.row)) != 1
    ):
        raise InputError("an act needs exactly one of action, joints and row")
    if isinstance(said, Goal) and (said.start is None) != (said.row is None):
        raise InputError("a goal needs both start and row, or neither for what is seen now")
    return said


def _integer(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 53:
        raise ValueError(f"got {_shown(value)}, expected a whole number from 0 on")
    return value


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not abs(value) <= _LARGEST:
        raise ValueError(f"got {_shown(value)}, expected a number of at most {_LARGEST:g}")
    return float(value)


def _shown(value: Any) -> str:
    """Return a value in short, or only the type of a list or an object, which may be nested."""
    return type(value).__name__ if isinstance(value, list | dict) else repr(str(value)[:40])


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 200:
        raise ValueError("expected a short text")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("expected true or false")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > _MOST_NUMBERS:
        raise ValueError(f"expected a list of at most {_MOST_NUMBERS}")
    return value


def _pair(value: Any) -> tuple[float, float]:
    x, y = (_number(v) for v in _list(value))
    return x, y


_READERS: dict[str, Any] = {
    "int": _integer,
    "float": _number,
    "bool": _flag,
    "str": _text,
    "int | None": _integer,
    "tuple[float, ...] | None": lambda value: tuple(_number(v) for v in _list(value)),
    "tuple[tuple[float, float], ...] | None": lambda value: tuple(_pair(v) for v in _list(value)),
}


def picture(head: dict[str, Any], parts: list[NDArray[np.uint8]]) -> bytes:
    """Return a binary message of a head and pictures.

    It is the length of the JSON head (4 bytes, big-endian), the head, and the pictures' bytes.
    """
    text = json.dumps(head).encode()
    return b"".join([struct.pack(">I", len(text)), text, *(part.tobytes() for part in parts)])
