"""Stopping well: SIGTERM and Ctrl-C end a run after the step at hand, with its state saved."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from typing import Any


class Stop:
    """`signal` is the number of the signal that came; 0 while none did."""

    signal = 0


@contextlib.contextmanager
def stopping() -> Iterator[Stop]:
    """Note the first SIGTERM or SIGINT; a second one ends the process at once. What is ignored stays ignored (nohup, workers)."""
    stop = Stop()

    def note(number: int, frame: Any) -> None:
        if stop.signal:
            raise KeyboardInterrupt
        stop.signal = number

    before = {}
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(ValueError):  # not in the main thread
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, note)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
