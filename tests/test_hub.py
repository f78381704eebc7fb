"""The hub: models are loaded from it and pushed to it, data sets imported from it.

Against a stand-in of its HTTP interface on this machine, through the whole of huggingface-hub.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import foreframe
from foreframe.cli import main
from foreframe.data.store import ClipStore
from foreframe.errors import ForeframeError, InputError
from foreframe.hub import model_at, push
from foreframe.reporting.publishing import _PUSHED as PUSHED
from foreframe.reporting.publishing import _trained_on
from foreframe.simulate import Simulator
from hub_stand_in import TOKEN, StandIn, served
from small_recordings import lerobot_v3

constants = pytest.importorskip(
    "huggingface_hub.constants",
    reason="no huggingface-hub in this environment: pip install -e '.[hub]'",
)


@pytest.fixture(scope="module")
def stand_in() -> Iterator[StandIn]:
    with served() as hub:
        yield hub


@pytest.fixture
def hub(stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """The stand-in, empty, with an empty cache and a token."""
    for remembered in ("repositories", "large", "asked", "broken", "cut", "ranges"):
        getattr(stand_in, remembered).clear()
    monkeypatch.setattr(constants, "ENDPOINT", stand_in.url)
    resolved = f"{stand_in.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", resolved)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_ASSETS_CACHE", str(tmp_path / "assets"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # before the client tries again
    return stand_in


@pytest.fixture(scope="module")
def published(run: Path, store: ClipStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("published") / "arm"
    return foreframe.publish(run, store.path, out, episodes=1, frames=7, samples=1).parent


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def weights(model: torch.nn.Module) -> list[torch.Tensor]:
    return list(model.state_dict().values())


def test_a_model_is_loaded_by_its_name_and_its_revision(hub: StandIn, published: Path) -> None:
    first = hub.add("models", "ada/arm", files_of(published), "v1")
    hub.add("models", "ada/arm", {"README.md": b"the weights are gone"})
    local = foreframe.load(published)
    for name in ("ada/arm@v1", f"hf://ada/arm@{first}"):
        found = foreframe.load(name)
        assert all(torch.equal(a, b) for a, b in zip(weights(found), weights(local), strict=True))
    with pytest.raises(InputError, match=r"^ada/arm is not a run .* has no model.safetensors"):
        foreframe.load("ada/arm")
    assert not hub.count("GET", "eval.json"), "only what is needed is fetched"


def test_a_model_is_driven_and_judged_by_its_name(
    hub: StandIn, published: Path, store: ClipStore, tmp_path: Path
) -> None:
    hub.add("models", "ada/arm", files_of(published))
    for judge, option in ((foreframe.evaluate, "FILE"), (foreframe.sample, "DIR")):
        with pytest.raises(InputError, match=f"ada/arm is on the hub; expected --out {option}"):
            judge("ada/arm", store.path)  # type: ignore[operator]
    out = tmp_path / "arm.json"
    foreframe.evaluate("ada/arm", store.path, samples=1, out=out)
    assert out.is_file()
    assert not Path("ada").exists()
    simulator = Simulator("ada/arm")
    assert simulator.name == "arm"
    assert len(simulator.starts) == 1


def test_what_was_fetched_before_loads_without_the_hub(
    hub: StandIn, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add("models", "ada/arm", files_of(published))
    foreframe.load("ada/arm")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    foreframe.load("ada/arm")
    with pytest.raises(ForeframeError, match="HF_HUB_OFFLINE is set"):
        foreframe.load("ada/another")


def test_an_interrupted_download_goes_on(
    hub: StandIn, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 500)
    hub.add("models", "ada/arm", files_of(published))
    hub.broken["model.safetensors"] = 500
    with pytest.raises(ForeframeError, match=r"busy or broken .* repeat the command"):
        foreframe.load("ada/arm")
    assert hub.count("GET", "config.json") == 1
    hub.broken.clear()
    hub.cut["model.safetensors"] = 1000
    foreframe.load("ada/arm")
    assert hub.count("GET", "config.json") == 1, "what had arrived is not fetched again"
    assert hub.ranges == ["bytes=1000-"]


MISTAKES: dict[str, tuple[Callable[[StandIn, Any], None], str, str]] = {
    "missing": (lambda hub, patch: None, "ada/none", "shows no model ada/none to this token"),
    "revision": (lambda hub, patch: None, "ada/arm@v9", "has no revision 'v9'; expected a branch"),
    "gated": (
        lambda hub, patch: (
            setattr(hub.repositories["models", "ada/arm"], "gated", True),
            patch.delenv("HF_TOKEN"),
        ),
        "ada/arm",
        "is gated, and no token was let in; .* ask for it at http",
    ),
    "no name": (lambda hub, patch: None, "hf://ada", "is no address of a model on the hub"),
    "odd name": (lambda hub, patch: None, "ada/a..b", "no name that the hub takes"),
    "gone": (
        lambda hub, patch: patch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9"),
        "ada/arm",
        "cannot be reached .no answer from http://127.0.0.1:9: .* what has arrived is kept",
    ),
}


@pytest.mark.parametrize(("change", "name", "message"), MISTAKES.values(), ids=MISTAKES)
def test_what_goes_wrong_is_said_with_the_way_out(
    change: Callable[[StandIn, Any], None],
    name: str,
    message: str,
    hub: StandIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub.add("models", "ada/arm", {"model.safetensors": b"never read"})
    change(hub, monkeypatch)
    with pytest.raises(ForeframeError, match=message) as raised:
        foreframe.load(name)
    assert "\n" not in str(raised.value)


def test_a_misspelt_folder_is_not_looked_up_on_the_hub(
    hub: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"runs/amr is not a run with a model: it does not exist"):
        foreframe.load("runs/amr")
    assert not hub.asked


def test_a_run_is_pushed_with_its_card_and_comes_back(
    hub: StandIn, run: Path, published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "arm"
    shutil.copytree(run, copy)
    words = ("--push", "ada/arm", "--license", "mit", "--samples", "1", "--frames", "7")
    hub.broken["/commit/"] = 503
    with pytest.raises(SystemExit) as ended:
        main(["publish", str(copy), *words])
    assert ended.value.code == 1
    assert "repeat the command" in capsys.readouterr().err
    sent, measured = hub.count("PUT", "/lfs/"), (copy.with_name("arm-published") / "eval.json")
    assert sent > 0
    written = measured.stat().st_mtime_ns
    hub.broken.clear()
    main(["publish", str(copy), *words])
    assert hub.count("PUT", "/lfs/") == sent, "what had arrived is not sent again"
    assert measured.stat().st_mtime_ns == written, "nothing is scored again"
    out = capsys.readouterr().out
    assert f"pushed it to {hub.url}/ada/arm" in out
    assert "next: foreframe play ada/arm" in out

    there = hub.repositories["models", "ada/arm"].newest
    front = yaml.safe_load(there["README.md"].decode().split("---")[1])
    assert front["library_name"] == "foreframe"
    assert front["license"] == "mit"
    assert {"video-prediction", "compact", "action-conditioned"} <= set(front["tags"])
    (result,) = front["model-index"][0]["results"]
    scores = {metric["type"]: metric["value"] for metric in result["metrics"]}
    assert scores["psnr"] == pytest.approx(
        foreframe.evaluate(copy, _trained_on(copy), samples=1).scores["psnr"].mean,
        abs=0.1,  # the published weights are rounded
    )
    assert "](futures.webp)" in there["README.md"].decode()
    assert there["futures.webp"][:4] == b"RIFF"
    found, local = foreframe.load("ada/arm"), foreframe.load(copy.with_name("arm-published"))
    assert all(torch.equal(a, b) for a, b in zip(weights(found), weights(local), strict=True))


def test_a_push_replaces_its_own_files_and_leaves_others(hub: StandIn, published: Path) -> None:
    mine = {"clips/columns/old.float32": b"old", "LICENSE": b"mine", ".gitattributes": b""}
    hub.add("models", "ada/arm", mine)
    push(published, model_at("ada/arm"), PUSHED)
    there = hub.repositories["models", "ada/arm"].newest
    assert set(there) == {*files_of(published), "LICENSE", ".gitattributes"}


@pytest.mark.parametrize(
    ("token", "address", "message"),
    [
        (None, "ada/arm", "there is no token to push ada/arm with"),
        (TOKEN, "ada/arm@v1", "pushed to the branch main, not to 'v1'"),
        (TOKEN, "arm", "is no address of a model"),
    ],
)
def test_a_push_that_cannot_be_is_refused_with_the_way_out(
    token: str | None,
    address: str,
    message: str,
    hub: StandIn,
    run: Path,
    store: ClipStore,
    published: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if token is None:
        monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(InputError, match=message):
        foreframe.publish(run, store.path, published, episodes=1, frames=7, samples=1, push=address)


def test_a_token_without_the_right_is_told_so(
    hub: StandIn, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_another")
    with pytest.raises(InputError, match=r"the hub refuses .* this token may not do it"):
        push(published, model_at("ada/arm"), PUSHED)


def test_a_data_set_is_imported_at_a_commit_that_is_kept(
    hub: StandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("av", reason="no PyAV in this environment: pip install -e '.[lerobot]'")
    files = files_of(lerobot_v3(tmp_path / "set"))
    first = hub.add("datasets", "ada/pushes", files | {"videos/observation.other/a.mp4": b"large"})
    out = tmp_path / "store"
    words = ["data", "import", "hf://ada/pushes", str(out), "--camera", "observation.images.top"]
    hub.broken["/videos/"] = 500
    with pytest.raises(SystemExit):
        main(words)
    assert "what has arrived is kept" in capsys.readouterr().err
    hub.broken.clear()
    main(words)
    assert hub.count("GET", "resolve/") == 4, "each file once, and no other camera's"
    assert ClipStore(out).source["path"] == f"hf://ada/pushes@{first}"
    local = foreframe.data.import_recordings(tmp_path / "set", tmp_path / "local", workers=1)
    assert [e.digests for e in ClipStore(out).episodes] == [e.digests for e in local.episodes]

    newer = hub.add("datasets", "ada/pushes", files | {"README.md": b"words"})
    main(words)  # the same command means the same recordings
    assert ClipStore(out).source["path"] == f"hf://ada/pushes@{first}"
    capsys.readouterr()
    other = foreframe.data.import_recordings(f"hf://ada/pushes@{newer}", tmp_path / "newer")
    assert other.source["path"] == f"hf://ada/pushes@{newer}"
    main([*words, "--update"])  # nothing that was read has changed


def test_a_data_set_of_another_format_is_refused_before_it_is_fetched(
    hub: StandIn, tmp_path: Path
) -> None:
    hub.add("datasets", "ada/texts", {"data/large.parquet": b"0" * 1000})
    with pytest.raises(InputError, match=r"hf://ada/texts is no LeRobotDataset .*hf download"):
        foreframe.data.import_recordings("hf://ada/texts", tmp_path / "store")
    assert not hub.count("GET", "large.parquet")
