"""Every command that a command names as the next one works as it is printed."""

from __future__ import annotations

import dataclasses
import re
import shlex
import shutil
from pathlib import Path

import pytest

import foreframe
from conftest import squares_store
from foreframe.cli import main
from foreframe.cli.next_steps import FirstTraining, free_folder, with_data
from foreframe.data.store import ClipStore
from test_cli import OPTIONS


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a space in its name, in which commands are typed."""
    there = tmp_path / "my work"
    there.mkdir()
    monkeypatch.chdir(there)
    return there


def typed(capsys: pytest.CaptureFixture[str], *words: object) -> list[list[str]]:
    """Run a command, and return the words of the commands that it names next."""
    capsys.readouterr()
    main([str(word) for word in words])
    said = capsys.readouterr().out
    found = [shlex.split(line) for line in re.findall(r"next: (.*)", said)]
    assert all(line[0] == "foreframe" for line in found)
    for page in re.findall(r"open: file://(\S+)", said):
        assert Path(page.replace("%20", " ")).is_file()
    return [line[1:] for line in found]


def test_after_data(
    place: Path, store: ClipStore, dance_store: ClipStore, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(store.path, "a store")
    preview, training = [
        ["data", "preview", "a store", "a store.png"],
        ["train", "push-tiny", "--data", "a store", "--out", "runs/a store"],
    ]
    export = typed(capsys, "data", "export", "a store", "layout", "--format", "pushing")
    assert typed(capsys, *export[0], "--workers", 1) == [
        ["data", "preview", "layout-store", "layout-store.png"],
        ["train", "push-tiny", "--data", "layout-store", "--out", "runs/layout-store"],
    ]
    assert typed(capsys, "data", "inspect", "a store") == [training]
    assert typed(capsys, *preview) == [["data", "inspect", "a store"]]
    typed(capsys, *training, "--dry-run")
    (line,) = typed(capsys, "data", "inspect", dance_store.path)
    typed(capsys, *line, "--dry-run")
    Path("runs/a store").mkdir(parents=True)
    assert typed(capsys, "data", "inspect", "a store")[0][-1] == "runs/a store-2"


@pytest.mark.parametrize("roles", [{"frames"}, {"frames", "state"}, {"frames", "action", "state"}])
@pytest.mark.parametrize("longest", [5, 400])
def test_a_first_training_has_conditions_and_clips_that_the_store_has(
    place: Path, store: ClipStore, roles: set[str], longest: int
) -> None:
    from foreframe.cli.commands import COMMANDS
    from foreframe.cli.parsing import parse
    from foreframe.training import resolve

    line = shlex.split(FirstTraining.on(store.path, roles, longest).command)
    given = parse(COMMANDS["train"], line[2:])
    clip = resolve(given["recipe"], changes=given.get("changes")).clip
    assert clip.length <= longest
    assert set(clip.conditions) <= roles


def test_after_a_run(
    place: Path,
    store: ClipStore,
    run: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copytree(run, "a run")
    shutil.copytree(store.path, "a store")
    train = ("train", "push-tiny", "--data", "a store", "--out", "a run", *OPTIONS)
    score, draw, report = typed(capsys, *train, "--training.steps", 12)
    assert typed(capsys, *score)[1] == report
    assert typed(capsys, *draw, "--clips", 0) == [report]
    assert typed(capsys, *report) == []
    assert typed(capsys, "plot", "a run", "--out", "plots") == [report]
    restricted = typed(capsys, *score, "--split", "validate", "--samples", 2)
    assert restricted[0][-2:] == ["--split", "validate"]
    (play,) = typed(capsys, "publish", "a run", "a model", "--data", "a store", "--episodes", 1)
    monkeypatch.setattr("foreframe.serve.playing.server", lambda app: _Served())
    typed(capsys, *play, "--no-browser", "--port", 0)


def test_after_scores_of_several_protocols_the_first_is_drawn(
    run: Path, store: ClipStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from foreframe.cli import output

    scored = foreframe.evaluate(run, store.path, samples=1, out=tmp_path / "eval.json")
    protocol = dataclasses.replace(scored.protocol, name="svg-best100")
    given = {"run": run, "out": None, "data": store.path, "split": "test"}
    capsys.readouterr()
    output.evaluated(
        dataclasses.replace(scored, protocol=protocol), {**given, "protocol": "svg-best100,mcvd"}
    )
    (line,) = re.findall(r"next: (foreframe sample .*)", capsys.readouterr().out)
    assert line.endswith("--protocol svg-best100")


class _Served:
    def run(self, sockets: list[object]) -> None:
        """Serve nothing."""


def test_after_a_demo_the_same_run_is_trained_longer(
    place: Path, store: ClipStore, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from foreframe.cli import output

    out = Path("demo")
    shutil.copytree(run, out)
    shutil.copytree(store.path, out / "data")
    foreframe.evaluate(out, out / "data", samples=2)
    foreframe.report(out)
    from foreframe.evaluation.results import read_evaluation

    capsys.readouterr()
    output.demonstrated(read_evaluation(out / "eval.json"), {"out": str(out)})
    (line,) = re.findall(r"next: foreframe (.*)", capsys.readouterr().out)
    typed(capsys, *shlex.split(line), *OPTIONS, "--training.steps", 13)


def test_data_without_a_test_split_is_scored_on_its_validation(tmp_path: Path) -> None:
    made = squares_store(tmp_path / "store", 3)
    episodes = {episode.split for episode in made.episodes}
    words = with_data(f"{made.path}:0.5,{made.path}:0.5")
    assert words[:2] == ["--data", str(made.path)]
    assert ("validate" in words) == ("test" not in episodes)


def test_a_free_folder_is_the_wanted_one_or_the_next(tmp_path: Path) -> None:
    assert free_folder(tmp_path / "a") == tmp_path / "a"
    (tmp_path / "a").mkdir()
    (tmp_path / "a-2").mkdir()
    assert free_folder(tmp_path / "a") == tmp_path / "a-3"
