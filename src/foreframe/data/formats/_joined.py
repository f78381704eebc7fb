"""Several data sets of one format in a folder, read as one source."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError
from ..sources.behind import files_behind
from ..sources.findings import Findings
from ..sources.recording import Column, Recording, Source, findings_of


@dataclass(frozen=True)
class Joined:
    """Sources by the name of their folder or file; episodes are named by both.

    Attributes:
        sources: which have the same columns and the same rate.
    """

    sources: Mapping[str, Source]

    @classmethod
    def of(cls, path: Path, sources: Mapping[str, Source]) -> Joined:
        """Join sources.

        Raises:
            InputError: columns or rates that differ; both sets are named.
        """
        first = next(iter(sources))
        for name, source in sources.items():
            for what, ours, theirs in (
                ("columns", _described(sources[first]), _described(source)),
                ("a rate of", sources[first].frames_per_second, source.frames_per_second),
            ):
                if ours != theirs:
                    raise InputError(
                        f"{path} holds {len(sources)} data sets: "
                        f"{name} has {what} {theirs}, {first} has {ours}; expected "
                        "the same in all: import each by itself"
                    )
        return cls(dict(sources))

    @property
    def columns(self) -> Mapping[str, Column]:
        """The columns of all; a target that one of them lacks is left out."""
        first, *others = self.sources.values()
        return {
            name: column
            for name, column in first.columns.items()
            if not column.is_target or all(name in other.columns for other in others)
        }

    @property
    def frames_per_second(self) -> float | None:
        return next(iter(self.sources.values())).frames_per_second

    @property
    def findings(self) -> Findings:
        counts = ", ".join(
            f"{name} ({len(source)} episodes)" for name, source in self.sources.items()
        )
        found = Findings().decided("layout", f"{len(self.sources)} data sets as one", counts)
        return sum((findings_of(source) for source in self.sources.values()), found)

    def __len__(self) -> int:
        return sum(len(source) for source in self.sources.values())

    def files_read(self, index: int) -> tuple[Path, ...]:
        for source in self.sources.values():
            if index < len(source):
                return files_behind(source, index)
            index -= len(source)
        raise IndexError(index)

    def read(self, index: int) -> Recording:
        for name, source in self.sources.items():
            if index < len(source):
                episode = source.read(index)
                session = f"{name}/{episode.session}" if episode.session else None
                values = {column: episode.values[column] for column in self.columns}
                return dataclasses.replace(
                    episode, name=f"{name}/{episode.name}", session=session, values=values
                )
            index -= len(source)
        raise IndexError(index)


def _described(source: Source) -> dict[str, tuple[str, ...]]:
    return {
        name: (*column.names, f"lag {column.lag}")
        for name, column in source.columns.items()
        if not column.is_target
    }
