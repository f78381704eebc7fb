"""What earlier versions wrote is still loaded, resumed, evaluated, played and reported.

One folder of `released/` per version.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import foreframe
from conftest import ELBO
from foreframe.data.store import ClipStore
from foreframe.errors import InputError
from foreframe.runtime.unfinished import unfinished
from foreframe.simulate import Simulator

RELEASED = Path(__file__).parent / "released"
VERSIONS = sorted(folder.name for folder in RELEASED.iterdir() if (folder / "store").is_dir())


@pytest.fixture(params=VERSIONS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of what one version wrote, to work in."""
    return Path(shutil.copytree(RELEASED / request.param, tmp_path / "place"))


def changes_of(place: Path) -> dict[str, object]:
    """The settings that the run was begun with, as changes of its recipe."""
    config = json.loads((place / "run" / "identity.json").read_text())["config"]
    sections = {name: value for name, value in config.items() if name != "recipe"}
    return {
        f"{s}.{key}": value for s, options in sections.items() for key, value in options.items()
    }


def test_there_is_something_to_load() -> None:
    assert VERSIONS
    written = [f for f in RELEASED.rglob("*") if f.is_file() and "__pycache__" not in f.parts]
    assert sum(file.stat().st_size for file in written) < 300_000 * len(VERSIONS)


def test_a_store_is_read_and_is_what_was_written(place: Path) -> None:
    assert foreframe.data.validate(place / "store")["damaged"] == []
    store = ClipStore(place / "store")
    roles = {name: column.role for name, column in store.columns.items()}
    assert (roles["action"], roles["state"]) == ("action", "state")
    assert len(store.episodes) == 5
    assert int(store.column("frames").max()) == 250  # the bright square
    assert foreframe.data.inspect(place / "store")["frames"] == 40


def test_a_run_goes_on_with_the_same_command(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = changes_of(place)
    result = foreframe.train("push-tiny", place / "store", place / "run", changes=changes)
    assert "resuming from step 3" in capsys.readouterr().out
    assert result.steps == 6
    logged = [
        json.loads(line) for line in (place / "run" / "metrics.jsonl").read_text().splitlines()
    ]
    assert [line["step"] for line in logged if "loss" in line] == [1, 2, 3, 4, 5, 6]
    changes = {**ELBO, **changes}  # the recipe has changed since
    foreframe.train("push-tiny", place / "store", place / "anew", changes=changes)
    anew = [
        json.loads(line) for line in (place / "anew" / "metrics.jsonl").read_text().splitlines()
    ]
    losses = [[line["loss"] for line in lines if "loss" in line] for lines in (logged, anew)]
    np.testing.assert_allclose(*losses, rtol=1e-3)  # another build of torch may round otherwise


def test_options_that_a_run_did_not_know_have_their_defaults(place: Path) -> None:
    """As a run of any earlier version has fewer keys.

    An option given now that is no default still counts.
    """
    file = place / "run" / "identity.json"
    identity = json.loads(file.read_text())
    for section, option in (("clip", "pushforward"), ("training", "accumulate"), ("model", "fine")):
        del identity["config"][section][option]
    file.write_text(json.dumps(identity))
    changes = changes_of(place)
    with pytest.raises(InputError, match=r"different: model.fine: \d+ there, 2 here"):
        foreframe.train(
            "push-tiny", place / "store", place / "run", changes=changes | {"model.fine": 2}
        )
    identity["config"]["model"]["fine"] = 2
    file.write_text(json.dumps(identity))
    result = foreframe.train("push-tiny", place / "store", place / "run", changes=changes_of(place))
    assert result.steps == 6


def test_a_run_begun_with_other_settings_is_still_refused(place: Path) -> None:
    changes = changes_of(place) | {"training.batch": 1}
    with pytest.raises(InputError, match=r"is another run \(different: training.batch: 2 there, 1"):
        foreframe.train("push-tiny", place / "store", place / "run", changes=changes)


def test_another_run_begins_from_its_state(place: Path) -> None:
    changes = changes_of(place)
    result = foreframe.train(
        "push-tiny", place / "store", place / "more", changes=changes, resume_from=place / "run"
    )
    assert result.steps == 6


def test_scores_are_what_they_were(place: Path) -> None:
    """The run's and the published model's, from the same seed."""
    for folder in ("run", "published"):
        before = json.loads((place / folder / "eval.json").read_text())
        foreframe.evaluate(
            place / folder, place / "store", samples=2, seed=before["seed"], out=place / "new.json"
        )
        now = json.loads((place / "new.json").read_text())
        for name, figure in before["scores"].items():
            assert now["scores"][name]["per_frame"] == pytest.approx(figure["per_frame"], abs=0.01)
        assert set(before["baselines"]) <= set(now["baselines"])


def test_a_published_model_is_loaded_and_driven(place: Path) -> None:
    """From the clips beside it, with states that a head predicts."""
    assert type(foreframe.load(place / "published")).__name__ == "Compact"
    simulator = Simulator(place / "published")
    assert simulator.steered == [0, 1]
    seen = simulator.act([simulator.begin(0)], [np.array([1.0, 0.0], np.float32)])[0]
    assert seen.isfinite().all()


def test_a_report_is_made_of_a_run_and_its_scores(place: Path) -> None:
    foreframe.sample(place / "run", place / "store", samples=2, clips=(0,))
    page = foreframe.report(place / "run").read_text()
    assert "push-tiny" in page
    assert page.count("data:image/webp;base64,") >= 1
    assert foreframe.plot([place / "run"], place / "plots")


@pytest.mark.parametrize(
    ("file", "read"),
    [
        ("run/identity.json", lambda p: train_again(p)),
        ("run/eval.json", lambda p: foreframe.report(p / "run")),
        ("store/manifest.json", lambda p: ClipStore(p / "store")),
        ("run/state/step-0000003/state.json", lambda p: train_again(p)),
        ("published/states.json", lambda p: Simulator(p / "published")),
        ("anew.partial/source.json", lambda p: build_again(p)),
    ],
)
def test_what_a_newer_version_wrote_says_so(
    place: Path, file: str, read: Callable[[Path], object]
) -> None:
    where = place / file
    where.parent.mkdir(exist_ok=True)
    values = json.loads(where.read_text()) if where.exists() else {}
    kind = values.get("schema", KINDS.get(where.name, "")).split("/")[0]
    where.write_text(json.dumps({**values, "schema": f"{kind}/2"}))
    with pytest.raises(InputError, match=rf"{kind}/2', which was written by a newer .*upgrade"):
        read(place)


KINDS = {
    "identity.json": "foreframe.run",
    "eval.json": "foreframe.evaluation",
    "source.json": "foreframe.unfinished",
}


def train_again(place: Path) -> None:
    foreframe.train("push-tiny", place / "store", place / "run", changes=changes_of(place))


def build_again(place: Path) -> None:
    with unfinished(place / "anew", "clip store") as making:
        making.claim({"squares": 1})


def test_every_file_says_its_schema(run: Path, store: ClipStore) -> None:
    """Of a run and a store as they are written now; lists of files and logs lie beside one."""
    files = [*run.rglob("*.json"), *store.path.rglob("*.json")]
    without = [f.name for f in files if "schema" not in json.loads(f.read_text())]
    assert len(files) > 4
    assert set(without) <= {"source_files.json"}
