"""Stop well: after SIGTERM or Ctrl-C the current step is finished and the state saved."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType


@dataclass
class StopRequest:
    """A signal that asked the process to stop.

    Attributes:
        signal: number of the signal; 0 while none came.
    """

    signal: int = 0


@contextlib.contextmanager
def catch_stop_signals() -> Iterator[StopRequest]:
    """Record the first SIGTERM or SIGINT; a second one interrupts at once.

    A signal that is ignored stays ignored, as under nohup and in worker processes.
    """
    request = StopRequest()

    def record(number: int, frame: FrameType | None) -> None:
        if request.signal:
            raise KeyboardInterrupt
        request.signal = number

    before = {}
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(ValueError):  # not in the main thread
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, record)
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
