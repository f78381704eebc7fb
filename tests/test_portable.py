"""A model without PyTorch: its graphs draw what it draws, also in a browser without a server."""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import http.server
import io
import json
import shutil
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from foreframe import models
from foreframe.clips import ClipSpec
from foreframe.data.worlds.dance import skeleton
from foreframe.data.worlds.dance.figure import BONES, JOINTS
from foreframe.errors import ForeframeError, InputError
from foreframe.model import Features, LatentFeedback, Model, Step
from foreframe.noise import Noise
from foreframe.portable import OnnxSession, export, exporting, vendoring
from foreframe.portable.checking import MOST, compare
from foreframe.portable.graphs import write_graphs
from foreframe.portable.manifest import MANIFEST, STEP, WEIGHTS, read_manifest
from foreframe.portable.site import head_for_page
from foreframe.rollouts import rollout
from foreframe.state_head import StateHead
from small_models import SMALL, any_spec, small
from test_page import CHROMIUM, PIXELS, QUIET, SET

pytest.importorskip("onnxscript", reason="onnxscript is not installed: foreframe[onnx]")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: foreframe[onnx]")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an unpacked onnxruntime-web, with other content."""
    dist = tmp_path_factory.mktemp("npm") / "package" / "dist"
    dist.mkdir(parents=True)
    for name in ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"):
        (dist / name).write_text(name)
    return dist.parent


