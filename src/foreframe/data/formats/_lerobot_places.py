"""Where the episodes of a LeRobotDataset v3 go: files of limited size, folders of limited files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Limits:
    """How large files and folders may grow.

    Attributes:
        files_per_chunk: files in a folder.
        data_mb: of a table, before compression.
        video_mb: of a video.
    """

    files_per_chunk: int = 1000
    data_mb: float = 100
    video_mb: float = 200


@dataclass(frozen=True)
class Place:
    """A file by its numbers.

    >>> Place(0, 12).file("data", ".parquet").as_posix()
    'data/chunk-000/file-012.parquet'
    """

    chunk_index: int
    file_index: int

    def file(self, folder: str, suffix: str) -> Path:
        """Return its path below the data set."""
        return Path(folder, f"chunk-{self.chunk_index:03d}", f"file-{self.file_index:03d}{suffix}")

    def columns(self, prefix: str) -> dict[str, int]:
        """Return the columns of `meta/episodes` that say it."""
        return {
            f"{prefix}/chunk_index": self.chunk_index,
            f"{prefix}/file_index": self.file_index,
        }


def places_of(sizes: Sequence[int], limit_mb: float, files_per_chunk: int) -> list[Place]:
    """Return the file of each episode: the next file begins where one would reach the limit.

    >>> [p.file_index for p in places_of([3 * MEGABYTE] * 4, 10, 1000)]
    [0, 0, 0, 1]
    >>> places_of([1, 1, 1], 0, 2)[-1]
    Place(chunk_index=1, file_index=0)
    """
    found: list[Place] = []
    number = held = 0
    for size in sizes:
        if held and held + size >= limit_mb * MEGABYTE:
            number, held = number + 1, 0
        held += size
        found.append(Place(*divmod(number, files_per_chunk)))
    return found


def by_place(places: Sequence[Place]) -> dict[Place, range]:
    """Return the numbers of the episodes in each file."""
    groups = {
        place: [index for index, _ in group]
        for place, group in groupby(enumerate(places), key=lambda pair: pair[1])
    }
    return {place: range(numbers[0], numbers[-1] + 1) for place, numbers in groups.items()}
