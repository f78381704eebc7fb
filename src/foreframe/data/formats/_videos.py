"""Pictures out of videos and GIFs, one after the other, as a viewer shows them. Videos need PyAV
(extra `video`).

Letters: T pictures, H height, W width.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..pictures import LARGEST, resized, shown_rgb
from ..sources.pixels import PixelSample, PixelScale
from . import _gif_blocks

Array = NDArray[Any]

VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".gif")
_DEEP_BITS = 8
_WHOLE = 0.1  # how far the durations of a GIF may be from whole multiples of the shortest
_STRAIGHT = 1e-3
_MOST_DRAWN = 1 << 32  # pixels of all frames of a GIF, half a minute of decoding
_MOST_SHOWN = 100_000  # pictures of a GIF, with those that stand for several
# Containers that hold their pictures themselves. FFmpeg goes by the content and not by the name:
# a playlist (HLS, concat, DASH) that is called `.mp4` would have it read other files and addresses.
_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,avi,matroska,webm"
_OPTIONS = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}


@dataclass(frozen=True)
class VideoHeader:
    """What a video says before its pictures are decoded.

    Attributes:
        times_s: when each picture is shown, float64 [T].
        rate: pictures per second, by the usual step.
        steady: whether all steps are that one.
        turned: the turn that a viewer makes, in words; empty if there is none.
        aspect: width of a pixel by its height.
        deep: whether it is grey of more than 8 bits, as maps of depth are.
    """

    times_s: Array
    rate: float | None
    steady: bool
    turned: str
    aspect: float
    deep: bool


def look_at(file: Path) -> VideoHeader:
    """Return the header of a video or a GIF, and the times of its pictures.

    Raises:
        InputError: what is no video, or one of pictures larger than any camera's.
    """
    if file.suffix.lower() == ".gif":
        durations = _durations_ms(file)
        period = _gif_period_ms(durations)
        counts = _counts(durations, str(file)) if period else []
        ends = np.cumsum([0.0, *durations[:-1]])
        times = (np.arange(sum(counts)) * period if period else ends) / 1000
        return VideoHeader(times, _rate(times), period > 0, "", 1.0, False)
    try:
        with opened_video(file) as container:
            stream = container.streams.video[0]
            _sane(stream.codec_context.width, stream.codec_context.height, str(file))
            _bound(stream)
            times = _times(container, stream)
            container.seek(0)
            frame = next(container.decode(stream))
            aspect = _aspect(stream)
            matrix = _matrix(frame, str(file))
            turned = "" if matrix == (1, 0, 0, 1) else _turn_in_words(matrix)
            steps = np.diff(times)
            usual = float(np.median(steps)) if len(steps) else 0.0
            steady = bool((np.abs(steps - usual) <= 0.1 * usual + 1e-3).all())
            return VideoHeader(times, _rate(times), steady, turned, aspect, _is_deep(frame))
    except InputError:
        raise
    except Exception as error:  # FFmpeg, and PyAV on what FFmpeg made of it; this is the one door
        raise _broken(str(file), 0, error) from None


def opened_video(source: Path | io.BytesIO) -> Any:
    """Open a video, a file or its bytes, if it is of a kind that holds its own pictures."""
    return _av().open(str(source) if isinstance(source, Path) else source, options=dict(_OPTIONS))


def pictures(file: Path, scale: PixelScale | None = None) -> Iterator[Array]:
    """Yield all pictures of a video or a GIF, uint8 [H, W, 3], decoded as they are asked for."""
    if file.suffix.lower() == ".gif":
        return _gif(file)
    return _frames(file, str(file), scale=scale)


def decoded(video: Path | bytes, frames: int, where: str, start_s: float = 0.0) -> Iterator[Array]:
    """Yield exactly `frames` pictures of a video from `start_s` seconds on, uint8 [H, W, 3].

    An error if there are fewer.
    """
    source = io.BytesIO(video) if isinstance(video, bytes) else video
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
    """Return frames per second, where the file says so."""
    return look_at(file).rate


def deep_sample(file: Path) -> PixelSample:
    """Return the range of the first picture's numbers of a deep video."""
    with opened_video(file) as container:
        return PixelSample.of(_deep_numbers(next(container.decode(video=0))))


