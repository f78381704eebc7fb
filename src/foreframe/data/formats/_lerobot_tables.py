"""The parquet tables of LeRobotDatasets: rows of an episode by role, their times, their pictures.

Needs pyarrow (extra `lerobot`).
Letters: R rows of an episode.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..sources.options import SourceOptions
from ..sources.recording import Role, finite

Array = NDArray[Any]

_ROWS, _SHARE = 1 << 16, 0.25  # rows of a table, and of the memory, that are read at once at most
_BYTES_OF = {"INT32": 4, "FLOAT": 4, "INT64": 8, "DOUBLE": 8, "INT96": 12}
Keys = Mapping[Role, tuple[str, ...]]

TIME, EPISODE = "timestamp", "episode_index"
COUNTERS = (TIME, "frame_index", EPISODE, "index", "task_index")
_LATEST_S = 1e6  # timestamps above are those of a clock, not of a video


@dataclass(frozen=True)
class Rows:
    """The rows of one episode.

    Attributes:
        values: of each role: [R, ...].
        pictures: the picture files in the table; empty if they are in a video.
        times_s: of the rows on the clock of the episode's video: [R].
    """

    values: Mapping[str, Array]
    pictures: Sequence[bytes]
    times_s: Array


def read_rows(
    file: Path,
    info: Mapping[str, Any],
    keys: Keys,
    image: str | None,
    episode: int | None,
    options: SourceOptions,
) -> Rows:
    """Read the rows of one episode, by role, and its picture files if the table holds them."""
    features = [name for names in keys.values() for name in names]
    wanted = [*features, *([image] if image else [])]
    table = read_parquet(file, wanted, episode, (TIME,), options)
    values = {
        str(role): _numbers(table, names, info, file) for role, names in keys.items() if names
    }
    cells = table[image].to_pylist() if image else []
    pictures = [_content(cell, file, row) for row, cell in enumerate(cells)]
    return Rows(values, pictures, _times(table, float(info["fps"]), file))


def first_picture(file: Path, image: str, episode: int | None) -> bytes:
    """Return the first picture file of an episode."""
    cells = read_parquet(file, [image], episode)[image].slice(0, 1).to_pylist()
    if not cells:
        raise InputError(f"{file} has no rows of episode {episode}; expected some")
    return _content(cells[0], file, 0)


def rows_of(file: Path, episode: int) -> int:
    """Return how many rows of an episode a table has."""
    return len(read_parquet(file, [EPISODE], episode))


def episodes_in(file: Path) -> list[int]:
    """Return the numbers of the episodes that a table has rows of."""
    found = np.asarray(read_parquet(file, [EPISODE])[EPISODE].to_pylist())
    return np.unique(found.astype(int)).tolist()


def _numbers(table: Any, names: Sequence[str], info: Mapping[str, Any], file: Path) -> Array:
    """Some features side by side: [R, K], float64 where the source has large or whole numbers."""
    said = [str(info["features"][name]["dtype"]) for name in names]
    dtype = np.float64 if any(d == "float64" or "int" in d for d in said) else np.float32
    try:
        rows = [np.asarray(table[n].to_pylist(), dtype).reshape(len(table), -1) for n in names]
    except (TypeError, ValueError, KeyError) as error:
        raise InputError(
            f"{file}: {', '.join(names)} are not rows of equally many numbers ({error})"
        ) from None
    return finite(np.concatenate(rows, 1), f"{file}: {', '.join(names)}")


def _times(table: Any, rate: float, file: Path) -> Array:
    """The time of each row, by its timestamp, else by its number."""
    if TIME not in table.column_names:
        return np.arange(len(table)) / rate
    times = np.asarray(table[TIME].to_pylist(), np.float64).reshape(-1)
    if len(times) and abs(times[0]) > _LATEST_S:
        times = times - times[0]
    back = np.flatnonzero(np.diff(times) <= 0)
    if len(back):
        raise InputError(
            f"{file}: the time of row {back[0] + 1} is not after that of the row above; "
            "expected times that grow"
        )
    return finite(times[:, None], f"{file}: {TIME}")[:, 0]


def read_parquet(
    file: Path,
    columns: Sequence[str] | None,
    episode: int | None = None,
    optional: Sequence[str] = (),
    options: SourceOptions | None = None,
) -> Any:
    """Return a table, its page checksums verified; the rows of one episode alone if it is named.

    Raises:
        InputError: no such table, or one that takes more memory than `options` allow.
    """
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise InputError(
            "reading LeRobotDatasets needs PyAV and pyarrow; install them with: "
            "pip install 'foreframe[lerobot]'"
        ) from None
    wanted = list(columns) if columns is not None else None
    try:
        if wanted is not None and optional:
            wanted += [name for name in optional if name in parquet.read_schema(file).names]
        metadata = parquet.read_metadata(file)
        _check_size(file, metadata, wanted, options or SourceOptions())
        return _read(file, metadata, wanted, episode, options or SourceOptions())
    except InputError:
        raise
    except Exception as error:  # pyarrow raises many kinds; this is the one door
        what = f" with {', '.join(columns)}" if columns else ""
        raise InputError(
            f"{file} cannot be read ({error}); expected a parquet table{what}"
        ) from None


def _read(
    file: Path, metadata: Any, wanted: list[str] | None, episode: int | None, options: SourceOptions
) -> Any:
    """Read a table some rows at a time: a picture that is stored once may stand in every row."""
    import pyarrow
    import pyarrow.dataset as datasets

    kind = datasets.ParquetFileFormat(
        default_fragment_scan_options=datasets.ParquetFragmentScanOptions(
            page_checksum_verification=True
        )
    )
    largest = max(1, _largest_of_bytes(metadata, wanted))
    schema = _plain(metadata.schema.to_arrow_schema())
    scanner = datasets.dataset(file, schema=schema, format=kind).scanner(
        columns=wanted,
        filter=None if episode is None else datasets.field(EPISODE) == episode,
        batch_size=int(min(_ROWS, max(1, options.memory_bytes * _SHARE // largest))),
        batch_readahead=1,
        fragment_readahead=1,
        use_threads=False,
    )
    batches, held = [], 0
    for batch in scanner.to_batches():
        held += batch.nbytes
        options.check_memory(held, file)
        batches.append(batch)
    return pyarrow.Table.from_batches(batches, scanner.projected_schema)


def _plain(schema: Any) -> Any:
    """A schema with the values themselves where the file has a dictionary of them."""
    import pyarrow

    return pyarrow.schema(
        field.with_type(field.type.value_type) if pyarrow.types.is_dictionary(field.type) else field
        for field in schema
    )


def _largest_of_bytes(metadata: Any, wanted: list[str] | None) -> int:
    """The bytes of the largest column of words or pictures: no value in it has more."""
    columns = _columns(metadata, wanted)
    sizes = [c.total_uncompressed_size for c in columns if c.physical_type not in _BYTES_OF]
    return max(sizes, default=0)


def _columns(metadata: Any, wanted: Sequence[str] | None) -> Iterator[Any]:
    """The columns of each row group that are wanted."""
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for place in range(group.num_columns):
            column = group.column(place)
            if wanted is None or column.path_in_schema.split(".")[0] in wanted:
                yield column


def _check_size(
    file: Path, metadata: Any, wanted: Sequence[str] | None, options: SourceOptions
) -> None:
    """Check what a table's columns take by what it says of its row groups."""
    needed = 0
    for column in _columns(metadata, wanted):
        width = _BYTES_OF.get(column.physical_type, 1)
        needed += max(column.total_uncompressed_size, column.num_values * width)
    options.check_memory(needed, file)


def _content(cell: Any, file: Path, row: int) -> bytes:
    """An image feature is a struct of bytes and a path; the bytes are in the table."""
    content = cell.get("bytes") if isinstance(cell, dict) else cell
    if not isinstance(content, bytes):
        raise InputError(f"{file}: row {row} holds no picture; expected its bytes in the table")
    return content
