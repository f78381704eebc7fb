"""Simulations that are drawn anew when they go wrong, and say how often."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from ...errors import InputError
from ..sources.recording import Recording

_ATTEMPTS = 20
_FUTURE = 0xF0  # the number of the futures' streams, beyond those of an attempt
_STREAMS = 4  # independent random streams of an attempt: looks, physics, will, chance

Played = TypeVar("Played")


def first_valid(
    attempt: Callable[[Sequence[np.random.SeedSequence]], tuple[Recording, str]],
    seed: int,
    index: int,
    what: str,
) -> Recording:
    """The first recording without trouble; its facts say the seed that made it and what went wrong
    before.

    `attempt` makes a recording from random streams, and says in a word what went wrong with it, if
    anything did. The streams depend on (seed, index) and the number of the attempt alone.

    Raises:
        InputError: it went wrong every time.
    """
    discarded: list[str] = []
    for number in range(_ATTEMPTS):
        recording, trouble = attempt(np.random.SeedSequence((seed, index, number)).spawn(_STREAMS))
        if not trouble:
            recording.facts = {
                **recording.facts,
                "seed": [seed, index, number],
                "discarded": discarded,
            }
            return recording
        discarded.append(trouble)
    raise InputError(
        f"{what} {index} of seed {seed} failed {_ATTEMPTS} times ({discarded}); take another seed"
    )


def valid_future(
    attempt: Callable[[np.random.Generator], tuple[Played, str]],
    stream: np.random.SeedSequence,
    number: int,
) -> tuple[Played, list[str]]:
    """Return future `number` of an episode, drawn anew while it goes wrong, and what went wrong.

    `attempt` plays a future with the given chance, and says in a word what went wrong with it, if
    anything did. Chance depends on the episode's `stream`, `number` and the attempt alone.

    Raises:
        InputError: it went wrong every time.
    """
    discarded: list[str] = []
    for tried in range(_ATTEMPTS):
        key = (*stream.spawn_key, _FUTURE, number, tried)
        own = np.random.SeedSequence(stream.entropy, spawn_key=key)
        played, trouble = attempt(np.random.default_rng(own))
        if not trouble:
            return played, discarded
        discarded.append(trouble)
    raise InputError(
        f"future {number} of an episode failed {_ATTEMPTS} times ({discarded}); take another seed"
    )