def _frames(
    source: Path | io.BytesIO, where: str, start_s: float = 0.0, scale: PixelScale | None = None
) -> Iterator[Array]:
    count = 0
    try:
        with opened_video(source) as container:
            stream = container.streams.video[0]
            _sane(stream.codec_context.width, stream.codec_context.height, where)
            _bound(stream)
            aspect = _aspect(stream)
            first = start_s - 0.5 / float(
                stream.average_rate or 30
            )  # half a frame of slack for rounded times
            if start_s > 0:
                container.seek(int(start_s / stream.time_base), stream=stream)
            for frame in container.decode(stream):
                if start_s > 0 and frame.time is not None and frame.time < first:
                    continue
                yield _shown(frame, aspect, where, scale)
                count += 1
    except InputError:
        raise
    except Exception as error:  # FFmpeg, and PyAV on what FFmpeg made of it; this is the one door
        raise _broken(where, count, error) from None


def _shown(frame: Any, aspect: float, where: str, scale: PixelScale | None) -> Array:
    """A frame as a viewer shows it: 8 bits, square pixels, upright."""
    if _is_deep(frame):
        numbers = _deep_numbers(frame)
        if scale is None:
            raise InputError(
                f"{where} is grey of more than 8 bits, as maps of depth are ({numbers.min()} to "
                f"{numbers.max()} in its first "
                "picture); expected a camera's pictures: "
                "say --pixel-range LOW HIGH, the numbers that are black and white"
            )
        picture = np.repeat(scale.to_bytes(numbers, where)[..., None], 3, axis=-1)
    else:
        picture = frame.to_ndarray(format="rgb24")
    if abs(aspect - 1) > _STRAIGHT:
        height, width = picture.shape[:2]
        wide = (height, max(1, round(width * aspect)))
        tall = (max(1, round(height / aspect)), width)
        _sane(*(wide if aspect > 1 else tall), where)
        picture = resized(picture, wide if aspect > 1 else tall, crop=False)
    return _turned(picture, _matrix(frame, where))


def _turned(picture: Array, matrix: tuple[int, int, int, int]) -> Array:
    """A picture under x' = a x + c y, y' = b x + d y, where each is -1, 0 or 1."""
    a, b, c, d = matrix
    if a:
        return np.ascontiguousarray(picture[:: 1 if d > 0 else -1, :: 1 if a > 0 else -1])
    turned = picture.swapaxes(0, 1)
    return np.ascontiguousarray(turned[:: 1 if b > 0 else -1, :: 1 if c > 0 else -1])


def _matrix(frame: Any, where: str) -> tuple[int, int, int, int]:
    """The display matrix (a, b, c, d) of a frame, in quarter turns and mirrors.

    Raises:
        InputError: a turn by another angle, or a picture that is stretched.
    """
    for data in frame.side_data:
        if "DISPLAYMATRIX" in str(data.type):
            said = np.frombuffer(bytes(data), np.int32)[[0, 1, 3, 4]] / 65536
            whole = np.round(said)
            a, b, c, d = (int(v) for v in whole)
            quarter = (abs(a), abs(b), abs(c), abs(d)) in ((1, 0, 0, 1), (0, 1, 1, 0))
            if quarter and np.abs(said - whole).max() < _STRAIGHT:
                return a, b, c, d
            angle = np.degrees(np.arctan2(said[1], said[0]))
            raise InputError(
                f"{where}: its display matrix turns the picture by {angle:.0f} degrees "
                f"({said.round(2).tolist()}); expected quarter turns and mirrors: "
                "write the video anew as it is to be seen"
            )
    return 1, 0, 0, 1


def _turn_in_words(matrix: tuple[int, int, int, int]) -> str:
    turns = {
        (0, 1, -1, 0): "a quarter clockwise",
        (-1, 0, 0, -1): "a half",
        (0, -1, 1, 0): "a quarter anticlockwise",
    }
    return turns.get(matrix, "mirrored")


