"""What a person chooses of a source of recordings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ...errors import InputError, unknown
from ...runtime.memory import available

SplitBy = Literal["session", "episode", "time"]
Flip = Literal["none", "vertical", "both"]
ChannelOrder = Literal["rgb", "bgr"]


@dataclass(frozen=True)
class SourceOptions:
    """What a person chose of a source. What is not chosen is the format's default, or decided by
    what is there.

    Formats decide by `camera` ... `max_gap_s`, and refuse those that mean nothing to them. The
    import itself sees to the rest, for every format.

    Attributes:
        camera: the key of the pictures, for sources with several.
        actions: the keys of the action columns.
        states: the keys of the state columns.
        labels: the key, folder or name of label images.
        layout: how files make episodes, where a folder can be read in several ways; each format
            names its layouts.
        actions_file: the name of the table of conditions, or its path below the source, where
            several are near.
        pixel_range: the numbers that are black and white, where the type of the pixels does not say
            it.
        flip: how stored pictures are turned to stand upright: none, vertical (the last row is the
            top) or both (half a turn).
        channel_order: the order of the stored colours, rgb or bgr.
        max_gap_s: seconds between pictures from which on they belong to two episodes, in formats
            that know the time.
        lag: 1: row k of the actions leads on from frame k; 0: it led to frame k. None: decided by
            all files together.
        no_actions: go on without actions, whatever tables are near.
        one_hot: columns of class ids that become a number per class.
        split_by: what falls into one split as a whole: a session, an episode, or a stretch of time
            of every episode.
        skip_bad: leave out what is broken, and say it.
        memory_gb: how much memory one episode may need; larger ones are refused before they are
            read.
    """

    camera: str | None = None
    actions: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    labels: str | None = None
    layout: str | None = None
    actions_file: str | None = None
    pixel_range: tuple[float, float] | None = None
    flip: Flip | None = None
    channel_order: ChannelOrder | None = None
    max_gap_s: float | None = None
    lag: int | None = None
    no_actions: bool = False
    one_hot: tuple[str, ...] = ()
    split_by: SplitBy | None = None
    skip_bad: bool = False
    memory_gb: float | None = None

    def refuse(self, why: str, *options: str) -> None:
        """Raise an error if one of `options` was chosen where a format leaves nothing to choose.

        All of them by default.
        """
        for name in options or _OF_FORMATS:
            if getattr(self, name):
                option = name.replace("_", "-")
                raise InputError(f"--{option} {getattr(self, name)}: {why}; leave --{option} out")

    def chosen(self) -> dict[str, Any]:
        """Return what was chosen that decides what is read, as JSON can hold it."""
        unset = SourceOptions()
        values = {name: getattr(self, name) for name in _OF_FORMATS}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
            if value != getattr(unset, name)
        }

    def layout_of(self, layouts: Sequence[str], where: Path) -> str | None:
        """The chosen layout, if it is one of a format's `layouts`."""
        if self.layout is not None and self.layout not in layouts:
            raise unknown(f"--layout of {where}", self.layout, layouts)
        return self.layout

    def one(
        self, option: str, there: Iterable[str], usual: Sequence[str], where: Path
    ) -> str | None:
        """The key chosen as `option`, else the first usual one that is there."""
        chosen: str | None = getattr(self, option)
        known = list(there)
        if chosen and chosen not in known:
            raise unknown(f"--{option} in {where}", chosen, known)
        return chosen or next((key for key in usual if key in known), None)

    def some(
        self, option: str, there: Iterable[str], usual: Sequence[str], where: Path
    ) -> tuple[str, ...]:
        """The keys chosen as `option`, else the usual ones that are there."""
        chosen: tuple[str, ...] = getattr(self, option)
        known = list(there)
        for key in chosen:
            if key not in known:
                raise unknown(f"--{option} in {where}", key, known)
        return chosen or tuple(key for key in usual if key in known)

    @property
    def memory_bytes(self) -> float:
        """How many bytes an episode may need: what was chosen, else a share of what is free."""
        return self.memory_gb * 1e9 if self.memory_gb else min(_MOST, available() * _SHARE)

    def check_memory(self, needed: float, where: str | Path) -> None:
        """Raise an error if an episode of `needed` bytes is more than may be held at once.

        Call it with what a header declares, before anything is decompressed.
        """
        allowed = self.memory_bytes
        if needed > allowed:
            raise InputError(
                f"{where} needs {needed / 1e9:.1f} GB of memory by what its header says; "
                f"expected at most {allowed / 1e9:g} GB: "
                "say --memory-gb if that is right"
            )


_OF_FORMATS = (
    "camera", "actions", "states", "labels", "layout", "actions_file", "pixel_range", "flip",
    "channel_order", "max_gap_s",
)  # fmt: skip
_MOST, _SHARE = 8e9, 0.5  # bytes, and of those that are free, where --memory-gb does not say
