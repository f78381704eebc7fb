"""The pictures of a video at given times. Needs PyAV (extra `video`)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ...errors import InputError
from ..sources.pixels import PixelScale
from ._videos import _aspect, _av, _bound, _broken, _sane, _shown, opened_video

Array = NDArray[Any]

_NEAR = 0.75  # of the usual step of the rows: how far a picture may be from its row


def pictures_at(
    file: Path, times_s: Array, step_s: float, where: str, scale: PixelScale | None = None
) -> Iterator[Array]:
    """Yield the picture nearest to each time, uint8 [H, W, 3].

    Times count from the video's first picture and grow. Grey of more than 8 bits needs a `scale`.

    Raises:
        InputError: a time without a picture near it, or two times with the same one.
    """
    start_s = float(times_s[0]) - step_s if len(times_s) else 0.0
    frames = _timed(file, start_s, where, scale) if len(times_s) else iter(())
    before, after = None, next(frames, None)
    last: Any = None
    for row, time in enumerate(times_s.tolist()):
        while after is not None and after[0] <= time:
            before, after = after, next(frames, None)
        near = [found for found in (before, after) if found is not None]
        nearest = min(near, key=lambda found: abs(found[0] - time), default=None)
        if nearest is None or abs(nearest[0] - time) > _NEAR * step_s:
            raise _missing(row, len(times_s), time, after is None, where)
        if nearest is last:
            raise InputError(
                f"{where} shows the same picture for rows {row - 1} and {row}; "
                "expected a picture per row: "
                "its rate is below that of the rows"
            )
        last = nearest
        yield nearest[1]()


def _missing(row: int, rows: int, time: float, ended: bool, where: str) -> InputError:
    what = (
        f"ends after {row} frames; expected {rows}, as many as its table has rows"
        if ended
        else f"has no picture near {time:.3f} s; expected that of row {row}"
    )
    return InputError(f"{where} {what}: fetch it again, or say --skip-bad to leave the episode out")


def _timed(
    file: Path, start_s: float, where: str, scale: PixelScale | None
) -> Iterator[tuple[float, Callable[[], Array]]]:
    """Yield the time of each picture since the first, from `start_s` on, and a function that makes
    its numbers.
    """
    av = _av()
    count = 0
    try:
        with opened_video(file) as container:
            stream = container.streams.video[0]
            _sane(stream.codec_context.width, stream.codec_context.height, where)
            _bound(stream)
            aspect = _aspect(stream)
            rate = float(stream.average_rate or 30)
            first = float((stream.start_time or 0) * stream.time_base) if stream.time_base else 0.0
            if start_s > 0 and stream.time_base:
                container.seek(int((start_s + first) / stream.time_base), stream=stream)
            for frame in container.decode(stream):
                time = count / rate if frame.time is None else frame.time - first
                count += 1
                if time >= start_s:
                    yield time, functools.partial(_shown, frame, aspect, where, scale)
    except (av.error.FFmpegError, OSError, IndexError, ValueError) as error:
        raise _broken(where, count, error) from None