def _is_deep(frame: Any) -> bool:
    return frame.format.name.startswith("gray") and any(
        component.bits > _DEEP_BITS for component in frame.format.components
    )


def _deep_numbers(frame: Any) -> Array:
    kind = frame.format.name
    return np.asarray(frame.to_ndarray(format=kind if kind.startswith("gray16") else "gray16le"))


def _aspect(stream: Any) -> float:
    found = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    return float(found) if found else 1.0


def _times(container: Any, stream: Any) -> Array:
    """When the pictures are shown, by the packets, which need no decoding.

    Even steps where they do not say.
    """
    stamps, count = [], 0
    for packet in container.demux(stream):
        if packet.size and not getattr(packet, "is_discard", False):
            count += 1
            if packet.pts is not None:
                stamps.append(packet.pts)
    step = 1 / float(stream.average_rate or stream.guessed_rate or 1)
    if len(stamps) < count or len(set(stamps)) < count:
        return np.arange(count) * step
    return np.sort(np.asarray(stamps, np.float64)) * float(stream.time_base)


def _rate(times: Array) -> float | None:
    steps = np.diff(times)
    usual = float(np.median(steps)) if len(steps) else 0.0
    return round(1 / usual, 3) if usual > 0 else None


def _sane(width: int, height: int, where: str) -> None:
    if width * height > LARGEST:
        raise InputError(
            f"{where} says it is {width}x{height}; expected at most {LARGEST} pixels: "
            "it is no camera's picture"
        )


def _bound(stream: Any) -> None:
    """Let the decoder refuse pictures that are larger than the header says and any camera's."""
    stream.codec_context.options = {"max_pixels": str(LARGEST)}


def _broken(where: str, count: int, error: Exception) -> InputError:
    return InputError(
        f"{where} cannot be decoded after {count} frames ({error}): "
        "fetch it again, or say --skip-bad to leave it out"
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
    """Encoders merge identical neighbours and add up their durations.

    A long frame is given as often as it stood.
    """
    from PIL import Image, ImageSequence

    counts = _counts(_durations_ms(file), str(file))
    try:
        with Image.open(file, formats=("GIF",)) as image:
            for frame, count in zip(ImageSequence.Iterator(image), counts, strict=True):
                picture = shown_rgb(frame)
                for _ in range(count):
                    yield picture
    except Exception as error:  # Pillow's decoders raise anything; this is the one door
        raise _broken(str(file), 0, error) from None


def _durations_ms(file: Path) -> list[float]:
    try:
        header = _gif_blocks.read_header(file)
    except (OSError, ValueError) as error:
        raise _broken(str(file), 0, error) from None
    _sane(header.width, header.height, str(file))
    frames = len(header.durations_ms)
    if frames * header.width * header.height > _MOST_DRAWN:
        raise InputError(
            f"{file} says it is {frames} frames of {header.width}x{header.height}; expected at "
            f"most {_MOST_DRAWN} pixels in all: write it as a video"
        )
    return list(header.durations_ms)


def _counts(durations: list[float], where: str) -> list[int]:
    """How often each frame of a GIF of even steps is given."""
    period = _gif_period_ms(durations)
    counts = [max(1, round(d / period)) if period else 1 for d in durations]
    if sum(counts) > _MOST_SHOWN:
        raise InputError(
            f"{where} shows {len(counts)} frames as {sum(counts)} pictures of {period:g} ms; "
            f"expected at most {_MOST_SHOWN}: write it with the durations that are meant"
        )
    return counts


def _gif_period_ms(durations: list[float]) -> float:
    """The time that a picture stands, if all durations are multiples of the shortest; 0 if they are
    not.

    100 ms where the file says nothing, as browsers do.

    >>> _gif_period_ms([200.0, 600.0, 200.0]), _gif_period_ms([100.0, 150.0])
    (200.0, 0.0)
    """
    period = min((d for d in durations if d > 0), default=100.0)
    whole = all(abs(d / period - round(d / period)) <= _WHOLE for d in durations)
    return period if whole else 0.0
