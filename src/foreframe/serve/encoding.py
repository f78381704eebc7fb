"""Encode animations in separate processes: few at a time, each for a limited time.

A process ends when its client leaves. It is started as

    python -m foreframe.serve.encoding SUFFIX FRAMES_PER_S GIVEN TITLE < frames.npy > animation

Letters: T frames, H height, W width, C channels.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import sys

import numpy as np

from ..errors import InputError
from ..viz.clips import Track, animation

_AT_ONCE = 2
_MOST_WAITING = 8
_MOST_S = 120.0
_ZOOM = 4
_MOST_BYTES = 1 << 30


class Encoders:
    """Processes that encode animations, at most `at_once`; a few more requests may wait."""

    def __init__(self, at_once: int = _AT_ONCE) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._there = 0
        self._most = at_once + _MOST_WAITING

    async def encode(self, track: Track, suffix: str, frames_per_second: float) -> bytes:
        """Return an animation as the content of a file; its process ends if this is cancelled.

        Raises:
            InputError: too many animations are being encoded, this one takes too long, or its
                suffix cannot be written.
        """
        if self._there >= self._most:
            raise InputError("too many animations are being written; try again in a minute")
        self._there += 1
        try:
            async with self._free:
                return await _encoded(track, suffix, frames_per_second)
        finally:
            self._there -= 1


async def _encoded(track: Track, suffix: str, frames_per_second: float) -> bytes:
    content = io.BytesIO()
    np.save(content, track.frames, allow_pickle=False)
    words = [suffix, repr(frames_per_second), str(track.given), track.title]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__, *words),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_MOST_S):
            found, error = await process.communicate(content.getvalue())
    except TimeoutError:
        raise InputError(
            f"writing {suffix} took more than {_MOST_S:.0f} s; "
            "reset sooner, or save the drive as a clip"
        ) from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        raise InputError(error.decode(errors="replace").strip().splitlines()[-1][:300])
    return found


def main(suffix: str, frames_per_second: str, given: str, title: str) -> None:
    """Encode the frames on standard input, and write the animation to standard output."""
    with contextlib.suppress(AttributeError, OSError):
        os.nice(10)  # driving goes first
    frames = np.load(io.BytesIO(sys.stdin.buffer.read(_MOST_BYTES)), allow_pickle=False)
    made = animation([Track(title, frames, int(given))], suffix, float(frames_per_second), _ZOOM)
    sys.stdout.buffer.write(made)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (InputError, OSError, ValueError) as problem:
        sys.exit(str(problem))
