"""Animations and strips of clips, with green borders on given frames and red on predicted ones.

Letters: T frames, H height, W width, C channels, N samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..runtime.files import atomic_write
from . import palette
from .captions import caption, colour_of

Array = NDArray[Any]

_TITLE, _BORDER, _GAP = 16, 3, 4
_FULL_DEVIATION, _FULL_ERROR = 0.25, 0.5  # shown in the brightest colour
_STRIP_FRAMES = 24
_CAPTION_LINES = 3  # below the columns of animations
SUFFIXES = (".webp", ".gif", ".mp4", ".png")


class Track(NamedTuple):
    """A titled row of pictures.

    Attributes:
        title: text above or beside the pictures.
        frames: uint8 [T, H, W, C].
        given: how many of the frames are context; None for frames without coloured borders.
        names: of the numbers whose bars these are, written below them; empty for other pictures.
    """

    title: str
    frames: Array
    given: int | None
    names: tuple[str, ...] = ()


def deviation(samples: Array) -> Array:
    """Return the standard deviation of each pixel over samples, as pictures uint8 [T, H, W, 3].

    Dark pixels agree.

    Args:
        samples: uint8 [N, T, H, W, C].
    """
    return _coloured((samples.astype(np.float32) / 255).std(0).mean(-1) / _FULL_DEVIATION)


def error(truth: Array, prediction: Array) -> Array:
    """Return the absolute error of each pixel, averaged over channels, as pictures [T, H, W, 3].

    Dark pixels have no error.

    Args:
        truth: uint8 [T, H, W, C].
        prediction: uint8 [T, H, W, C].
    """
    return _coloured(np.abs(truth.astype(np.float32) - prediction).mean(-1) / 255 / _FULL_ERROR)


def bars(
    values: Array, low: Sequence[float], high: Sequence[float], height: int, width: int
) -> Array:
    """Numbers [T, A] as pictures uint8 [T, H, W, 3]: a bar each, from the middle up or down.

    A bar that reaches the border is the number's largest distance from zero, in `low` to `high`.
    """
    pictures = np.full((len(values), height, width, 3), 255, np.uint8)
    pictures[:, height // 2] = palette.rgb(palette.FAINT)
    count = values.shape[1]
    reach = np.maximum(np.abs(low), np.abs(high)) if len(low) == count else np.abs(values).max(0)
    shares = np.clip(values / np.maximum(reach, 1e-9), -1, 1)
    ends = (height / 2 - shares * (height / 2 - 1)).round().astype(int)
    for number in range(count):
        left, right = (round(width * (number + part) / count) for part in (0.15, 0.85))
        colour = colour_of(number)
        for picture, end in zip(pictures, ends[:, number], strict=True):
            top, bottom = sorted((end, height // 2))
            picture[top : bottom + 1, left : max(right, left + 1)] = colour
    return pictures


def animate(tracks: Sequence[Track], path: Path, frames_per_second: float, zoom: int = 2) -> Path:
    """Write an animation with one column per track.

    Args:
        tracks: the columns, all with the same number of frames.
        path: a file that ends in .webp, .gif or .mp4, or in .png for a strip of frames.
        frames_per_second: speed of the animation.
        zoom: size of a pixel of the frames, in pixels of the animation.

    Raises:
        InputError: another suffix; MP4 without PyAV.
    """
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path} ends in {path.suffix!r}; expected one of {', '.join(SUFFIXES)}")
    if path.suffix == ".png":
        return save(strip(tracks, zoom), path)
    return atomic_write(path, animation(tracks, path.suffix, frames_per_second, zoom))


def animation(
    tracks: Sequence[Track], suffix: str, frames_per_second: float, zoom: int = 2
) -> bytes:
    """Return an animation as the content of a file.

    The suffix is `.webp` (lossless), `.gif` (256 colours), or `.mp4` (H.264, needs PyAV).
    """
    pictures = [_columns(tracks, t, zoom) for t in range(len(tracks[0].frames))]
    if suffix == ".mp4":
        return _film(pictures, frames_per_second)
    from PIL import Image

    images = [Image.fromarray(picture) for picture in pictures]
    durations = [round(1000 / frames_per_second)] * len(images)
    durations[-1] += 800  # a pause before it starts again
    options: dict[str, Any] = {
        "save_all": True,
        "append_images": images[1:],
        "duration": durations,
        "loop": 0,
    }
    if suffix == ".webp":
        options |= {"lossless": True, "method": 4}
    return _encoded(images[0], suffix, options)


def strip(tracks: Sequence[Track], zoom: int = 1) -> Array:
    """Return frames side by side, one row per track, with titles at the left: [H', W', 3].

    Of long clips only evenly spaced frames are shown.
    """
    count = len(tracks[0].frames)
    shown = np.unique(np.linspace(0, count - 1, min(count, _STRIP_FRAMES)).round().astype(int))
    margin = 12 + max(7 * len(track.title) for track in tracks)
    rows = []
    for track in tracks:
        cells = [_framed(track, t, zoom) for t in shown]
        row = _joined(cells, axis=1)
        label = _paper(row.shape[0], margin)
        rows.append(
            np.concatenate([_written(label, track.title, (4, row.shape[0] // 2 - 7)), row], 1)
        )
        if track.names:
            named = caption(track.names, row.shape[1], len(track.names))
            rows.append(np.concatenate([_paper(named.shape[0], margin), named], 1))
    return _joined(rows, axis=0)


def sheet(clips: Sequence[Array], columns: int, zoom: int = 1) -> Array:
    """Return a contact sheet [H', W', 3] of clips uint8 [T, H, W, C].

    Each clip is a row of at most `columns` evenly spaced frames.
    """
    rows = []
    for frames in clips:
        chosen = np.linspace(0, len(frames) - 1, min(columns, len(frames))).round().astype(int)
        rows.append(_joined([_zoomed(frames[t], zoom) for t in chosen], axis=1))
    width = max(row.shape[1] for row in rows)
    return _joined(
        [
            np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255)
            for row in rows
        ],
        axis=0,
    )


def save(picture: Array, path: Path) -> Path:
    """Write one picture [H, W, 3]."""
    from PIL import Image

    return atomic_write(path, _encoded(Image.fromarray(picture), path.suffix, {}))


def _encoded(image: Any, suffix: str, options: dict[str, Any]) -> bytes:
    import io

    content = io.BytesIO()
    image.save(content, suffix.removeprefix("."), **options)
    return content.getvalue()


def _film(pictures: Sequence[Array], frames_per_second: float) -> bytes:
    import io
    from fractions import Fraction

    try:
        import av
    except ImportError:
        raise InputError(
            "writing MP4 needs PyAV; install it with: pip install 'foreframe[video]'"
        ) from None
    content = io.BytesIO()
    height, width = (size - size % 2 for size in pictures[0].shape[:2])  # H.264 needs even sizes
    with av.open(content, "w", format="mp4") as container:
        stream = container.add_stream(
            "libx264", rate=Fraction(frames_per_second).limit_denominator(1001)
        )
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(picture[:height, :width]), format="rgb24"
            )
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return content.getvalue()


def _coloured(shares: Array) -> Array:
    """Return shares of the brightest colour [T, H, W] as pictures uint8 [T, H, W, 3]."""
    from matplotlib import colormaps

    return (colormaps["inferno"](np.clip(shares, 0, 1))[..., :3] * 255).astype(np.uint8)


def _columns(tracks: Sequence[Track], t: int, zoom: int) -> Array:
    pictures = [_framed(track, t, zoom) for track in tracks]
    captions = [
        caption(track.names, picture.shape[1], _CAPTION_LINES)
        for track, picture in zip(tracks, pictures, strict=True)
    ]
    below = max(named.shape[0] for named in captions)
    cells = []
    for track, picture, named in zip(tracks, pictures, captions, strict=True):
        width = picture.shape[1]
        title = _written(_paper(_TITLE, width), track.title, (2, 1))
        rest = _paper(below - named.shape[0], width)
        cells.append(np.concatenate([title, picture, named, rest], 0))
    return _joined(cells, axis=1)


def _framed(track: Track, t: int, zoom: int) -> Array:
    picture = _zoomed(track.frames[t], zoom)
    colour = (
        palette.INK
        if track.given is None
        else palette.GIVEN
        if t < track.given
        else palette.PREDICTED
    )
    framed = np.empty((picture.shape[0] + 2 * _BORDER, picture.shape[1] + 2 * _BORDER, 3), np.uint8)
    framed[:] = palette.rgb(colour)
    framed[_BORDER:-_BORDER, _BORDER:-_BORDER] = picture
    return framed


def _zoomed(picture: Array, zoom: int) -> Array:
    colour = np.repeat(picture, 3, 2) if picture.shape[2] == 1 else picture
    return colour.repeat(zoom, 0).repeat(zoom, 1)


def _joined(cells: Sequence[Array], axis: int) -> Array:
    gap = _paper(_GAP, cells[0].shape[1]) if axis == 0 else _paper(cells[0].shape[0], _GAP)
    spaced = [part for cell in cells for part in (cell, gap)][:-1]
    return np.concatenate(spaced, axis)


def _paper(height: int, width: int) -> Array:
    return np.full((height, width, 3), 255, np.uint8)


def _written(paper: Array, text: str, at: tuple[int, int]) -> Array:
    from PIL import Image, ImageDraw, ImageFont

    image = Image.fromarray(paper)
    ImageDraw.Draw(image).text(
        at, text, fill=palette.rgb(palette.INK), font=ImageFont.load_default(11)
    )
    return np.asarray(image)
