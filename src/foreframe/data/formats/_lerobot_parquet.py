"""Write the parquet tables of LeRobotDatasets. Needs pyarrow (extra `lerobot`)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ...runtime.files import atomic_file

Rows = Mapping[str, Any]  # columns: arrays [R] or [R, K], or lists of plain values


def write_parquet(file: Path, groups: Sequence[Rows]) -> None:
    """Write a table with a row group for each of `groups`, which have the same columns."""
    _write(file, [_table(group) for group in groups])


def write_tasks(file: Path, tasks: Sequence[str]) -> None:
    """Write `meta/tasks.parquet`: the numbers of the tasks, indexed by their words.

    pandas finds the index by what the table says of it.
    Source: https://pandas.pydata.org/docs/development/developer.html
    """
    table = _table({"task_index": np.arange(len(tasks)), "task": list(tasks)})
    kinds = {"task_index": ("int64", "int64"), "task": ("unicode", "object")}
    said = {
        "index_columns": ["task"],
        "column_indexes": [],
        "columns": [
            {
                "name": name,
                "field_name": name,
                "pandas_type": kind,
                "numpy_type": of_numpy,
                "metadata": None,
            }
            for name, (kind, of_numpy) in kinds.items()
        ],
        "pandas_version": "2.0.0",
    }
    _write(file, [table.replace_schema_metadata({"pandas": json.dumps(said)})])


def _write(file: Path, tables: Sequence[Any]) -> None:
    import pyarrow.parquet as parquet

    with (
        atomic_file(file) as out,
        parquet.ParquetWriter(out, tables[0].schema, write_page_checksum=True) as writer,
    ):
        for table in tables:
            writer.write_table(table)


def _table(columns: Rows) -> Any:
    try:
        import pyarrow as pa
    except ImportError:
        raise InputError(
            "writing LeRobotDatasets needs PyAV and pyarrow; install them with: "
            "pip install 'foreframe[lerobot]'"
        ) from None

    def column(values: Any) -> Any:
        if not isinstance(values, np.ndarray) or values.ndim == 1:
            return pa.array(values)
        flat = pa.array(np.ascontiguousarray(values).reshape(-1))
        return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])

    return pa.table({name: column(values) for name, values in columns.items()})
