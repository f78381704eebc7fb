"""Notebooks: what objects show of themselves, and a session that a cell drives."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import foreframe
from foreframe import Batch, Noise, Session, pretrained
from foreframe.data.store import ClipStore
from foreframe.errors import ForeframeError, InputError
from foreframe.evaluation.results import read_evaluation
from foreframe.notebook import Driven
from foreframe.notebook.widgets import script
from foreframe.showing import pictures

ROOT = Path(__file__).resolve().parents[1]
MOST_BYTES = 60_000
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


@pytest.fixture(scope="module")
def model() -> foreframe.Model:
    return foreframe.load(pretrained.folder("push"))


@pytest.fixture(scope="module")
def clips(model: foreframe.Model) -> Batch:
    store = ClipStore(pretrained.folder("push") / "clips")
    return foreframe.data.Windows(
        store, "test", 12, model.spec.columns, numbers=model.spec.names, stride=12
    ).clips([0, 1])


@pytest.fixture
def session(model: foreframe.Model, clips: Batch) -> Session:
    session = Session(model)
    session.reset(clips.frames[:1, :2], clips.conditions[:1, :2], Noise([0], 4))
    return session


class _Reader(HTMLParser):
    """Reads HTML; counts tags, checks that they close, and keeps the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not any(name.startswith("on") for name, _ in attributes)
        if tag not in ("img", "polyline"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag != "polyline":
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "


def test_objects_show_a_picture_and_a_short_table(
    model: foreframe.Model, clips: Batch, session: Session
) -> None:
    folder = pretrained.folder("push")
    futures = foreframe.rollout(
        model, clips.frames[:, :2], clips.conditions, 2, noise=Noise([0, 1], 2), decode_from=2
    )
    shown = {
        "2,557,440": (model, []),
        "8 test": (ClipStore(folder / "clips"), ["img"]),
        "12 of 64x64x3": (clips, ["img"]),
        "2 of each of 2 clips": (futures, ["img"]),
        "futures 4": (session, ["img"]),
        "copy last frame": (read_evaluation(folder / "eval.json"), ["svg"]),
    }
    for words, (found, expected) in shown.items():
        html = found._repr_html_()
        read = _Reader(html)
        assert len(html) < MOST_BYTES
        assert words in re.sub(r"\s+", " ", read.text)
        assert [tag for tag in read.tags if tag in ("img", "svg", "script")] == expected
    assert Session(model)._repr_html_().count("call reset(") == 1


def test_names_in_a_store_cannot_write_html(store: ClipStore, tmp_path: Path) -> None:
    copy = ClipStore(shutil.copytree(store.path, tmp_path / "<script>alert(1)<"))
    assert "script" not in _Reader(copy._repr_html_()).tags


def test_pictures_of_any_size_and_depth_are_shown() -> None:
    rng = np.random.default_rng(0)
    for shape in ((1, 1, 4, 4, 1), (2, 3, 300, 500, 3), (9, 40, 16, 16, 3)):
        html = pictures(rng.integers(0, 256, shape, dtype=np.uint8), "a 'quoted' <name>")
        assert _Reader(html).tags == ["img"]


def test_marimo_shows_clips_and_models_as_jupyter_does(
    model: foreframe.Model, clips: Batch
) -> None:
    for found in (model, clips):
        assert found._display_()._repr_html_() == found._repr_html_()


def test_dir_of_data_is_what_is_public() -> None:
    assert dir(foreframe.data) == sorted(foreframe.data.__all__)


def test_a_cell_drives_as_the_session_would(session: Session) -> None:
    driven, action = Driven(session), [0.05, -0.05, 0.0, 0.0]
    head, first = driven.answer({"do": "look"})
    assert (head["step"], head["samples"]) == (0, 4)
    head, seen = driven.answer({"do": "act", "seen": 0, "action": action})
    futures = session.fork().act(torch.tensor([action]))[0]
    expected = foreframe.clips.to_uint8(futures).movedim(1, -1).numpy()  # type: ignore[attr-defined]
    assert seen.startswith(expected.tobytes())
    head, back = driven.answer({"do": "undo", "steps": 1})
    assert (head["step"], back[: 4 * 64 * 64 * 3]) == (0, first[: 4 * 64 * 64 * 3])
    driven.answer({"do": "choose", "sample": 2, "samples": 9})
    assert driven.drive.session.samples == 9
    assert session.samples == 4, "the session that was given stays where it is"


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"do": "act", "seen": 0, "action": [1.0]}, "1 numbers; expected 4"),
        ({"do": "act", "seen": 0, "row": 2}, "a cell cannot do"),
        ({"do": "choose", "sample": 7, "samples": 4}, "a cell cannot do"),
        ({"do": "run"}, "asks for something unknown"),
    ],
)
def test_a_message_that_no_cell_sends_is_refused(
    message: dict[str, Any], words: str, session: Session
) -> None:
    with pytest.raises(InputError, match=words):
        Driven(session).answer(message)


