"""The command line: what it prints, and how it ends when something is wrong."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from conftest import TINY
from foreframe.cli import main
from foreframe.cli.commands import COMMANDS
from foreframe.cli.parsing import parse
from foreframe.data.store import ClipStore
from foreframe.plugins import with_names

OPTIONS = [f"--{name}={json.dumps(value)}" for name, value in TINY.items()]


def command(*words: object) -> int:
    try:
        main([str(word) for word in words])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_a_place_may_be_given_by_its_option(
    store: ClipStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("data", "inspect", "--store", store.path) == 0
    assert f"next: foreframe train push-tiny --data {store.path}" in capsys.readouterr().out


@pytest.mark.slow
def test_the_main_job_from_the_command_line(
    store: ClipStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    training = ["train", "push-tiny", "--data", store.path, "--out", run, *OPTIONS]
    training += ["--training.steps", 6]
    assert command(*training, "--max-steps", 5) == 0
    assert f"next: foreframe eval {run} --data {store.path}" in capsys.readouterr().out
    assert command(*training) == 0
    scores, data = tmp_path / "e.json", ("--data", store.path)
    assert command("eval", run, *data, "--samples", 2, "--out", scores) == 0
    printed = capsys.readouterr().out
    assert "protocol foreframe: prior samples" in printed
    assert "2 > 4 frames, clip starts every 6 frames" in printed
    assert "verdict" in printed
    assert "copy last frame" in printed
    assert json.loads(scores.read_text())["samples"] == 2
    drawn = tmp_path / "s"
    assert command("sample", run, *data, "--out", drawn, "--clips", "0,1", "--samples", 2) == 0
    assert len(list(drawn.glob("*.webp"))) == 2
    assert command("plot", run, run, "--out", tmp_path / "plots") == 0
    assert command("report", run) == 0
    assert (run / "report.html").exists()


def test_data_from_the_command_line(
    store: ClipStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("data", "export", store.path, tmp_path / "layout", "--format", "pushing") == 0
    assert (
        command(
            "data",
            "import",
            tmp_path / "layout",
            tmp_path / "back",
            "--size",
            16,
            32,
            "--stride",
            2,
        )
        == 0
    )
    assert "60 frames of 16x32" in capsys.readouterr().out
    assert command("data", "inspect", tmp_path / "back", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["frame"]["height"], found["frame"]["width"], found["frames"]) == (16, 32, 60)
    assert command("data", "inspect", tmp_path / "back") == 0
    assert "action[1]" in capsys.readouterr().out
    assert command("data", "preview", store.path, tmp_path / "p.gif") == 0
    assert command("info") == 0


def test_a_dry_run_prints_everything(
    store: ClipStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        command(
            "train",
            "svg-bair",
            "--data",
            store.path,
            "--out",
            tmp_path / "r",
            "--dry-run",
            "--conditions",
            "action,state",
        )
        == 0
    )
    printed = capsys.readouterr().out
    assert "parameters" in printed
    assert "prior: fixed" in printed
    assert "- position" in printed
    assert not (tmp_path / "r").exists()


def test_arguments_from_a_yaml(store: ClipStore, tmp_path: Path, run: Path) -> None:
    (tmp_path / "eval.yaml").write_text(
        f"run: {run}\ndata: {store.path}\nsamples: 2\nout: {tmp_path / 'e.json'}\n"
    )
    assert command("eval", "--config", tmp_path / "eval.yaml") == 0
    assert json.loads((tmp_path / "e.json").read_text())["samples"] == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trian"], "unknown command 'trian'; did you mean train"),
        (["data", "inspct", "x"], "did you mean data inspect"),
        (["data", "inspect"], "data inspect needs STORE"),
        (["data", "inspect", "a", "b"], "'b' is one too many"),
        (["data", "inspect", "nowhere"], "nowhere is not a clip store: the folder does not exist"),
        (["eval", "x", "--dta", "y"], "unknown option of eval '--dta'; did you mean --data"),
        (["eval", "x", "--data"], "--data has no value"),
        (["eval", "x", "--data", "y", "--samples", "many"], "--samples is 'many'; expected a who"),
        (["eval", "x"], "eval needs --data STORE; expected: foreframe eval RUN"),
        (["data", "import", "a", "b", "--size", "64"], r"--size is '\[64\]'; expected 2 whole num"),
        (
            ["train", "push-tiny", "--lr", "3e-4"],
            r"--lr is --optimiser.learning_rate.peak here: .* --optimiser.learning_rate.peak 3e-4",
        ),
        (["train", "svg-bair", "--lr=1"], r"--lr is --optimiser.learning_rate here"),
        (["train", "push-tiny", "--epochs", "5"], "--epochs has no equal here.*--training.steps"),
        (["train", "push-tiny", "--batch_size", "8"], "--batch_size is --training.batch here"),
        (["eval", "--checkpoint", "x"], "--checkpoint is RUN here, .* foreframe eval x"),
        (["eval", "x", "--data", "y", "--gpu", "1"], "--gpu is --device here: .*--device cuda:1"),
        (["report", "x", "--lr", "1"], "unknown option of report '--lr'"),
        (["eval", "x", "--data", "y", "--device", "tpu"], "--device is tpu; expected one.*: cpu"),
        (
            ["train", "push-tiny", "--data", "x", "--out", "y", "--training.steps"],
            "--training.steps has no value",
        ),
        (["data", "import", "nowhere", "out"], "nowhere does not exist"),
        (["data", "make", "pusch", "out"], "unknown world 'pusch'; did you mean push"),
        (["sample", "x", "--data", "y", "--samples", "0"], "--samples is 0; expected at least 1"),
        (
            ["train", "push-tiny", "--data", "x", "--out", "y", "--devices", "0"],
            "--devices is 0; expected at least 1",
        ),
        (["report", "nowhere"], "nowhere is not a run"),
    ],
)  # fmt: skip
def test_mistakes_get_one_line_and_status_2(
    words: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command(*words) == 2
    printed = capsys.readouterr()
    assert re.search(message, printed.err)
    assert len(printed.err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("--help") == 0
    overview = capsys.readouterr().out
    for name, listed in COMMANDS.items():
        assert with_names(listed.summary) in overview
        assert command(*name.split(), "--help") == 0
        assert f"usage: foreframe {name}" in capsys.readouterr().out


def test_positionals_are_no_options_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("data", "import", "--help") == 0
    printed = capsys.readouterr().out
    assert "arguments:\n  SRC " in printed
    assert "--src" not in printed


def test_every_foreign_spelling_leads_to_something_that_exists() -> None:
    from foreframe.cli.options import options_of
    from foreframe.cli.spelling import _NAMES
    from foreframe.training.config import SHORTHANDS
    from foreframe.training.documentation import sections

    fields = {field.name for section in sections() for field in section.fields} | {"model.name"}
    options = {o.spelling for c in COMMANDS.values() for o in options_of(c).values()}
    options |= {f"--{name.replace('_', '-')}" for name in SHORTHANDS}
    for right in _NAMES:
        assert right in fields if "." in right else f"--{right}" in options


def test_an_underscore_in_an_option_is_taken_with_a_note(
    store: ClipStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("train", "push-tiny", "--data", store.path, "--out", tmp_path / "r", "--dry_run")
    assert command(*words, "--clip.horizon=4", "--training.save-every=7") == 0
    printed = capsys.readouterr()
    assert printed.err == "foreframe: --dry_run is spelt --dry-run now\n"
    assert "save_every: 7" in printed.out


def test_a_size_may_be_written_with_an_x() -> None:
    imported = COMMANDS["data import"]
    for words in (["--size", "48x64"], ["--size", "48", "64"], ["--size=48,64"]):
        assert parse(imported, ["a", "b", *words])["size"] == (48, 64)


def test_a_printed_configuration_is_the_whole_command(
    store: ClipStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = ["train", "push-tiny", "--data", store.path, "--out", tmp_path / "r", *OPTIONS]
    assert command(*train, "--max-steps", 2, "--print-config") == 0
    file = tmp_path / "train.yaml"
    file.write_text(capsys.readouterr().out)
    assert not (tmp_path / "r").exists()
    assert command("train", "--config", file, "--training.steps", 30) == 0
    resolved = yaml.safe_load((tmp_path / "r" / "recipe.yaml").read_text())
    assert resolved["recipe"] == "push-tiny"
    assert resolved["clip"]["horizon"] == 4
    assert resolved["training"]["steps"] == 30
    assert resolved["optimiser"]["learning_rate"]["total_steps"] == 30
    assert json.loads((tmp_path / "r/state/step-0000002/state.json").read_text())["step"] == 2
    capsys.readouterr()
    assert command("eval", "x", "--data", "y", "--samples", "3", "--print-config") == 0
    assert yaml.safe_load(capsys.readouterr().out) == {"run": "x", "data": "y", "samples": 3}


def test_a_configuration_file_with_an_unknown_argument(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.yaml").write_text("rnu: x\n")
    assert command("eval", "--config", tmp_path / "c.yaml") == 2
    assert "unknown argument of eval in" in (said := capsys.readouterr().err)
    assert "did you mean run" in said


def test_the_device_is_that_of_the_command_alone() -> None:
    import torch

    from foreframe.runtime.hardware import computing_on, device

    before = device()
    with computing_on("cpu"):
        assert device() == torch.device("cpu")
    assert device() == before


def test_recipes_are_listed_with_what_they_take(capsys: pytest.CaptureFixture[str]) -> None:
    from foreframe.plugins import RECIPES

    assert command("recipes") == 0
    table = capsys.readouterr().out
    assert all(f"\n{name} " in table for name in RECIPES.names())
    assert "times: estimated, for two cores" in table
    assert command("recipes", "--json") == 0
    found = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    tiny = found["push-tiny"]
    assert tiny["about"] == "the demo's model"
    assert tiny["score"] == "25.62 dB (24.97 to 26.33)"
    assert tiny["protocol"] == "foreframe"
    assert tiny["parameters"] > 2_000_000
    assert found["svg-bair"]["score"] is None
    assert found["svg-bair"]["hours"] > 100 * tiny["hours"]


def test_a_step_is_measured_on_this_machine() -> None:
    from foreframe.training import resolve
    from foreframe.training.listing import usual_spec
    from foreframe.training.measuring import seconds_per_step

    small = {**TINY, "clip.horizon": 2, "training.batch": 1}
    config = resolve("push-tiny", changes=small)
    assert 0 < seconds_per_step(config, usual_spec(config)) < 60


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_commands_recipes_and_fields(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("shtab", reason="shtab is not installed (pip install shtab)")
    assert command("completion", shell) == 0
    script = capsys.readouterr().out
    for words in ("push-tiny", "inspect", "max-steps", "training.validate_every", "lab-pose"):
        assert words in script


def test_completion_is_tried_in_bash(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pytest.importorskip("shtab", reason="shtab is not installed (pip install shtab)")
    if not shutil.which("bash"):
        pytest.skip("there is no bash")
    assert command("completion", "bash") == 0
    (tmp_path / "completion").write_text(capsys.readouterr().out)
    asked = (
        "source completion; COMP_WORDS=(foreframe train push-t); COMP_CWORD=2; "
        "$(complete -p foreframe | sed 's/.*-F \\([^ ]*\\).*/\\1/'); echo ${COMPREPLY[@]}"
    )
    done = subprocess.run(["bash", "-c", asked], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.split() == ["push-tiny"]


def test_completion_without_shtab_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert command("completion", "bash") == 1
    assert "pip install 'foreframe[completion]'" in capsys.readouterr().err
    assert command("completion", "tcsh") == 2
    assert "SHELL is 'tcsh'; expected bash or zsh or fish" in capsys.readouterr().err


def test_a_reader_that_has_enough_is_no_error() -> None:
    shown = f"{sys.executable} -m foreframe train --help"
    words = f"set -o pipefail; {shown} | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", words], capture_output=True, text=True)
    assert done.stdout.startswith("usage: foreframe train")
    assert (done.returncode, done.stderr) in ((141, ""), (0, ""))


def test_debug_shows_where_an_error_came_from() -> None:
    from foreframe.errors import InputError

    with pytest.raises(InputError):
        main(["--debug", "report", "nowhere"])


def test_help_lists_what_is_installed(capsys: pytest.CaptureFixture[str]) -> None:
    from foreframe.plugins import EXPERIMENTS, RECIPES, WORLDS

    assert command("--help") == 0
    overview = capsys.readouterr().out
    assert ", ".join(WORLDS.names()) in overview
    assert ", ".join(EXPERIMENTS.names()) in overview
    assert command("train", "--help") == 0
    options = capsys.readouterr().out
    assert all(recipe in options for recipe in RECIPES.names())
    assert "{recipes}" not in options


def test_the_help_of_train_documents_every_field(capsys: pytest.CaptureFixture[str]) -> None:
    from foreframe.training.documentation import sections

    assert command("train", "--help") == 0
    printed = " ".join(capsys.readouterr().out.split())
    for section in sections():
        for field in section.fields:
            assert f"--{field.name} ({field.type}" in printed
            assert field.text in printed


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        (["--save-every", "5"], {"training.save_every": 5}),
        (["--precision=32-true"], {"training.precision": "32-true"}),
        (
            ["--compile", "--layout", "contiguous"],
            {"training.compile": True, "training.layout": "contiguous"},
        ),
        (["--compile", "false"], {"training.compile": False}),
        (["--conditions", "action,state"], {"clip.conditions": ["action", "state"]}),
        (["--conditions", "action", "state"], {"clip.conditions": ["action", "state"]}),
    ],
)  # fmt: skip
def test_short_options_stand_for_fields(words: list[str], changes: dict[str, object]) -> None:
    required = ["push-tiny", "--data", "d", "--out", "o"]
    assert parse(COMMANDS["train"], [*required, *words])["changes"] == changes


def test_an_old_name_warns_in_one_line_and_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("data", "make", "shove", tmp_path / "old", "--trajectories", 2, "--workers", 1)
    assert command(*words) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "shove" in line]
    assert lines == ["foreframe: world 'shove' is now 'push_keys'; the old name goes with 0.3"]
    assert ClipStore(tmp_path / "old").source["world"] == "push_keys"


def test_an_option_of_many_values_may_be_repeated() -> None:
    words = ["run", "--data", "store", "--weights", "a.pt", "b.pt", "--weights=c.pt"]
    assert parse(COMMANDS["eval"], words)["weights"] == ("a.pt", "b.pt", "c.pt")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_explains_every_option(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    from foreframe.cli.options import options_of

    assert command(*name.split(), "--help") == 0
    printed = " ".join(capsys.readouterr().out.split())
    for option in options_of(COMMANDS[name]).values():
        assert option.text, option.name
        assert f"{option.title} {with_names(option.text)}" in printed
