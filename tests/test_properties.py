"""What must hold for any table, any configuration and any shapes, tried on random ones."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import foreframe
from foreframe.data.formats._tables import read_table
from foreframe.data.pictures import as_pictures, resized
from foreframe.data.sources.recording import one_a_frame
from foreframe.errors import InputError
from foreframe.training import resolve

FEW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
NAMES = st.text(string.ascii_letters + "_", min_size=1, max_size=8)
FLOATS = st.floats(-1e6, 1e6, width=32)


@FEW
@given(st.data())
def test_a_written_table_is_read_back(tmp_path: Path, data: st.DataObject) -> None:
    names = data.draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    rows = data.draw(
        st.lists(st.lists(FLOATS, min_size=len(names), max_size=len(names)), min_size=1, max_size=6)
    )
    quote = data.draw(st.sampled_from(["", '"']))
    header = ",".join(f"{quote}{name}{quote}" for name in names)
    if all(name.lower() in ("nan", "inf", "infinity") for name in names):
        return  # numbers, as far as Python is concerned
    text = "\n".join([header, *(",".join(repr(v) for v in row) for row in rows)])
    (tmp_path / "t.csv").write_text(text + data.draw(st.sampled_from(["", "\n", "\r\n", "\n\n"])))
    found = read_table(tmp_path / "t.csv")
    assert list(found.numbers) == names
    np.testing.assert_array_equal(
        np.concatenate(list(found.numbers.values()), 1), np.asarray(rows, np.float64)
    )


@FEW
@given(
    st.one_of(st.text(max_size=200), st.binary(max_size=200)),
    st.sampled_from([".csv", ".json", ".npy", ".npz"]),
)
def test_any_table_is_rows_or_an_error(tmp_path: Path, content: str | bytes, suffix: str) -> None:
    file = tmp_path / f"t{suffix}"
    file.write_bytes(
        content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    )
    try:
        found = read_table(file)
    except InputError as error:
        assert str(file) in str(error)  # noqa: PT017 - an error is one of two good ends
        return
    assert found.numbers or found.words or found.unusable
    assert all(rows.ndim == 2 and rows.dtype.kind in "if" for rows in found.numbers.values())


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = [
    "model", "model.name", "model.code", "model.channels",
    "clip", "clip.n_past", "clip.conditions", "clip.context",
    "objective.beta", "objective.beta.kind", "teacher_forcing.ratio",
    "optimiser.learning_rate", "optimiser.clip_norm",
    "training", "training.steps", "training.batch", "training.first_clips", "training.seed",
    "nonsense", "a.b.c",
]  # fmt: skip


@FEW
@given(st.dictionaries(st.sampled_from(FIELDS), VALUES, min_size=1, max_size=3))
def test_any_configuration_is_resolved_or_an_error(changes: dict[str, Any]) -> None:
    try:
        resolved = resolve("push-tiny", changes=changes)
    except InputError:
        return
    again = yaml.safe_load(yaml.safe_dump(resolved.to_dict()))
    assert {k for k in again if k != "recipe"} == {
        "model",
        "clip",
        "objective",
        "teacher_forcing",
        "optimiser",
        "training",
    }


@FEW
@given(st.text(max_size=200))
def test_any_configuration_file_is_resolved_or_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.yaml").write_text(text, errors="surrogatepass")
    try:
        resolve("push-tiny", tmp_path / "c.yaml")
    except InputError:
        return


@FEW
@given(
    st.lists(st.integers(0, 7), min_size=0, max_size=5),
    st.sampled_from([np.uint8, np.float32, np.int64, np.bool_]),
)
def test_any_shape_of_frames_is_pictures_or_an_error(shape: list[int], kind: type) -> None:
    try:
        pictures = as_pictures(np.zeros(shape, kind), "here")
    except InputError as error:
        assert "here" in str(error)  # noqa: PT017 - an error is one of two good ends
        return
    assert (pictures.dtype, pictures.ndim, pictures.shape[-1]) == (np.uint8, 4, 3)


@FEW
@given(st.integers(0, 5), st.integers(0, 5), st.integers(1, 3))
def test_rows_fit_frames_or_are_an_error(rows: int, frames: int, width: int) -> None:
    try:
        found = one_a_frame(np.ones((rows, width)), frames, "here")
    except InputError:
        assert rows not in (frames, frames - 1)
        return
    assert found.shape == (frames, width)


@FEW
@given(*[st.integers(1, 40)] * 4, st.booleans())
def test_any_size_becomes_any_other(
    height: int, width: int, to_height: int, to_width: int, crop: bool
) -> None:
    level = 137
    found = resized(np.full((height, width, 3), level, np.uint8), (to_height, to_width), crop)
    assert found.shape == (to_height, to_width, 3)
    assert (found == level).all()


@pytest.mark.parametrize("frames", [1, 2, 11])
def test_a_store_of_any_length_says_what_it_cannot_do(frames: int, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    pictures = np.zeros((frames, 8, 8, 3), np.uint8)
    np.savez(tmp_path / "src" / "a.npz", frames=pictures, action=np.ones((frames, 1)))
    store = foreframe.data.import_recordings(tmp_path / "src", tmp_path / "store", workers=1)
    foreframe.data.inspect(store.path)
    with pytest.raises(InputError, match="ask for a shorter horizon"):
        foreframe.train("push-tiny", store.path, tmp_path / "run")