def test_only_a_session_that_can_be_driven_is(model: foreframe.Model, clips: Batch) -> None:
    fresh = Session(model)
    with pytest.raises(InputError, match="no start yet; expected one clip"):
        foreframe.widget(fresh)
    fresh.reset(clips.frames[:, :2], clips.conditions[:, :2], Noise([0, 1], 1))
    with pytest.raises(InputError, match="the session has 2 clips"):
        foreframe.widget(fresh)


def test_a_widget_answers_its_cell(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(
        "anywidget", reason="no anywidget in this environment: pip install -e '.[notebook]'"
    )
    widget, sent = foreframe.widget(session), []
    monkeypatch.setattr(widget, "send", lambda head, buffers=(): sent.append((head, buffers)))
    widget._handle_custom_msg({"do": "look"}, [])
    widget._handle_custom_msg({"do": "act", "seen": 0, "action": [0.0] * 4}, [])
    widget._handle_custom_msg({"do": "nothing"}, [])
    assert [head["is"] for head, _ in sent] == ["picture", "picture", "error"]
    assert sent[1][0]["step"] == 1
    assert (len(widget.pictures), len(widget.conditions)) == (2, 2)
    assert widget.session is not session


def test_without_anywidget_the_extra_is_named(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    from foreframe.notebook import widgets

    widgets._widget_class.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "anywidget", None)
    with pytest.raises(ForeframeError, match=r"pip install 'foreframe\[notebook\]'"):
        foreframe.widget(session)


HOST = """
const about = %s;
const heard = {};
window.sent = [];
const model = {
  get: () => about,
  on: (name, callback) => { heard[name] = callback; },
  off: (name) => { delete heard[name]; },
  send: (message) => {
    window.sent.push(message);
    const bytes = new Uint8Array(64 * 64 * 3).fill(40 * window.sent.length);
    const step = window.sent.filter((m) => m.do === 'act').length;
    const head = { is: 'picture', samples: 1, spread: false, truth: false, step, can_undo: step };
    queueMicrotask(() => heard['msg:custom']?.(head, [new DataView(bytes.buffer)]));
  },
};
const widget = (await import(URL.createObjectURL(new Blob([%s], { type: 'text/javascript' }))));
window.end = widget.default.render({ model, el: document.getElementById('cell') });
"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH")
@pytest.mark.slow
def test_keys_in_a_cell_drive_in_a_real_browser(session: Session) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright")
    about = json.dumps(Driven(session).about)
    host = HOST % (about, json.dumps(script()))
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        page, trouble = browser.new_page(), []
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.set_content("<div id='cell'></div>")
        page.add_script_tag(content=host, type="module")
        page.wait_for_selector("#cell canvas")
        page.click("#cell canvas")
        page.keyboard.down("ArrowRight")
        page.wait_for_function("window.sent.filter((m) => m.do === 'act').length > 2")
        page.keyboard.up("ArrowRight")
        acts = page.evaluate("window.sent.filter((m) => m.do === 'act')")
        high = session.model.spec.high[0]
        assert acts[0]["action"] == pytest.approx([high, 0, 0, 0])
        page.keyboard.press("z")
        page.wait_for_function("window.sent.at(-1).do === 'undo'")
        shade = page.evaluate(
            "document.querySelector('#cell canvas').getContext('2d').getImageData(0,0,1,1).data[0]"
        )
        assert shade > 0
        page.evaluate("window.end()")
        browser.close()
    assert trouble == []


TUTORIAL = ROOT / "examples" / "tutorial.ipynb"


def test_the_tutorial_is_kept_without_outputs() -> None:
    cells = json.loads(TUTORIAL.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) > 5
    assert not any(cell["outputs"] or cell["execution_count"] for cell in code)


@pytest.mark.slow
def test_the_tutorial_runs_from_recordings_to_a_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for needed in ("nbclient", "ipykernel", "anywidget"):
        pytest.importorskip(needed, reason=f"no {needed} here: pip install -e '.[dev]'")
    import nbclient
    import nbformat

    source = Path(foreframe.__file__).parents[1]
    monkeypatch.setenv("PYTHONPATH", str(source))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = nbformat.read(TUTORIAL, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=400, resources={"metadata": {"path": tmp_path}}
    ).execute()
    shown = [
        data
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if (data := output.get("data"))
    ]
    html = " ".join(data.get("text/html", "") for data in shown)
    for words in ("store tutorial/store", "model Compact", "futures", "session of Compact"):
        assert words in html
    assert "Better than copying the last frame" in html
    assert any("application/vnd.jupyter.widget-view+json" in data for data in shown)
