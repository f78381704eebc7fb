"""The page in a real browser.

Steer with keys, see the picture change the way the arm should go, undo, keep, change the model.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import foreframe
from clients import get, played, played_at

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


@pytest.fixture
def opened(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Open the page in a window of a kind; `told` changes what the page is told of its models."""
    with contextlib.ExitStack() as closing:

        def open_page(
            told: Callable[[Any], None] = lambda found: None,
            before: Callable[[Any], None] = lambda context: None,
            **options: Any,
        ) -> Any:
            context = browser.new_context(bypass_csp=True, **options)
            closing.callback(context.close)
            before(context)

            def change(route: Any) -> None:
                found = route.fetch().json()
                told(found)
                route.fulfill(json=found)

            context.route("**/simulators", change)
            page = context.new_page()
            page.goto(address)
            at_step(page, 0)
            return page

        yield open_page


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
    assert page.inner_text("#run").startswith("Replay")
    page.wait_for_timeout(400)
    assert step_of(page) == 0  # it starts when it is told to
    page.keyboard.press(" ")
    page.wait_for_function("Number(document.body.dataset.step) >= 5")
    page.keyboard.press(" ")
    page.wait_for_timeout(200)
    assert page.is_visible("#truth")
    assert float(page.inner_text("#psnr").removesuffix(" dB")) > 18
    assert values_of(page) == pytest.approx(recorded(page)[1 + step_of(page)], abs=0.006)
    page.keyboard.down("ArrowUp")  # the recording's command may be held for another frame
    page.wait_for_function("document.getElementById('beside').hidden")
    page.wait_for_function("!document.getElementById('psnr').textContent.includes('dB')")
    page.keyboard.up("ArrowUp")
    assert not page.is_checked("#replay")


def step_of(page: Any) -> int:
    return int(page.evaluate("document.body.dataset.step"))


def recorded(page: Any) -> list[list[float]]:
    """The recorded actions of the first clip of push."""
    found = page.evaluate("fetch('simulators/push/starts/0.json').then(a => a.json())")
    return list(found["actions"])


def values_of(page: Any) -> list[float]:
    """What the sliders say."""
    shown = page.locator("#columns output").all_inner_texts()
    return [float(text.split()[0].replace("\N{MINUS SIGN}", "-")) for text in shown]


SETTINGS = """() => [...document.querySelectorAll('select, input[type=radio]')].map(
  (control) => control.type === 'radio' ? control.checked : control.value)"""


@pytest.mark.parametrize(
    "clicked",
    ["#samples label:nth-child(2)", "#strength", "#temperature", "#once", "#renew", "#spread",
     "#starts button:nth-child(2)", "#imagined", "summary", "#model", ".hand select"],
)  # fmt: skip
def test_arrows_drive_after_any_click(page: Any, clicked: str) -> None:
    page.locator(clicked).first.click()
    if clicked in ("#model", ".hand select"):
        page.keyboard.press("Escape")  # the list was opened and closed
    page.wait_for_timeout(300)
    before, settings = step_of(page), page.evaluate(SETTINGS)
    strength = page.input_value("#strength")
    for key in ("ArrowRight", "ArrowDown", "d"):
        page.keyboard.down(key)
        at = step_of(page)
        page.wait_for_function(f"Number(document.body.dataset.step) >= {at + 2}")
        page.keyboard.up(key)
    assert step_of(page) >= before + 6
    assert page.evaluate(SETTINGS) == settings
    assert page.input_value("#strength") == strength


def test_space_pauses_after_run_was_clicked(page: Any) -> None:
    page.click("#run")
    page.wait_for_function("Number(document.body.dataset.step) >= 2")
    page.keyboard.press(" ")
    page.wait_for_timeout(300)
    step = step_of(page)
    page.wait_for_timeout(400)
    assert step_of(page) == step
    assert page.inner_text("#run").startswith("Run")


def test_a_control_that_is_reached_with_tab_keeps_its_keys(page: Any) -> None:
    page.click("#once")
    at_step(page, 1)
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.type") == "radio":
            break
    page.keyboard.press("ArrowRight")
    assert page.is_checked("#samples label:nth-child(2) input")
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "temperature":
            break
    page.keyboard.press("ArrowLeft")
    assert page.input_value("#temperature") == "0.9"
    page.wait_for_timeout(300)
    assert step_of(page) == 1


def test_models_are_listed_with_those_of_keys_first(page: Any) -> None:
    assert page.locator("#model option").all_inner_texts()[0].startswith("push")
    hands = page.locator(".hand")
    assert hands.count() == 2
    assert re.search("← \N{MINUS SIGN}0.070\\s+→ 0.070 m", hands.nth(0).inner_text())


