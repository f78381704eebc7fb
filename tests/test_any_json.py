"""Any value in any place of a file that is read: what it says, or an error of one line."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

import foreframe
from conftest import TINY, squares_store
from foreframe import models
from foreframe.cli import output
from foreframe.data.splitting import read_split_list
from foreframe.data.store import MANIFEST, ClipStore
from foreframe.data.windows import Windows
from foreframe.errors import InputError
from foreframe.evaluation.results import read_evaluation
from foreframe.outcome_head import FILE as OUTCOMES
from foreframe.outcome_head import OutcomeHead, load_outcome_head
from foreframe.plugins import EXPERIMENTS
from foreframe.reporting.page import _text, log_of
from foreframe.runtime.digests import with_digest
from foreframe.simulate import Simulator
from foreframe.state_head import StateHead, load_head
from foreframe.training import resolve
from foreframe.training import state as states

EXAMPLES = int(os.environ.get("FOREFRAME_EXAMPLES", "6"))  # `make soak` sets many
AT_LENGTH = EXAMPLES > 100  # drawing takes a second
ANY = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
WILD = st.one_of(
    st.sampled_from(
        [None, True, 0, -1, 1, 2.5, 1e308, -1e308, float("nan"), float("inf"), 10**30, 2**31]
    ),
    st.sampled_from(["", "x", "frames", "../../etc/passwd", "\x00", "\ud800", "a" * 5000, "0"]),
    st.sampled_from([[], {}, [[]], [None], {"": None}, [1, 2, 3], {"a": {"b": [1]}}, ["x"] * 3]),
    st.integers(-5, 300),
    st.floats(-10, 1000, allow_nan=False),
)
GIVEN = {"run": "r", "data": "d", "out": None, "protocol": "foreframe", "split": "test"}
Values = Any


def places(value: Values, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value inside JSON values."""
    yield at
    inside = value.items() if isinstance(value, dict) else ()
    inside = enumerate(value) if isinstance(value, list) else inside
    for key, item in inside:
        yield from places(item, (*at, key))


def changed(value: Values, data: st.DataObject) -> Values:
    """A copy with a wild value put in one place, or one place taken out, or a key added."""
    at = data.draw(st.sampled_from(list(places(value))))
    if not at:
        return data.draw(WILD)
    out = copy.deepcopy(value)
    inside = out
    for key in at[:-1]:
        inside = inside[key]
    how = data.draw(st.sampled_from(["put", "put", "put", "take", "add"]))
    if how == "take":
        del inside[at[-1]]
    elif how == "add" and isinstance(inside, dict):
        inside[data.draw(st.sampled_from(["new", "", "../x", "schema"]))] = data.draw(WILD)
    else:
        inside[at[-1]] = data.draw(WILD)
    return out


def sealed(value: Values) -> Values:
    """With the digest that it would have, so that more than the digest is asked."""
    if not isinstance(value, dict):
        return value
    return with_digest({key: item for key, item in value.items() if key != "digest"})


def as_json(value: Values) -> str:
    return json.dumps(value)


