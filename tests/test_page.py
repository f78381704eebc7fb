"""The page in a real browser.

Steer with keys, see the picture change the way the arm should go, undo, keep, change the model.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import foreframe
from clients import played

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH"),
]
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip
PIXELS = """id => {
  const c = document.getElementById(id);
  const image = c.getContext('2d').getImageData(0, 0, c.width, c.height);
  return [c.height, c.width, [...image.data]];
}"""


SET = """([id, value]) => {
  const s = document.getElementById(id);
  s.value = value;
  s.dispatchEvent(new Event('input'));
}"""
CHOOSE = """m => {
  const s = document.getElementById('model');
  s.value = m;
  s.dispatchEvent(new Event('change'));
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The shipped models, played."""
    folder = tmp_path_factory.mktemp("play")
    with played(folder / "log", "--out", str(folder / "drives")) as port:
        yield f"http://localhost:{port}/"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    context = browser.new_context(
        viewport={"width": 1200, "height": 900}, accept_downloads=True, bypass_csp=True
    )
    page, trouble = context.new_page(), []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on(
        "console", lambda message: trouble.append(message.text) if message.type == "error" else None
    )
    page.goto(address)
    at_step(page, 0)
    yield page
    assert trouble == []
    context.close()


def at_step(page: Any, step: int) -> None:
    page.wait_for_function(f"document.body.dataset.step === '{step}'", timeout=20_000)


def seen(page: Any) -> np.ndarray:
    """What the decoder shows: [H, W, 3]."""
    height, width, values = page.evaluate(PIXELS, "imagined")
    return np.asarray(values, np.float64).reshape(height, width, 4)[..., :3]


def choose(page: Any, model: str) -> None:
    """A model from its beginning, with the means of z: the same acts see the same every time."""
    page.evaluate("delete document.body.dataset.step")
    page.evaluate(CHOOSE, model)
    at_step(page, 0)
    page.evaluate(SET, ["temperature", 0])


def held(page: Any, key: str, steps: int) -> np.ndarray:
    """What is seen after a key was held for so many steps, or a few more, from the beginning."""
    page.keyboard.press("r")
    at_step(page, 0)
    page.evaluate(SET, ["pace", 30])
    page.keyboard.down(key)
    page.wait_for_function(f"Number(document.body.dataset.step) >= {steps}")
    page.keyboard.up(key)
    return seen(page)


def centre(before: np.ndarray, now: np.ndarray) -> tuple[float, float]:
    """The centre (x, y) of what changed."""
    change = np.abs(now - before).sum(-1)
    change[change < 60] = 0
    assert change.any()
    rows, columns = np.indices(change.shape)
    return float((columns * change).sum() / change.sum()), float(
        (rows * change).sum() / change.sum()
    )


def test_the_arm_goes_where_the_keys_say(page: Any) -> None:
    choose(page, "push")
    start = seen(page)
    left, right, up, down = (
        centre(start, held(page, f"Arrow{way}", 8)) for way in ("Left", "Right", "Up", "Down")
    )
    assert right[0] > left[0] + 3
    assert down[1] > up[1] + 2


def test_steps_are_undone_and_futures_go_on_side_by_side(page: Any) -> None:
    choose(page, "push")
    before, once = seen(page), None
    for _ in range(2):  # the same acts see the same
        for step in (1, 2):
            page.keyboard.press(".")
            at_step(page, step)
        once = seen(page) if once is None else once
        np.testing.assert_array_equal(seen(page), once)
        for step in (1, 0):  # each undo takes back one act
            page.keyboard.press("z")
            at_step(page, step)
        np.testing.assert_array_equal(seen(page), before)
    page.keyboard.press("9")
    page.wait_for_function("document.getElementById('imagined').width > 3 * 64")
    page.keyboard.press("u")
    assert page.is_checked("#spread")
    page.click("#imagined", position={"x": 20, "y": 20})
    page.keyboard.press("1")
    page.wait_for_function("document.getElementById('imagined').width === 64")


def test_the_recording_is_followed_and_shown_beside(page: Any) -> None:
    choose(page, "push")
    page.keyboard.press("p")
    page.wait_for_function("Number(document.body.dataset.step) >= 5")
    assert page.is_visible("#truth")
    assert float(page.inner_text("#psnr").removesuffix(" dB")) > 18
    page.keyboard.press("ArrowUp")
    page.wait_for_function("document.getElementById('beside').hidden")
    assert "dB" not in page.inner_text("#psnr")


def test_the_dancer_follows_a_dragged_joint_and_the_recording(page: Any) -> None:
    choose(page, "dance")
    page.keyboard.press(" ")
    page.wait_for_function("Number(document.body.dataset.step) >= 4")
    assert (
        float(page.inner_text("#psnr").removesuffix(" dB")) > 15
    )  # drawn from the joints, the labels are the recorded ones
    page.keyboard.press(" ")
    choose(page, "push")
    choose(page, "dance")
    before, box = seen(page), page.locator("#skeleton").bounding_box()
    simulators = page.evaluate("fetch('simulators').then(a => a.json())")["simulators"]
    joints = next(s for s in simulators if s["name"] == "dance")["steering"]["joints"]
    places = page.evaluate("fetch('simulators/dance/starts/0.json').then(a => a.json())")["joints"][
        1
    ]
    x, y = places[joints.index("left_wrist")]
    at = box["x"] + x / 64 * box["width"], box["y"] + y / 32 * box["height"]
    page.mouse.move(*at)
    page.mouse.down()
    page.mouse.move(at[0] + 80, at[1] - 120, steps=6)
    page.mouse.up()
    page.wait_for_function("Number(document.body.dataset.step) >= 1")
    assert not page.is_checked("#track")
    assert np.abs(seen(page) - before).max() > 20
    step = int(page.evaluate("document.body.dataset.step"))
    page.keyboard.press("p")
    page.wait_for_function(f"Number(document.body.dataset.step) >= {step + 3}")
    page.keyboard.press("m")
    assert page.is_checked("#mirror")


def test_a_drive_is_kept(page: Any, tmp_path: Path) -> None:
    choose(page, "push")
    held(page, "ArrowRight", 6)
    with page.expect_download() as waiting:
        page.click("text=GIF")
    waiting.value.save_as(tmp_path / "drive.gif")
    assert (tmp_path / "drive.gif").read_bytes()[:4] == b"GIF8"
    page.click("text=Save as a clip")
    page.wait_for_function(
        "document.getElementById('kept').textContent.includes('frames are saved')"
    )
    store = foreframe.data.ClipStore(page.inner_text("#kept").rpartition(" ")[2])
    assert store.episodes[0].length >= 8
    actions = store.column("action")
    assert (actions[2:-2, 1] > 0).any()  # dy, to the right


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (390, "dark"), (1400, "dark")])
def test_nothing_sticks_out(browser: Any, address: str, width: int, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True
    )
    page = context.new_page()
    page.goto(address)
    at_step(page, 0)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    colours = page.evaluate("(s => [s.color, s.backgroundColor])(getComputedStyle(document.body))")
    ink, paper = (sum(int(v) for v in colour[4:-1].split(",")) for colour in colours)
    assert (ink > paper) == (scheme == "dark")
    context.close()
