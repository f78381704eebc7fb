"""Bringing a store up to date: recordings whose files are as they were come from the store itself.

The new store is written beside the old one and takes its place when it is whole.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .sources.findings import Findings
from .sources.recording import Column, Recording, Source, findings_of
from .store import ClipStore, Episode

Array = NDArray[Any]

ORIGIN, STRETCH = "origin", "stretch"  # facts of an episode
_DECIDES = ("lag", "pixel range", "camera", "channels", "deltas", "actions", "rate", "offset")
_CHANGES = ("files", "chosen", "episodes")  # of a store's identity when its source grows


@dataclass(frozen=True)
class Traced:
    """A source whose recordings say what they are known by.

    Attributes:
        source: the recordings.
        origins: what each is known by; empty where that cannot be told.
    """

    source: Source
    origins: tuple[str, ...]

    @property
    def columns(self) -> Mapping[str, Column]:
        return self.source.columns

    @property
    def frames_per_second(self) -> float | None:
        return self.source.frames_per_second

    @property
    def findings(self) -> Findings:
        return findings_of(self.source)

    def __len__(self) -> int:
        return len(self.source)

    def read(self, index: int) -> Recording:
        recording = self.source.read(index)
        if not self.origins[index]:
            return recording
        facts = {**recording.facts, ORIGIN: self.origins[index]}
        return dataclasses.replace(recording, facts=facts)


@dataclass(frozen=True)
class Reusing:
    """A source whose unchanged recordings come from a store that was made of it before.

    Attributes:
        source: the recordings as they are now.
        before: the store.
        there: the episodes of the store that hold each unchanged recording, by its number.
        said: whether the source itself said the splits.
    """

    source: Traced
    before: ClipStore
    there: Mapping[int, tuple[Episode, ...]]
    said: bool

    @property
    def columns(self) -> Mapping[str, Column]:
        return self.source.columns

    @property
    def frames_per_second(self) -> float | None:
        return self.source.frames_per_second

    @cached_property
    def findings(self) -> Findings:
        fresh = len(self.source) - len(self.there)
        return self.source.findings.remark(
            f"{len(self.there)} recordings are as they were and come from the store; "
            f"{fresh} were read"
        )

    def __len__(self) -> int:
        return len(self.source)

    def read(self, index: int) -> Recording:
        if index not in self.there:
            return self.source.read(index)
        episodes = self.there[index]
        first = episodes[0]
        facts = {key: value for key, value in first.facts.items() if key != STRETCH}
        cut = STRETCH in first.facts
        return Recording(
            first.name.removesuffix(f"/{first.split}") if cut else first.name,
            self._frames(episodes),
            {name: self._rows(name, episodes) for name in self.columns},
            first.split if self.said else None,
            facts,
            sum(episode.withheld for episode in episodes),
            session=first.facts.get("session"),
        )

    def _frames(self, episodes: Sequence[Episode]) -> Iterator[Array]:
        frames = self.before.column("frames")
        for episode in episodes:
            yield from frames[episode.start : episode.start + episode.seen]

    def _rows(self, name: str, episodes: Sequence[Episode]) -> Array:
        rows = self.before.column(name)
        return np.concatenate([rows[e.start : e.start + e.length] for e in episodes])


def reusing(
    source: Traced, before: ClipStore, identity: Mapping[str, Any], shape: Sequence[int]
) -> Source:
    """Return the source with all that `before` has of it, or as it is if anything that decides how
    recordings are read has changed.
    """
    columns = {"frames": Column("frames", "uint8", tuple(shape), lag=0), **source.columns}
    wanted = json.loads(json.dumps(identity))
    same = all(
        before.source.get(key) == value for key, value in wanted.items() if key not in _CHANGES
    )
    found = before.manifest["notes"].get("findings")
    kept = Findings.from_json(found) if found else Findings()
    now = findings_of(source)
    if not same or before.columns != columns or _deciding(kept) != _deciding(now):
        return source
    groups: dict[str, list[Episode]] = {}
    for episode in before.episodes:
        groups.setdefault(str(episode.facts.get(ORIGIN, "")), []).append(episode)
    there = {
        index: tuple(groups[origin])
        for index, origin in enumerate(source.origins)
        if origin and origin in groups and _whole(groups[origin])
    }
    said = any(
        d.subject == "splits" and d.value.startswith("as the source") for d in kept.decisions
    )
    return Reusing(source, before, there, said) if there else source


def _deciding(findings: Findings) -> tuple[set[tuple[str, str]], tuple[Any, ...]]:
    decided = {(d.subject, d.value) for d in findings.decisions if d.subject in _DECIDES}
    return decided, tuple((c.key, c.role, c.dtype, c.width) for c in findings.taken)


def _whole(episodes: Sequence[Episode]) -> bool:
    """Whether episodes are one recording, or all the stretches that it was cut into."""
    stretches = [episode.facts[STRETCH] for episode in episodes if STRETCH in episode.facts]
    if not stretches:
        return len(episodes) == 1
    if len(stretches) < len(episodes):
        return False
    ends = [0, *(end for _, end, _ in stretches)]
    return [begin for begin, _, _ in stretches] == ends[:-1] and ends[-1] == stretches[0][2]
