"""The page of a run that trains: what it says, and what it sends."""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from conftest import TINY
from foreframe.cli import main
from foreframe.data.store import ClipStore
from foreframe.errors import InputError
from foreframe.serve.watching import Watching, watch, watched


def sent(address: str) -> tuple[int, bytes, str]:
    try:
        with urllib.request.urlopen(address, timeout=20) as answer:
            return answer.status, answer.read(), answer.headers["content-type"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers["content-type"]


def test_a_run_is_shown_as_it_stands(run: Path) -> None:
    with watched(run) as address:
        state = json.loads(sent(f"{address}state.json")[1])
        assert (state["step"], state["steps"], state["run"]) == (12, 12, run.name)
        assert state["best"] <= state["validation"]["validation_crps"]
        assert state["picture"] == "step-0000012.webp"
        assert sent(f"{address}progress/{state['picture']}")[2] == "image/webp"
        assert b"<svg" in sent(f"{address}curves.svg")[1]
        for name in ("", "watch.js", "watch.css"):
            assert sent(f"{address}{name}")[0] == 200
    with pytest.raises(urllib.error.URLError):
        sent(address)


def test_nothing_but_the_page_and_progress_is_sent(run: Path) -> None:
    with watched(run) as address:
        for name in ("identity.json", "progress/..%2fidentity.json", "..%2frecipe.yaml"):
            assert sent(f"{address}{name}")[0] == 404
        asked = urllib.request.Request(f"{address}state.json", headers={"host": "elsewhere.org"})
        with pytest.raises(urllib.error.HTTPError, match="403") as refused:
            urllib.request.urlopen(asked, timeout=20)
        refused.value.close()


def test_a_run_that_has_not_begun_is_waited_for(tmp_path: Path) -> None:
    with watched(tmp_path / "run") as address:
        state = json.loads(sent(f"{address}state.json")[1])
        assert (state["step"], state["steps"], state["picture"]) == (0, None, None)
        assert sent(f"{address}curves.svg")[0] == 404
    with pytest.raises(InputError, match="is not a run"):
        watch(tmp_path / "run")


def test_the_time_left_goes_by_the_steps_that_were_seen(run: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "run"))
    identity = json.loads((copy / "identity.json").read_text())
    identity["config"]["training"]["steps"] = 112
    (copy / "identity.json").write_text(json.dumps(identity))
    lines = (copy / "metrics.jsonl").read_text().splitlines(keepends=True)
    now = [0.0]
    watching = Watching(copy, lambda: now[0])
    (copy / "metrics.jsonl").write_text("".join(line for line in lines if '"step": 12' not in line))
    assert watching.summary()["seconds_left"] is None
    now[0] = 2.0
    (copy / "metrics.jsonl").write_text("".join(lines) + '{"step": 12, "warning": "it stands"}\n')
    state = watching.summary()
    assert state["seconds_left"] == 200.0  # a step in two seconds, 100 to go
    assert state["warnings"] == ["it stands"]


def test_a_training_is_watched_while_it_runs(
    store: ClipStore,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[dict[str, object]] = []

    def look(address: str) -> bool:
        opened.append(json.loads(sent(f"{address}state.json")[1]))
        return True

    monkeypatch.setattr("webbrowser.open", look)
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    words = ["train", "push-tiny", "--data", str(store.path), "--out", str(tmp_path / "run")]
    options = [f"--{name}={json.dumps(value)}" for name, value in TINY.items()]
    main([*words, *options, "--training.steps", "4", "--watch"])
    assert [state["step"] for state in opened] == [0]
    said = capsys.readouterr().out
    assert "watch it train at http://localhost:" in said
    assert "step 4: validation CRPS" in said
    assert "progress/step-0000004.webp" in said