def test_sliders_start_from_the_last_action(opened: Callable[..., Any]) -> None:
    def unsaid(found: Any) -> None:
        """Nothing is said of where push stands still, and one column is a position."""
        push = found["simulators"][0]
        del push["steering"]["still"], push["steering"]["held_frames"]
        push["columns"][1]["step"] = 0.01

    page = opened(unsaid, viewport={"width": 1280, "height": 900})
    last = recorded(page)[1]
    assert any(last)
    assert values_of(page) == pytest.approx(last, abs=0.006)
    page.keyboard.down("ArrowRight")  # dy, the position: it moves, and stays
    page.wait_for_function("Number(document.body.dataset.step) >= 3")
    page.keyboard.up("ArrowRight")
    page.wait_for_timeout(300)
    steps = step_of(page)
    moved = [last[0], last[1] + steps * 0.7 * 0.01, *last[2:]]
    assert values_of(page) == pytest.approx(moved, abs=0.006)
    for step in range(steps - 1, -1, -1):
        page.keyboard.press("z")
        at_step(page, step)
    assert values_of(page) == pytest.approx(last, abs=0.006)
    page.keyboard.press("ArrowDown")  # dx, a command: it springs back
    page.wait_for_function("Number(document.body.dataset.step) >= 1")
    assert values_of(page) == pytest.approx(last, abs=0.006)


def test_many_columns_with_long_names_are_told_apart(opened: Callable[..., Any]) -> None:
    def arm(found: Any) -> None:
        """The model is said to have an arm's joints besides; one never moves."""
        push = found["simulators"][0]
        joints = {f"observation.left_arm_joint_{i}_position": 1.5 for i in range(12)}
        joints["observation.left_arm_joint_3_position"] = -1.5
        push["columns"] += [
            {"name": name, "low": -1.5, "high": high, "mean": 0, "unit": "rad", "step": 0}
            for name, high in joints.items()
        ]

    page = opened(arm, viewport={"width": 1280, "height": 900})
    names = page.locator("#columns span").all_inner_texts()
    assert len(set(names)) == 16
    assert names[-1].endswith("joint_3")  # the constant one, last and locked
    assert page.locator("#columns input").last.is_disabled()
    assert all("joint_3" not in text for text in page.locator(".hand option").all_inner_texts())
    for control in ("#replay", "#pace", "#keep"):
        box = page.locator(control).bounding_box()
        assert box["y"] + box["height"] <= 900


def test_two_hands_steer_at_once(page: Any) -> None:
    page.keyboard.down("ArrowRight")
    page.keyboard.down("w")
    page.wait_for_function("Number(document.body.dataset.step) >= 2")
    dx, dy, close, lift = values_of(page)
    page.keyboard.up("w")
    page.keyboard.up("ArrowRight")
    assert (dx, close) == (0, 0)
    assert dy > 0.05
    assert lift > 2


PAD = """window.pad = { connected: true, id: 'a gamepad', axes: [0, 0, 0, 0],
  buttons: [...Array(16)].map(() => ({ pressed: false })) };
navigator.getGamepads = () => [null, window.pad];"""


def test_a_gamepad_steers_and_its_buttons_act(opened: Callable[..., Any]) -> None:
    page = opened(before=lambda context: context.add_init_script(PAD))
    page.wait_for_timeout(300)
    assert step_of(page) == 0  # sticks near their middle do nothing
    page.evaluate("pad.axes = [0.1, 1, 0, -1]")
    page.wait_for_function("Number(document.body.dataset.step) >= 2")
    dx, dy, close, lift = values_of(page)
    page.evaluate("pad.axes = [0, 0, 0, 0]")
    assert dx > 0.09
    assert (dy, close) == (0, 0)
    assert lift == 3
    page.wait_for_timeout(300)
    step = step_of(page)
    page.evaluate("pad.buttons[1].pressed = true")  # held, it takes back one act
    at_step(page, step - 1)
    page.wait_for_timeout(300)
    assert step_of(page) == step - 1
    page.evaluate("pad.buttons[9].pressed = true")
    page.wait_for_function(f"Number(document.body.dataset.step) >= {step + 2}")


def test_a_scale_stands_beside_the_disagreement(page: Any) -> None:
    assert page.is_hidden("#scale")
    page.keyboard.press("4")
    page.keyboard.press("u")
    page.keyboard.press(".")
    at_step(page, 1)
    assert page.inner_text("#scale").split() == ["≥", "0.25", "0"]
    picture, scale = (page.locator(i).bounding_box() for i in ("#imagined", "#scale-colours"))
    assert scale["x"] > picture["x"] + picture["width"]
    assert scale["height"] <= picture["height"]
    assert 0 < float(page.inner_text("#largest")[2:]) <= 0.25
    height, _, colours = page.evaluate(PIXELS, "scale-colours")
    assert height == 256
    assert np.ptp(np.asarray(colours[:3], int)) > 30  # the most is a colour
    assert colours[-4:-1] == [128] * 3  # none is none


def test_connection_and_recording_are_shown(browser: Any, tmp_path: Path) -> None:
    with contextlib.closing(browser.new_context(bypass_csp=True)) as context:
        page = context.new_page()
        with played(tmp_path / "log") as port:
            page.goto(f"http://localhost:{port}/")
            at_step(page, 0)
            assert page.inner_text("#link") == "connected"
            page.keyboard.press(".")
            at_step(page, 1)
            assert page.inner_text("#recording") == "recording, 3"
        page.wait_for_function("document.getElementById('link').dataset.is === 'reconnecting'")
        assert page.is_hidden("#recording")
        page.wait_for_function("document.getElementById('link').dataset.is === 'lost'")