def works_or_says(*reads: Callable[[], Any]) -> None:
    """Each either works or is an error of one line."""
    said: list[str] = []
    for read in reads:
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                read()
            except InputError as error:
                said.append(str(error))
    assert not [line for line in said if "\n" in line]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store, a run on it with its scores, and a published model."""
    root = tmp_path_factory.mktemp("json")
    store = squares_store(root / "store", 5).path
    changes = {**TINY, "training.steps": 2, "training.save_every": 2, "clip.horizon": 3}
    foreframe.train("push-tiny", store, root / "run", changes=changes)
    foreframe.evaluate(root / "run", store, samples=1)
    rows = torch.randn(3, 9, 4).double().numpy()
    StateHead.fit(rows, rows[:1], [2, 3]).save(root / "run")
    return root


@contextlib.contextmanager
def file_of(file: Path, text: str) -> Iterator[None]:
    """Another content of a file while the block runs."""
    before = file.read_bytes()
    file.write_text(text, errors="surrogatepass")
    try:
        yield
    finally:
        file.write_bytes(before)


@ANY
@given(st.data())
def test_any_manifest(place: Path, data: st.DataObject) -> None:
    store = place / "store"
    values = changed(json.loads((store / MANIFEST).read_text()), data)
    with file_of(store / MANIFEST, as_json(sealed(values))):
        works_or_says(
            lambda: output.validated(foreframe.data.validate(store), {}),
            lambda: output.inspected(foreframe.data.inspect(store), {"json": False}),
            lambda: output.made(ClipStore(store), {}),
            lambda: Windows(ClipStore(store), "train", 4, ("action",)).clips([0]),
            lambda: foreframe.train("push-tiny", store, place / "dry", dry_run=True),
            lambda: foreframe.preview(store, place / "preview.png"),
        )


@ANY
@given(st.data())
def test_any_description_of_a_model(place: Path, data: st.DataObject) -> None:
    weights = place / "run" / models.WEIGHTS
    out = place / "forged"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    described = {**models.describe(place / "run")}
    text = as_json(sealed(changed(described, data)))
    save_file(load_file(weights), out / models.WEIGHTS, {"config": text})
    works_or_says(
        lambda: models.load(out),
        lambda: Simulator(out, place / "store").begin(),
        lambda: foreframe.sample(out, place / "store", place / "drawn", clips=(0,), samples=1),
    )


@ANY
@given(st.data())
def test_any_scores(place: Path, data: st.DataObject) -> None:
    file = place / "run" / "eval.json"
    with file_of(file, as_json(changed(json.loads(file.read_text()), data))):
        works_or_says(
            lambda: output.evaluated(read_evaluation(file), GIVEN),
            *([lambda: foreframe.report(place / "run")] if AT_LENGTH else []),
        )


@ANY
@given(st.data())
def test_any_log(place: Path, data: st.DataObject) -> None:
    file = place / "run" / "metrics.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    other = changed(lines, data)
    text = "".join(as_json(line) + "\n" for line in other) if isinstance(other, list) else "{"
    with file_of(file, text):
        works_or_says(
            lambda: log_of(place / "run"),
            *([lambda: foreframe.plot([place / "run"], place / "plots")] if AT_LENGTH else []),
        )


@ANY
@given(st.data(), st.sampled_from(["identity.json", "environment.json"]))
def test_any_identity_and_environment(place: Path, data: st.DataObject, name: str) -> None:
    file = place / "run" / name
    with file_of(file, as_json(changed(json.loads(file.read_text()), data))):
        works_or_says(
            lambda: foreframe.train("push-tiny", place / "store", place / "run"),
            lambda: Simulator(place / "run"),
            lambda: foreframe.report(place / "run"),
        )


@ANY
@given(st.data())
def test_any_saved_state(place: Path, data: st.DataObject) -> None:
    folder = states.saved_states(place / "run")[0]
    file = folder / states.DESCRIBED
    with file_of(file, as_json(sealed(changed(json.loads(file.read_text()), data)))):
        works_or_says(
            lambda: states.damage(folder), lambda: states.newest_valid_state(place / "run")
        )


@ANY
@given(st.data())
def test_any_state_head(place: Path, data: st.DataObject) -> None:
    file = place / "run" / "states.json"
    with file_of(file, as_json(sealed(changed(json.loads(file.read_text()), data)))):
        works_or_says(lambda: load_head(place / "run"))


@ANY
@given(st.data())
def test_any_outcome_head(place: Path, data: st.DataObject) -> None:
    file, two = place / OUTCOMES, np.eye(2)
    OutcomeHead(["reward", "done"], two, (0.0, 1.0), [two, two[0], two, two[0]]).save(place)
    with file_of(file, as_json(sealed(changed(json.loads(file.read_text()), data)))):
        works_or_says(lambda: load_outcome_head(place))


@ANY
@given(st.data())
def test_any_configuration(place: Path, data: st.DataObject) -> None:
    values = yaml.safe_load((place / "run" / "recipe.yaml").read_text())
    file = place / "config.yaml"
    with contextlib.suppress(UnicodeEncodeError):
        file.write_text(yaml.safe_dump(changed(values, data)))
        works_or_says(lambda: resolve("push-tiny", file))


@ANY
@given(st.data())
def test_any_experiment(place: Path, data: st.DataObject) -> None:
    """What says which experiment a folder holds."""
    arms = place / "e" / "arms.json"
    arms.parent.mkdir(exist_ok=True)
    arms.write_text(as_json(data.draw(WILD)))
    name = EXPERIMENTS.names()[0]
    works_or_says(lambda: foreframe.experiment(name, place / "store", place / "e"))


@ANY
@given(st.data())
def test_any_list_of_splits(place: Path, data: st.DataObject) -> None:
    values = {"train": ["a", "b"], "validate": ["c"], "test": ["d"]}
    (place / "splits.json").write_text(as_json(changed(values, data)))
    works_or_says(lambda: read_split_list(place / "splits.json"))


NASTY = {
    "nested 100,000 deep": b"[" * 100_000,
    "nested mappings": b'{"a":' * 50_000,
    "not UTF-8": b"\xff\xfe\x00",
    "a number of 5,000 digits": b"9" * 5_000,
    "empty": b"",
    "null": b"null",
    "cut off": b'{"schema": "fore',
    "YAML 3,000 deep": b"a: " + b"[" * 3_000,
    "YAML blocks": b"".join(b" " * n + b"a:\n" for n in range(1_500)),
}


@pytest.mark.parametrize("kind", [*NASTY, "a FIFO", "a folder", "a link to nowhere"])
@pytest.mark.parametrize(
    "name",
    ["manifest.json", "identity.json", "environment.json", "eval.json", "metrics.jsonl",
     "recipe.yaml", "states.json", "state.json", "source_files.json", "config"],
)  # fmt: skip
def test_what_is_no_text_costs_one_line(name: str, kind: str, place: Path, tmp_path: Path) -> None:
    store, run = tmp_path / "store", tmp_path / "run"
    shutil.copytree(place / "store", store)
    shutil.copytree(place / "run", run)
    state = next((run / "state").iterdir())
    folder = {"state.json": state, "config": tmp_path}.get(name, run)
    file = (store if name in ("manifest.json", "source_files.json") else folder) / name
    file.unlink(missing_ok=True)
    if kind == "a FIFO":
        os.mkfifo(file)
    elif kind == "a folder":
        file.mkdir()
    elif kind == "a link to nowhere":
        file.symlink_to(tmp_path / "nowhere")
    else:
        file.write_bytes(NASTY[kind])
    reads: dict[str, list[Callable[[], Any]]] = {
        "manifest.json": [lambda: foreframe.data.validate(store)],
        "source_files.json": [lambda: ClipStore(store).source_files()],
        "identity.json": [lambda: foreframe.train("push-tiny", store, run)],
        "environment.json": [lambda: Simulator(run), lambda: _text(run, "environment.json")],
        "eval.json": [lambda: read_evaluation(run / "eval.json")],
        "metrics.jsonl": [lambda: log_of(run)],
        "recipe.yaml": [lambda: _text(run, "recipe.yaml")],
        "states.json": [lambda: load_head(run)],
        "state.json": [lambda: states.damage(state), lambda: states.newest_valid_state(run)],
        "config": [lambda: resolve("push-tiny", tmp_path / "config")],
    }
    works_or_says(*reads[name])


def test_a_store_whose_numbers_contradict_each_other_is_damaged(tmp_path: Path) -> None:
    """Each with the digest that it would have, had it been written so."""
    store = squares_store(tmp_path / "store", 5).path
    manifest = json.loads((store / MANIFEST).read_text())
    other_mean = copy.deepcopy(manifest)
    other_mean["statistics"]["action"]["mean"][0] += 0.01
    other_split = copy.deepcopy(manifest)
    for episode in other_split["episodes"]:
        episode["split"] = {"train": "test", "test": "train"}.get(episode["split"], "validate")
    twice = copy.deepcopy(manifest)
    twice["episodes"][1]["name"] = twice["episodes"][0]["name"]
    withheld = copy.deepcopy(manifest)
    withheld["episodes"][-1]["withheld"] = 2
    for values, said in (
        (other_mean, "the statistics of action: mean"),
        (other_split, "the mean picture is not that of the training split"),
        (twice, "is there twice"),
        (withheld, "its 2 withheld frames are not black"),
    ):
        (store / MANIFEST).write_text(as_json(sealed(values)))
        assert any(said in line for line in foreframe.data.validate(store)["damaged"]), said
    shifted = copy.deepcopy(manifest)
    shifted["episodes"][1]["start"] += 1
    (store / MANIFEST).write_text(as_json(sealed(shifted)))
    with pytest.raises(InputError, match="frames from 13 on"):
        foreframe.data.validate(store)
