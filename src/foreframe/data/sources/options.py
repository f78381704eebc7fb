"""What a person chooses of a source of recordings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError, unknown


@dataclass(frozen=True)
class SourceOptions:
    """What a person chose of a source: keys of the camera, of the columns and of the label images. Empty: the format's default.

    With `skip_bad` what is broken is left out and said in the source's notes; pictures further apart than `max_gap_s`
    seconds belong to two episodes, in formats that know the time.
    """

    camera: str | None = None
    actions: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    labels: str | None = None
    max_gap_s: float | None = None
    skip_bad: bool = False

    def refuse(self, why: str, *options: str) -> None:
        """For a format that leaves nothing to choose: an error if one of `options` was chosen; all of them by default."""
        for name in options or ("camera", "actions", "states", "labels", "max_gap_s"):
            if getattr(self, name):
                option = name.replace("_", "-")
                raise InputError(f"--{option} {getattr(self, name)}: {why}; leave --{option} out")

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