@pytest.fixture(scope="module")
def site(run: Path, package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a tiny model with two clips to begin from."""
    out = tmp_path_factory.mktemp("sites") / "site"
    exported = export(run, out, web=True, starts=2, runtime=package)
    assert exported.bytes == sum(f.stat().st_size for f in out.rglob("*") if f.is_file())
    return out


@pytest.fixture(scope="module")
def graphs(site: Path) -> Path:
    return site / "simulators" / "run"


def saved(name: str, folder: Path, n_past: int) -> Path:
    """A small model with random weights, as a run has it."""
    model = small(name, any_spec(name, 32, 32)).float()
    notes = {"n_past": n_past, "horizon": 4}
    models.save(model, name, SMALL.get(name, {}), folder, notes)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", ["svg", "pose_unet"])
def test_graphs_draw_the_futures_of_a_rollout(name: str, tmp_path: Path) -> None:
    run = saved(name, tmp_path / "run", 1)
    exported = export(run, tmp_path / "out", onnx=True)
    assert exported.checked.largest_difference <= MOST
    same_as_rollout(models.load(run), tmp_path / "out", 1)


def test_the_graphs_of_a_longer_context(run: Path, graphs: Path) -> None:
    model = models.load(run)  # the page stores weights in half precision
    weights = model.state_dict()
    model.load_state_dict({name: values.half().float() for name, values in weights.items()})
    same_as_rollout(model, graphs, 2)


def same_as_rollout(model: Model, folder: Path, n_past: int, steps: int = 4) -> None:
    frames = torch.rand(1, n_past, *model.spec.frame)
    conditions = torch.rand(1, n_past + steps, *model.spec.condition)
    with torch.no_grad():
        made = rollout(model, frames, conditions, n_past, noise=Noise([5]), decode_from=n_past)
    noise, session = Noise([5]), OnnxSession(folder)
    draws = [
        [level.numpy() for level in noise.draw(model.latent_shapes, frames.device)]
        for _ in range(1, n_past + steps)
    ]
    context = [np.concatenate(level) for level in zip(*draws[: n_past - 1], strict=True)]
    session.reset(frames[0].numpy(), conditions[0, :n_past].numpy(), context)
    for t in range(n_past, n_past + steps):
        seen = session.act(conditions[0, t].numpy(), draws[t - 1])
        expected = made.frames[:, t - n_past].clamp(0, 1).numpy()
        np.testing.assert_allclose(seen, expected, atol=MOST)


def test_each_future_can_have_its_own_action(run: Path, graphs: Path) -> None:
    manifest, session = read_manifest(graphs), OnnxSession(graphs)
    spec, generator = manifest.clip, np.random.default_rng(0)
    frames = generator.random((manifest.n_past, *spec.frame), np.float32)
    past = np.zeros((manifest.n_past, *spec.condition), np.float32)
    actions = np.float32([[-3, 0], [3, 0], [-3, 0]])
    session.reset(frames, past, futures=3)
    together = session.act(actions)
    session.reset(frames, past)
    np.testing.assert_allclose(together[1], session.act(actions[1])[0], atol=1e-5)
    np.testing.assert_allclose(together[0], together[2], atol=1e-5)
    assert np.abs(together[0] - together[1]).max() > 1e-4
    with pytest.raises(InputError, match=r"frames have shape .*; expected \[2, 3, 32, 64\]"):
        session.reset(frames[:1], past)


class Warps(Model):
    """Copies pixels of the context from where the latent says, as a decoder with a flow does."""

    feedback = LatentFeedback()
    latent_shapes = ((2,),)

    def encode(self, frames: Tensor, conditions: Tensor) -> Features:
        return Features(frames.mean((3, 4)), (frames,))

    def embed(self, conditions: Tensor) -> Tensor:
        return conditions

    def initial(self, code: Tensor) -> tuple[Tensor]:
        return (code[:, :2],)

    def step(
        self,
        state: tuple[Tensor],
        previous: Tensor | None,
        condition: Tensor,
        target: Tensor | None,
        noise: tuple[Tensor, ...],
    ) -> tuple[tuple[Tensor], Step]:
        moved = state[0] + 0.1 * noise[0] + condition
        return (moved if previous is None else moved + previous[:, :2],), Step(moved, None, ())

    def decode(self, code: Tensor, conditions: Tensor, skips: tuple[Tensor, ...]) -> Tensor:
        clips, steps = code.shape[:2]
        still = F.affine_grid(torch.eye(2, 3)[None], [1, *self.spec.frame], align_corners=False)
        flow = still + code.flatten(0, 1)[:, None, None]
        copied = skips[0][:, None].expand(-1, steps, -1, -1, -1).flatten(0, 1)
        warped = F.grid_sample(copied, flow, align_corners=False)
        return warped.unflatten(0, (clips, steps))


def test_a_decoder_that_warps_pictures_is_exported(tmp_path: Path) -> None:
    spec = ClipSpec((3, 8, 8), (2,), names=("x", "y"), mean=(0.0,) * 2, std=(0.3,) * 2)
    model = Warps(spec)
    described = exporting.manifest_of(
        "warps", "warps", model, models.TrainedClip(2, 4), write_graphs(model, 2, tmp_path)
    )
    described.write(tmp_path)
    assert compare(model, 2, tmp_path).largest_difference <= MOST


def test_graphs_of_another_model_are_noticed(run: Path, graphs: Path) -> None:
    other = models.load(run)
    with torch.no_grad():
        other.decoder.leave.bias += 0.1  # type: ignore[union-attr, operator]
    with pytest.raises(ForeframeError, match="differ from the model by"):
        compare(other, 2, graphs)


def test_the_manifest_says_what_goes_in(graphs: Path, tmp_path: Path) -> None:
    manifest = read_manifest(graphs)
    inputs = {place.name: place.shape for place in manifest.graphs[STEP].inputs}
    assert inputs["condition"] == ("futures", 2)
    assert inputs["noise_0"] == ("futures", *manifest.latent_shapes[0])
    assert {"fed", "previous", *manifest.states} < set(inputs)
    assert manifest.checked is not None
    assert manifest.checked.largest_difference <= MOST
    assert "floats in [0, 1]" in manifest.conventions["frames"]
    shutil.copytree(graphs, tmp_path / "copy")
    text = (tmp_path / "copy" / MANIFEST).read_text()
    (tmp_path / "copy" / MANIFEST).write_text(text.replace('"n_past": 2', '"n_past": 3'))
    with pytest.raises(InputError, match="digest"):
        OnnxSession(tmp_path / "copy")
    (tmp_path / "copy" / MANIFEST).write_text(text)
    (tmp_path / "copy" / WEIGHTS).unlink()
    with pytest.raises(InputError, match=rf"{WEIGHTS} is missing"):
        OnnxSession(tmp_path / "copy")


def test_an_export_says_nothing_of_this_machine(graphs: Path) -> None:
    for file in graphs.rglob("*.onnx"):
        assert b".py" not in file.read_bytes()


def test_an_export_is_whole_or_not_there(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ForeframeError("the graphs differ")

    monkeypatch.setattr(exporting, "compare", fail)
    monkeypatch.setattr(exporting, "write_graphs", lambda *_: {})
    with pytest.raises(ForeframeError, match="the graphs differ"):
        export(run, tmp_path / "out", onnx=True)
    assert list(tmp_path.iterdir()) == []


def test_only_an_older_export_is_replaced(run: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="holds something else"):
        export(run, tmp_path, onnx=True)
    (tmp_path / MANIFEST).write_text("{}")
    with pytest.raises(InputError, match=r"holds notes\.txt beside an export"):
        export(run, tmp_path, onnx=True)
    with pytest.raises(InputError, match="--onnx, or --web"):
        export(run, tmp_path / "out")
    with pytest.raises(InputError, match="is inside the run"):
        export(run, run / "out", onnx=True)


# The runtime of the page


@pytest.fixture
def published(package: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A registry that has the package; what is fetched from it is noted."""
    content, asked = io.BytesIO(), []
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        archive.add(package, "package")
    archive_bytes = content.getvalue()
    digest = base64.b64encode(hashlib.sha512(archive_bytes).digest()).decode()
    monkeypatch.setattr(vendoring, "INTEGRITY", f"sha512-{digest}")

    def open_address(address: str, timeout: float) -> io.BytesIO:
        asked.append(address)
        return io.BytesIO(archive_bytes)

    monkeypatch.setattr(vendoring.urllib.request, "urlopen", open_address)
    return asked


def test_the_runtime_is_fetched_once(published: list[str], tmp_path: Path) -> None:
    made = [vendoring.fetched_runtime(tmp_path) for _ in range(2)]
    assert made[0] == made[1]
    name = f"onnxruntime-web-{vendoring.VERSION}"
    assert published == [f"https://registry.npmjs.org/onnxruntime-web/-/{name}.tgz"]
    assert gzip.decompress(made[0].files[vendoring.BINARY]) == b"ort-wasm-simd-threaded.wasm"
    assert "Microsoft" in made[0].files[vendoring.NOTICE].decode()


def test_another_runtime_than_the_published_one_is_refused(
    published: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vendoring, "INTEGRITY", "sha512-other")
    with pytest.raises(ForeframeError, match="expected sha512-other"):
        vendoring.fetched_runtime(tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="npm pack onnxruntime-web@"):
        vendoring.runtime_of(tmp_path)


# The page


def real_runtime() -> vendoring.Runtime:
    try:
        return vendoring.fetched_runtime()
    except ForeframeError as error:
        pytest.skip(f"no onnxruntime-web: {error}")


@pytest.fixture(scope="module")
def page(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The page in a sub-folder of a server of static files."""
    tmp_path = tmp_path_factory.mktemp("served")
    if CHROMIUM is None:
        pytest.skip("no Chromium on the PATH")
    from playwright.sync_api import sync_playwright

    shutil.copytree(site, tmp_path / "somewhere" / "below")
    real_runtime().write(tmp_path / "somewhere" / "below" / "runtime")
    handler = functools.partial(Quiet, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
            opened, trouble = browser.new_page(), list[str]()
            opened.on("pageerror", lambda error: trouble.append(str(error)))
            opened.on("console", lambda m: trouble.append(m.text) if m.type == "error" else None)
            opened.goto(f"http://localhost:{server.server_port}/somewhere/below/")
            at_step(opened, 0)
            yield opened
            assert trouble == []
            browser.close()
    finally:
        server.shutdown()
        server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


def at_step(page: Any, step: int) -> None:
    page.wait_for_function(f"document.body.dataset.step === '{step}'", timeout=60_000)


def shown(page: Any) -> np.ndarray:
    height, width, values = page.evaluate(PIXELS, "imagined")
    return np.asarray(values, np.float64).reshape(height, width, 4)[..., :3]


@pytest.mark.slow
def test_the_page_draws_what_the_graphs_draw(page: Any, graphs: Path) -> None:
    session, start = OnnxSession(graphs), graphs / "starts" / "0.bin.gz"
    conditions = json.loads((graphs / "starts" / "0.json").read_text())["conditions"]
    frames = np.frombuffer(gzip.decompress(start.read_bytes()), np.uint8).reshape(-1, 32, 64, 3)
    first = np.moveaxis(frames[:2], -1, 1).astype(np.float32) / 255
    session.reset(first, np.float32(conditions[:2]))
    np.testing.assert_array_equal(shown(page), frames[1])
    page.evaluate(SET, ["temperature", 0])
    page.keyboard.press("p")  # replays from the beginning
    at_step(page, 0)
    for step in (1, 2, 3):
        page.keyboard.press(".")
        at_step(page, step)
        expected = session.act(np.float32(conditions[step + 1]))[0]
        seen = shown(page)
        np.testing.assert_allclose(seen, 255 * np.moveaxis(expected, 0, -1), atol=1.5)
    assert page.inner_text("#psnr").endswith("dB")
    page.keyboard.press("z")
    at_step(page, 2)
    page.keyboard.press(".")
    at_step(page, 3)
    np.testing.assert_array_equal(shown(page), seen)  # the same act sees the same again
    page.evaluate(SET, ["temperature", 1])
    page.keyboard.press("4")
    page.wait_for_function("document.getElementById('imagined').width > 64")
    page.keyboard.press("u")
    page.keyboard.down("ArrowRight")
    page.wait_for_function("Number(document.body.dataset.step) >= 5")
    page.keyboard.up("ArrowRight")
    assert page.is_visible("#scale")
    assert not page.is_visible("#keep")


CALLED = """([file, name, given]) =>
  import(new URL(file, document.baseURI).href).then((module) => module[name](...given))"""
FOLLOWED = """([head, before, now]) =>
  import(new URL('states.js', document.baseURI).href).then((module) => {
    const whole = [0, 0, 0];
    module.following(head, before, now, whole);
    return whole;
  })"""


@pytest.mark.slow
def test_the_page_predicts_states_as_python_does(page: Any) -> None:
    rng = np.random.default_rng(0)
    episodes = [rng.normal(size=(20, 3)).cumsum(0) for _ in range(3)]
    head = StateHead.fit(episodes, episodes, (0, 2))
    before, now = rng.normal(size=(2, 3))
    told = head_for_page(head)
    whole = page.evaluate(FOLLOWED, [told, before.tolist(), now.tolist()])
    np.testing.assert_allclose([whole[0], whole[2]], head.following(before, now), atol=1e-9)


@pytest.mark.slow
def test_the_page_draws_skeletons_as_the_world_does(page: Any) -> None:
    places = np.random.default_rng(1).uniform((4, 2), (60, 30), (len(JOINTS), 2))
    info = {
        "condition": [3, 32, 64],
        "steering": {"joints": list(JOINTS), "bones": [list(bone) for bone in BONES]},
    }
    drawn = page.evaluate(CALLED, ["skeleton.js", "drawLabel", [places.tolist(), info]])
    values = list(drawn.values()) if isinstance(drawn, dict) else drawn
    seen = np.moveaxis(np.asarray(values, np.float64).reshape(3, 32, 64), 0, -1)
    assert np.sqrt(np.mean((seen - skeleton.draw(places, 32, 64)) ** 2)) < 6  # of 255
