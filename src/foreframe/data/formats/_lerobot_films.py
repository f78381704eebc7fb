"""Videos of LeRobotDatasets: one of each episode, then several joined without coding them again.

Every second picture is a key picture, as LeRobot's own writer has it, so that any is found fast;
none refers to a later one, so that joining needs nothing but new times.
Needs PyAV (extra `lerobot`).
Letters: T frames, H height, W width, C channels.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...runtime.files import atomic_file, atomic_write

Array = NDArray[Any]

_ENCODER, _CODEC = "libx264", "h264"
_OPTIONS = {"crf": "12", "g": "2", "bf": "0", "preset": "fast"}


@dataclass(frozen=True)
class Film:
    """How the pictures of a data set are coded.

    Attributes:
        height: of a picture.
        width: of a picture.
        rate: pictures per second.
    """

    height: int
    width: int
    rate: Fraction

    @property
    def pixels(self) -> str:
        """The pixel format: colours at half the size where sizes are even, as is usual."""
        return "yuv444p" if self.height % 2 or self.width % 2 else "yuv420p"

    def described(self) -> dict[str, Any]:
        """Return what `meta/info.json` says of it."""
        return {
            "video.height": self.height,
            "video.width": self.width,
            "video.codec": _CODEC,
            "video.pix_fmt": self.pixels,
            "video.is_depth_map": False,
            "video.fps": plain_rate(self.rate),
            "video.channels": 3,
            "has_audio": False,
        }

    def write(self, frames: Array, file: Path) -> None:
        """Code the frames of an episode, uint8 [T, H, W, C]; grey ones in three equal colours."""
        av = _av()
        content = io.BytesIO()
        with av.open(content, "w", format="mp4") as container:
            stream = container.add_stream(_ENCODER, rate=self.rate, options=_OPTIONS)
            stream.width, stream.height, stream.pix_fmt = self.width, self.height, self.pixels
            for picture in frames:
                colour = np.broadcast_to(picture, (*picture.shape[:2], 3))
                shown = av.VideoFrame.from_ndarray(np.ascontiguousarray(colour), format="rgb24")
                container.mux(stream.encode(shown))
            container.mux(stream.encode())
        atomic_write(file, content.getvalue())

    def join(self, parts: Sequence[Path], out: Path) -> None:
        """Write several films one after the other as one, frame by frame as they are."""
        av = _av()
        step, at = 1 / self.rate, 0
        with atomic_file(out) as file, av.open(file, "w", format="mp4") as joined:
            stream: Any = None
            for part in parts:
                with av.open(str(part)) as container:
                    source = container.streams.video[0]
                    stream = stream or joined.add_stream_from_template(source)
                    for packet in container.demux(source):
                        if packet.size:
                            packet.stream, packet.time_base = stream, step
                            packet.pts = packet.dts = at
                            packet.duration = 1
                            joined.mux(packet)
                            at += 1


def plain_rate(rate: Fraction) -> int | float:
    """Return a rate as JSON says it, whole where it is."""
    return int(rate) if rate.denominator == 1 else float(rate)


def _av() -> Any:
    try:
        import av
    except ImportError:
        raise InputError(
            "writing LeRobotDatasets needs PyAV and pyarrow; install them with: "
            "pip install 'foreframe[lerobot]'"
        ) from None
    return av
