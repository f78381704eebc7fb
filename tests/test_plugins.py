"""An installed package adds plug-ins by name, cannot do harm, and is told what is wrong with it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import foreframe
from foreframe import models
from foreframe.data.store import ClipStore
from foreframe.errors import ForeframeError
from foreframe.metrics import find_metric
from foreframe.plugins import PluginGroup
from foreframe.schedules import schedule_class

PACKAGE = Path(__file__).parent / "plugin_package"
EXTENDING = Path(__file__).resolve().parents[1] / "docs" / "extending.md"
TINY = ("--training.log_every", "1", "--training.validate_every", "4", "--training.save_every", "4")


def install(target: Path, name: str, entry_points: dict[str, dict[str, str]]) -> None:
    """Write what pip writes of a wheel's entry points.

    It needs neither a network nor a build backend.
    """
    info = target / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = []
    for group, entries in entry_points.items():
        lines += [f"[{group}]", *(f"{key} = {value}" for key, value in entries.items()), ""]
    (info / "entry_points.txt").write_text("\n".join(lines))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example package, as pip installs it without a network."""
    target = tmp_path_factory.mktemp("site")
    source = shutil.copytree(PACKAGE, tmp_path_factory.mktemp("source") / "package")
    offline = ("--no-deps", "--no-index", "--no-build-isolation", "--quiet")
    words = ["-m", "pip", "install", *offline, "--target", str(target), str(source)]
    subprocess.run([sys.executable, *words], check=True, timeout=120)
    return target


def command(site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    source = str(Path(foreframe.__file__).parents[1])
    path = os.pathsep.join([str(site), source])
    return subprocess.run(
        [sys.executable, "-m", "foreframe", *words],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_a_package_is_trained_scored_and_drawn_by_name(
    installed: Path, store: ClipStore, tmp_path: Path
) -> None:
    run, data = str(tmp_path / "run"), str(store.path)
    for words in (
        ("train", "nudge-first", "--data", data, "--out", run, *TINY),
        ("eval", run, "--data", data, "--samples", "2"),
        ("sample", run, "--data", data, "--samples", "2", "--clips", "0"),
        ("report", run),
    ):
        done = command(installed, *words)
        assert done.returncode == 0, done.stderr
        if words[0] == "eval":
            assert "brightness error" in done.stdout
            assert "grey" in done.stdout
    found = json.loads((tmp_path / "run" / "eval.json").read_text())
    assert found["run"]["model"] == "nudge"
    assert found["scores"]["brightness"]["mean"] >= 0
    assert found["baselines"]["grey"]["psnr"]["mean"] > 0
    assert "kind: late" in (tmp_path / "run" / "recipe.yaml").read_text()
    assert list((tmp_path / "run" / "samples").glob("*.webp"))
    assert "brightness error" in (tmp_path / "run" / "report.html").read_text()


def test_a_broken_package_is_one_line(tmp_path: Path, store: ClipStore) -> None:
    install(tmp_path, "broken", {"foreframe.models": {"cracked": "no_such_module"}})
    done = command(
        tmp_path,
        *("train", "push-tiny", "--data", str(store.path), "--out", str(tmp_path / "run")),
        *("--model.name", "cracked"),
    )
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert (
        "'cracked' is offered by the installed package no_such_module, which cannot be"
        in done.stderr
    )


def test_a_package_cannot_take_over_a_name_of_ours(tmp_path: Path) -> None:
    install(tmp_path, "thief", {"foreframe.models": {"compact": "no_such_module"}})
    script = "from foreframe.plugins import MODELS; print(MODELS.module('compact').__name__)"
    source = str(Path(foreframe.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), source])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "foreframe.models.compact"


_MODEL = (
    "from foreframe.baselines import copy_last\n"
    "from foreframe.model import LatentFeedback, Model\n"
    "class Own({parent}):\n"
)
_A_MODEL, _A_COPY = _MODEL.format(parent="Model"), _MODEL.format(parent="copy_last.CopyLast")
_DATACLASS = "from dataclasses import dataclass\n@dataclass\nclass Own:\n"
WRONG = {
    "feedback is text": (
        "model", _A_COPY + "    feedback = 'latent'",
        r"Own has feedback = 'latent'; expected PixelFeedback\(\) or LatentFeedback\(\)",
    ),
    "feedback is a class": (
        "model", _A_COPY + "    feedback = LatentFeedback",
        r"Own has feedback = <class .*>; expected PixelFeedback\(\) or LatentFeedback\(\)",
    ),
    "no feedback": ("model", _A_MODEL + "    pass", "Own has feedback = None; expected"),
    "methods are missing": (
        "model", _A_MODEL + "    feedback = LatentFeedback()\n    embed = step = initial = 1",
        "Own does not define decode, encode; expected the methods of Model",
    ),
    "no model": (
        "model", "class Own:\n    pass",
        r"defines 0 subclasses of foreframe.model.Model \(none\); expected one",
    ),
    "baseline is a model": (
        "baseline", _A_MODEL + "    feedback = LatentFeedback()\n"
        "    encode = embed = initial = step = decode = 1",
        "baseline 'copy_last': Own is no subclass of foreframe.baselines.Baseline",
    ),
    "schedule has no call": (
        "schedule", _DATACLASS + "    value: float",
        r"defines Own; expected one dataclass with a method __call__\(step\)",
    ),
    "schedule is no dataclass": (
        "schedule", "class Own:\n    def __call__(self, step):\n        return 1.0",
        "defines Own; expected one dataclass",
    ),
    "schedule is a function": (
        "schedule", "def own(step):\n    return 1.0", "defines no class; expected one dataclass"
    ),
    "metric is text": (
        "metric", "METRIC = 'outsider'",
        r"outsider has no metric 'outsider'; expected METRIC = Metric\('outsider', ...\)",
    ),
}  # fmt: skip
FIND: dict[str, Callable[[], object]] = {
    "model": lambda: models.model_class("outsider"),
    "baseline": lambda: models.model_class("copy_last"),
    "schedule": lambda: schedule_class("outsider"),
    "metric": lambda: find_metric("outsider"),
}


@pytest.mark.parametrize(("kind", "source", "message"), WRONG.values(), ids=WRONG)
def test_a_plug_in_of_the_wrong_kind_is_told_what_is_expected(
    kind: str, source: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("outsider")
    module.__file__ = "outsider.py"
    monkeypatch.setitem(sys.modules, "outsider", module)
    exec(source, module.__dict__)
    monkeypatch.setattr(PluginGroup, "module", lambda group, name: module)
    with pytest.raises(ForeframeError, match=message):
        FIND[kind]()


@pytest.mark.parametrize(
    "file",
    [
        "pyproject.toml",
        *(f"foreframe_example/{name}.py" for name in ("nudge", "brightness", "grey", "late")),
        "foreframe_example/recipes/nudge-first.yaml",
    ],
)
def test_the_page_shows_the_package_as_it_is(file: str) -> None:
    assert (PACKAGE / file).read_text().strip() in EXTENDING.read_text()


def test_the_example_model_is_as_short_as_the_page_says() -> None:
    promised = re.search(r"^## Add a model in (\d+) lines$", EXTENDING.read_text(), re.MULTILINE)
    lines = (PACKAGE / "foreframe_example" / "nudge.py").read_text().splitlines()
    assert promised is not None
    assert len(lines) <= int(promised[1])
