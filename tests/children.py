"""Processes that tests start.

They take Ctrl-C whatever shell began the tests, and none is waited for without end.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence
from typing import Any

PATIENCE_S = 240


def heed_interrupts() -> None:
    """Take SIGINT again: a shell that starts a job in the background has it ignored, and children
    inherit that.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


def start(command: Sequence[str], **options: Any) -> subprocess.Popen[str]:
    """Start a program that takes SIGINT, with text pipes."""
    return subprocess.Popen(command, text=True, preexec_fn=heed_interrupts, **options)


def finish(process: subprocess.Popen[str], seconds: float = PATIENCE_S) -> str:
    """Wait for a program to end, and return what it wrote to the pipe it has (output before
    errors).

    Raises:
        subprocess.TimeoutExpired: it took longer; it was killed.
    """
    try:
        output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return (output or "") + (errors or "")
