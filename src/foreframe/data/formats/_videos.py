"""Pictures out of videos and GIFs, one after the other. Videos need PyAV (extra `video`)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError

Array = NDArray[Any]

VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".gif")


def pictures(file: Path) -> Iterator[Array]:
    """All pictures of a video or a GIF, uint8 [H, W, 3], decoded as they are asked for."""
    return _gif(file) if file.suffix.lower() == ".gif" else _frames(str(file), str(file))


def decoded(video: Path | bytes, frames: int, where: str, start_s: float = 0.0) -> Iterator[Array]:
    """Exactly `frames` pictures of a video from `start_s` seconds on, uint8 [H, W, 3]; an error if there are fewer."""
    source = io.BytesIO(video) if isinstance(video, bytes) else str(video)
    count = 0
    for picture in _frames(source, where, start_s):
        if count == frames:
            return
        yield picture
        count += 1
    if count < frames:
        raise InputError(
            f"{where} ends after {count} frames; expected {frames}, as many as its table has rows: "
            "fetch it again, or say --skip-bad to leave the episode out"
        )


def rate(file: Path) -> float | None:
    """Frames a second, where the file says so."""
    if file.suffix.lower() == ".gif":
        return 1000 / _gif_period_ms(_durations_ms(file))
    av = _av()
    try:
        with av.open(str(file)) as container:
            found = container.streams.video[0].average_rate
            return float(found) if found else None
    except (av.error.FFmpegError, OSError, IndexError) as error:
        raise _broken(str(file), 0, error) from None


def _frames(source: str | io.BytesIO, where: str, start_s: float = 0.0) -> Iterator[Array]:
    av = _av()
    count = 0
    try:
        with av.open(source) as container:
            stream = container.streams.video[0]
            first = start_s - 0.5 / float(
                stream.average_rate or 30
            )  # half a frame of slack for rounded times
            if start_s > 0:
                container.seek(int(start_s / stream.time_base), stream=stream)
            for frame in container.decode(stream):
                if start_s > 0 and frame.time is not None and frame.time < first:
                    continue
                yield frame.to_ndarray(format="rgb24")
                count += 1
    except (av.error.FFmpegError, OSError, IndexError, ValueError) as error:
        raise _broken(where, count, error) from None


def _broken(where: str, count: int, error: Exception) -> InputError:
    return InputError(
        f"{where} cannot be decoded after {count} frames ({error}): fetch it again, or say --skip-bad to leave it out"
    )


def _av() -> Any:
    try:
        import av
    except ImportError:
        raise InputError(
            "reading videos needs PyAV; install it with: pip install 'foreframe[video]'"
        ) from None
    return av


def _gif(file: Path) -> Iterator[Array]:
    """Encoders merge identical neighbours and add up their durations: a long frame is given as often as it stood."""
    from PIL import Image, ImageSequence

    durations = _durations_ms(file)
    period = _gif_period_ms(durations)
    try:
        with Image.open(file) as image:
            for frame, duration in zip(ImageSequence.Iterator(image), durations, strict=True):
                picture = np.asarray(frame.convert("RGB"))
                for _ in range(max(1, round(duration / period))):
                    yield picture
    except Exception as error:  # Pillow's decoders raise anything; this is the one door
        raise _broken(str(file), 0, error) from None


def _durations_ms(file: Path) -> list[float]:
    from PIL import Image, ImageSequence

    try:
        with Image.open(file) as image:
            return [float(frame.info.get("duration", 0)) for frame in ImageSequence.Iterator(image)]
    except Exception as error:  # Pillow's decoders raise anything; this is the one door
        raise _broken(str(file), 0, error) from None


def _gif_period_ms(durations: list[float]) -> float:
    """The shortest time that a picture stands; 100 ms where the file says nothing, as browsers do.

    >>> _gif_period_ms([200.0, 600.0, 200.0])
    200.0
    """
    return min((d for d in durations if d > 0), default=100.0)