def test_a_connection_that_breaks_is_made_again(opened: Callable[..., Any]) -> None:
    sockets = []

    def through(socket: Any) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    page = opened(before=lambda context: context.route_web_socket("**/drive", through))
    page.keyboard.press(".")
    at_step(page, 1)
    sockets[0].close()
    page.wait_for_function("document.getElementById('link').dataset.is === 'reconnecting'")
    page.wait_for_function("document.getElementById('link').dataset.is === 'connected'")
    page.wait_for_function("document.getElementById('recording').textContent === 'recording, 3'")
    page.keyboard.press(".")
    at_step(page, 2)  # the same drive


def test_a_finger_steers_and_scrolls(opened: Callable[..., Any]) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    page = opened(**phone)
    box = page.locator(".pad").first.bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] - 8, box["y"] + box["height"] / 2)
    page.wait_for_function("Number(document.body.dataset.step) >= 1")
    ways = "id => getComputedStyle(document.getElementById(id)).touchAction"
    assert [page.evaluate(ways, name) for name in ("imagined", "skeleton")] == [
        "manipulation",
        "none",
    ]


NEEDED = ["#imagined", "#run", "#once", "#undo", "#reset", "#link", "#recording", "#model"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_what_a_drive_needs_is_in_view(
    opened: Callable[..., Any], width: int, height: int, scheme: str
) -> None:
    page = opened(viewport={"width": width, "height": height}, color_scheme=scheme)
    by_model = {"push": [".pad >> nth=0", ".pad >> nth=1", "#columns", "#replay"],
                "dance": ["#skeleton", "#scrub", "#track"]}  # fmt: skip
    for model, controls in by_model.items():
        choose(page, model)
        for control in [*NEEDED, *controls]:
            box = page.locator(control).bounding_box()
            assert 0 <= box["x"] <= box["x"] + box["width"] <= width, (model, control)
            assert 0 <= box["y"] <= box["y"] + box["height"] <= height, (model, control, box)
        picture = page.locator("#imagined").bounding_box()
        assert picture["width"] >= 0.48 * width, (model, picture)


def test_a_token_opens_the_page_to_another_machine(browser: Any, tmp_path: Path) -> None:
    with (
        played_at(tmp_path / "log", "--host", "0.0.0.0", "--out", str(tmp_path)) as address,
        contextlib.closing(browser.new_context()) as context,
        contextlib.closing(browser.new_context()) as stranger,
    ):
        place, token = re.fullmatch(r"(http://[^/]+/)\?token=(\S+)", address).groups()  # type: ignore[union-attr]
        assert not re.search(r"//(0\.0\.0\.0|localhost|127\.)", place)
        page, trouble = context.new_page(), []
        page.on("console", lambda said: trouble.append(said.text))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.goto(address)
        until(lambda: page.evaluate("document.body.dataset.step") == "0")
        assert page.url == place
        assert token not in page.content()
        (cookie,) = context.cookies()
        assert (cookie["value"], cookie["httpOnly"], cookie["sameSite"]) == (token, True, "Strict")
        assert "token" not in page.evaluate("document.cookie")
        page.keyboard.press(".")
        until(lambda: page.evaluate("document.body.dataset.step") == "1")
        page.click("text=as a clip")
        until(lambda: "frames are saved" in page.inner_text("#kept"))
        page.reload()  # the cookie is enough
        until(lambda: page.evaluate("document.body.dataset.step") == "0")
        assert [said for said in trouble if "Cross-Origin-Opener-Policy" not in said] == []
        assert stranger.new_page().goto(place).status == 403
        port = int(place.rstrip("/").rpartition(":")[2])
        assert get(port, "/simulators")[0] == 403
    assert token not in (tmp_path / "log").read_text()


def until(holds: Callable[[], bool]) -> None:
    """Wait without a script in the page, which its Content-Security-Policy forbids."""
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


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
    page.keyboard.press(" ")
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
    page.click("text=as a clip")
    page.wait_for_function(
        "document.getElementById('kept').textContent.includes('frames are saved')"
    )
    command = page.inner_text("#kept code")
    assert command.startswith("foreframe data inspect ")  # too short to draw futures beside
    store = foreframe.data.ClipStore(command.rpartition(" ")[2])
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


def test_it_goes_to_a_goal_picture_by_plans(page: Any) -> None:
    assert page.is_disabled("#go")
    page.evaluate(SET, ["goal-row", "12"])
    page.wait_for_function("document.getElementById('goal').width === 64")
    page.keyboard.press("t")
    at_step(page, 4)  # where it asks for the next plan
    page.keyboard.press("t")
    assert page.inner_text("#go").startswith("Go there")
    page.click("#goal-here")
    assert page.inner_text("#going") == "goal: what was seen here"
