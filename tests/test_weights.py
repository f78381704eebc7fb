"""LPIPS and FVD with weights that are made here: the published layouts with random numbers."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import torchmetrics
from safetensors.torch import save_file
from scipy.linalg import sqrtm
from torch import Tensor
from torch.nn import functional as F

import foreframe
from foreframe import models
from foreframe.clips import Batch, to_float
from foreframe.data.building import build
from foreframe.data.store import ClipStore
from foreframe.data.windows import Windows
from foreframe.errors import InputError
from foreframe.evaluation import read_evaluation
from foreframe.evaluation.cache import ScoreCache
from foreframe.evaluation.measuring import Task, measure
from foreframe.evaluation.protocol import find_protocol
from foreframe.evaluation.sets import SetScore
from foreframe.evaluation.summary import summarise
from foreframe.evaluation.weights import equip, read_weights
from foreframe.metrics import fvd, lpips
from foreframe.metrics._frechet import frechet_distance, frechet_of_infinitely_many
from foreframe.metrics._i3d import I3D
from test_verdict import CONTEXT, HORIZON, OpenBars

HEADS = Path(torchmetrics.__file__).parent / "functional" / "image" / "lpips_models"
ALEXNET = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}
TAPS = {1: 64, 4: 192, 7: 384, 9: 256, 11: 256}


def alexnet(seed: int = 0) -> dict[str, Tensor]:
    """A file of torchvision's layout, with the classifier that is not needed."""
    draw = torch.Generator().manual_seed(seed)
    tensors = {}
    for number, (outputs, inputs, side) in ALEXNET.items():
        spread = (2 / (inputs * side**2)) ** 0.5
        weight = torch.randn(outputs, inputs, side, side, generator=draw) * spread
        tensors[f"features.{number}.weight"] = weight
        tensors[f"features.{number}.bias"] = torch.randn(outputs, generator=draw) * 0.1
    return tensors | {"classifier.1.weight": torch.zeros(2, 2)}


def heads(widths: tuple[int, ...] = tuple(TAPS.values())) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(1)
    return {
        f"lin{n}.model.1.weight": torch.rand(1, width, 1, 1, generator=draw)
        for n, width in enumerate(widths)
    }


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """AlexNet's features and heads."""
    torch.save(alexnet(), tmp_path / "alexnet.pth")
    torch.save(heads(), tmp_path / "heads.pth")
    return [tmp_path / "alexnet.pth", tmp_path / "heads.pth"]


def plain_lpips(
    one: Tensor, other: Tensor, net: dict[str, Tensor], lin: dict[str, Tensor]
) -> float:
    """LPIPS of two pictures [3, H, W] as the paper writes it, location by location."""
    shift = torch.tensor([-0.030, -0.088, -0.188]).view(3, 1, 1)
    scale = torch.tensor([0.458, 0.448, 0.450]).view(3, 1, 1)
    x, y = (((2 * p - 1 - shift) / scale)[None] for p in (one, other))
    settings = {0: (4, 2), 3: (1, 2), 6: (1, 1), 8: (1, 1), 10: (1, 1)}
    total = 0.0
    for n, (number, (stride, padding)) in enumerate(settings.items()):
        if number in (3, 6):
            x, y = (F.max_pool2d(t, 3, 2) for t in (x, y))
        weight, bias = (net[f"features.{number}.{part}"] for part in ("weight", "bias"))
        x, y = (F.conv2d(t, weight, bias, stride, padding).relu() for t in (x, y))
        w, places = lin[f"lin{n}.model.1.weight"].flatten(), []
        for row in range(x.shape[2]):
            for column in range(x.shape[3]):
                a, b = x[0, :, row, column], y[0, :, row, column]
                a, b = a / (a.norm() + 1e-10), b / (b.norm() + 1e-10)
                places.append(float((w * (a - b) ** 2).sum()))
        total += float(np.mean(places))
    return total


def test_lpips_is_that_of_the_paper(files: list[Path]) -> None:
    metric = lpips.METRIC.with_weights(read_weights(files).tensors)
    draw = torch.Generator().manual_seed(2)
    samples = torch.rand(1, 2, 2, 3, 40, 47, generator=draw)
    truth = torch.rand(1, 2, 3, 40, 47, generator=draw)
    got = metric.function(samples, truth, truth)
    assert got is not None
    assert got.shape == (1, 2, 2)
    for n, s in ((0, 0), (1, 1)):
        expected = plain_lpips(samples[0, n, s], truth[0, s], alexnet(), heads())
        assert float(got[0, n, s]) == pytest.approx(expected, rel=1e-4)


def test_lpips_of_the_same_pictures_is_nothing_and_is_symmetric(files: list[Path]) -> None:
    metric = lpips.METRIC.with_weights(read_weights(files).tensors)
    one, other = torch.rand(2, 1, 2, 3, 32, 32)
    same = metric.function(one[:, None], one, one)
    assert same is not None
    assert same.abs().max() == 0
    forth, back = (metric.function(a[:, None], b, b) for a, b in ((one, other), (other, one)))
    torch.testing.assert_close(forth, back)
    grey = torch.rand(1, 1, 2, 1, 32, 32)
    coloured = grey.expand(-1, -1, -1, 3, -1, -1)
    torch.testing.assert_close(
        metric.function(grey, grey[:, 0] * 0.5, grey[:, 0]),
        metric.function(coloured, coloured[:, 0] * 0.5, coloured[:, 0]),
    )


def test_lpips_refuses_pictures_that_do_not_reach_the_last_layer(files: list[Path]) -> None:
    metric = lpips.METRIC.with_weights(read_weights(files).tensors)
    small = torch.rand(1, 1, 1, 3, 30, 40)
    with pytest.raises(InputError, match=r"at least 31x31, got 3 and 30x40"):
        metric.function(small, small[:, 0], small[:, 0])


def test_the_layers_of_vgg16_are_numbered_as_torchvision_numbers_them() -> None:
    model = lpips.Lpips(lpips._VGG16)
    numbers = {0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28}
    found = {int(n.split(".")[1]) for n in model.state_dict() if n.startswith("features")}
    assert found == numbers
    shapes = []
    values = torch.zeros(1, 3, 32, 32)
    for number, layer in enumerate(model.features):
        values = layer(values)
        if number in model.network.taps:
            shapes.append(tuple(values.shape[1:]))
    assert shapes == [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4), (512, 2, 2)]


@pytest.mark.parametrize(
    ("name", "key", "known"),
    [
        ("alex", "lpips-alexnet", "LPIPS v0.1 for AlexNet"),
        ("vgg", "lpips-vgg16", "LPIPS v0.1 for VGG16"),
    ],
)
def test_published_heads_are_known_by_their_hash(name: str, key: str, known: str) -> None:
    found = read_weights([HEADS / f"{name}.pth"])
    assert set(found.used) == {key}
    assert found.used[key].known_as == known
    assert all((tensor >= 0).all() for tensor in found.tensors[key].values())


def test_a_file_of_a_whole_lpips_is_both_of_its_parts(tmp_path: Path) -> None:
    slices = {0: 1, 3: 2, 6: 3, 8: 4, 10: 5}
    whole = dict(heads())
    for name, tensor in alexnet().items():
        if name.startswith("features"):
            _, number, part = name.split(".")
            whole[f"net.slice{slices[int(number)]}.{number}.{part}"] = tensor
    save_file(whole, tmp_path / "whole.safetensors")
    found = read_weights([f"lpips={tmp_path / 'whole.safetensors'}"])
    assert set(found.used) == {"alexnet", "lpips-alexnet"}
    assert not lpips.METRIC.with_weights(found.tensors).needs


def i3d(seed: int = 0) -> dict[str, Tensor]:
    """Random weights of I3D, without the counters that old files lack."""
    torch.manual_seed(seed)
    state = {k: v for k, v in I3D().state_dict().items() if "num_batches" not in k}
    return {k: v * 6**0.5 if k.endswith("conv3d.weight") else v for k, v in state.items()}


def test_i3d_has_the_published_layers() -> None:
    """57 convolutions with batch normalisation and one of 400 logits: 12.7 million numbers."""
    state = I3D().state_dict()
    kinds = Counter(name.rpartition(".")[2] for name in state)
    assert kinds["num_batches_tracked"] == 57
    assert sum(name.endswith("conv3d.weight") for name in state) == 58
    assert tuple(state["logits.conv3d.weight"].shape) == (400, 1024, 1, 1, 1)
    assert tuple(state["Mixed_4f.b2b.conv3d.weight"].shape) == (128, 32, 3, 3, 3)
    parameters = sum(p.numel() for p in I3D().parameters())
    assert parameters == 12_697_264


def test_i3d_pads_and_pools_as_published() -> None:
    """The shape after each layer, for the fewest frames that there are features of."""
    values, shapes = torch.zeros(1, 3, 9, 64, 64), {}
    with torch.no_grad():
        for name, layer in list(I3D().eval().named_children())[:-2]:
            values = layer(values)
            shapes[name] = tuple(values.shape[1:])
    assert shapes["Conv3d_1a_7x7"] == (64, 5, 32, 32)
    assert shapes["MaxPool3d_2a_3x3"] == (64, 5, 16, 16)
    assert shapes["Conv3d_2c_3x3"] == (192, 5, 16, 16)
    assert shapes["Mixed_3c"] == (480, 5, 8, 8)
    assert shapes["Mixed_4f"] == (832, 3, 4, 4)
    assert shapes["Mixed_5c"] == (1024, 2, 2, 2)


@pytest.mark.slow
def test_features_do_not_depend_on_the_batch(tmp_path: Path) -> None:
    torch.save({"state_dict": i3d()}, tmp_path / "i3d.pt")
    metric = fvd.METRIC.with_weights(read_weights([tmp_path / "i3d.pt"]).tensors)
    videos = torch.rand(2, 9, 3, 16, 16)
    together = metric.features(videos)
    assert together.shape == (2, 400)
    torch.testing.assert_close(metric.features(videos[1:]), together[1:], rtol=1e-3, atol=1e-5)


def features(seed: int, count: int, size: int, scale: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(size, size)) / size**0.5
    return rng.normal(size=(count, size)) @ mixing * scale + seed % 2


@pytest.mark.parametrize("count", [12, 60])
def test_the_distance_is_that_of_scipys_matrix_root(count: int) -> None:
    """Also with fewer vectors than features, where covariances have no full rank."""
    one, other = features(0, count, 20), features(1, count, 20, 1.5)
    a, b = (np.cov(x, rowvar=False) for x in (one, other))
    root = np.real(sqrtm(a @ b + 1e-12 * np.eye(20)))
    shift = ((one.mean(0) - other.mean(0)) ** 2).sum()
    expected = shift + np.trace(a + b - 2 * root)
    assert frechet_distance(one, other) == pytest.approx(expected, rel=1e-3)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-9)


def test_the_extrapolation_takes_the_bias_away() -> None:
    """Sets of one distribution are apart as usually computed, and not where it is followed to 0."""
    plain, infinite = [], []
    for trial in range(6):
        one, other = features(2 * trial, 120, 16), features(2 * trial + 100, 120, 16)
        plain.append(frechet_distance(one, other))
        infinite.append(frechet_of_infinitely_many(one, other))
    assert np.mean(plain) > 0.5
    assert abs(np.mean(infinite)) < np.mean(plain) / 4


def test_weights_of_the_wrong_kind_are_refused(tmp_path: Path, files: list[Path]) -> None:
    torch.save({"something": torch.zeros(2)}, tmp_path / "other.pt")
    with pytest.raises(InputError, match="holds no weights that a metric needs; expected a file"):
        read_weights([tmp_path / "other.pt"])
    with pytest.raises(InputError, match=r"are both AlexNet's .*: give one of them"):
        read_weights([files[0], files[0]])
    with pytest.raises(InputError, match="no such file"):
        read_weights([tmp_path / "nowhere.pt"])
    (tmp_path / "garbage.pt").write_bytes(b"not weights")
    with pytest.raises(InputError, match="cannot be read as weights"):
        read_weights([tmp_path / "garbage.pt"])


def test_files_that_run_code_are_refused(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "module.pt")  # a pickle of a class
    with pytest.raises(InputError, match="cannot be read as weights"):
        read_weights([tmp_path / "module.pt"])
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:
        archive.writestr("i3d/code/__torch__.py", "print('run')")
    with pytest.raises(InputError, match="is TorchScript, and to load that runs code"):
        read_weights([tmp_path / "script.pt"])


@pytest.mark.parametrize("broken", ["shape", "missing"])
def test_layers_are_checked_one_by_one(tmp_path: Path, broken: str) -> None:
    state = i3d()
    name = "Mixed_4d.b1b.conv3d.weight"
    if broken == "shape":
        state[name] = state[name][:, :-1]
    else:
        del state[name]
    torch.save(state, tmp_path / "i3d.pt")
    message = rf"weights of I3D (have|lack) {name}.*expected \[256, 128, 3, 3, 3\]"
    with pytest.raises(InputError, match=message):
        fvd.METRIC.with_weights(read_weights([tmp_path / "i3d.pt"]).tensors)


def test_a_protocol_takes_the_network_that_it_means(files: list[Path]) -> None:
    given = read_weights(files)
    ours = equip(find_protocol("foreframe"), given)
    assert "lpips" in [metric.name for metric in ours.protocol.metrics]
    assert set(ours.missing) == {"fvd"}
    assert set(ours.used) == {"alexnet", "lpips-alexnet"}
    theirs = equip(find_protocol("ivideogpt-1to15"), given)
    assert "VGG16's of torchvision" in theirs.missing["lpips"]
    assert not theirs.used


def test_an_evaluation_with_weights_has_lpips_and_fvd(
    run: Path, store: ClipStore, tmp_path: Path, files: list[Path]
) -> None:
    """Four predicted frames are too few for FVD; it says so and the rest is scored."""
    torch.save(i3d(), tmp_path / "i3d.pt")
    weights = (*map(str, files), str(tmp_path / "i3d.pt"))
    out = tmp_path / "e.json"
    found = foreframe.evaluate(run, store.path, samples=2, out=out, weights=weights)
    assert found.scores["lpips"].mean > 0
    assert found.best_of["lpips"].mean <= found.scores["lpips"].mean
    assert found.missing["fvd"] == "too few frames: it needs videos of at least 9"
    assert set(found.weights) == {"alexnet", "lpips-alexnet", "i3d"}
    assert read_evaluation(out) == found


def cheap(videos: Tensor) -> Tensor:
    """Features that need no network: the mean and the deviation of each third of the pictures."""
    thirds = torch.stack([part.flatten(1, 3) for part in videos[..., :15].split(5, -1)], 1)
    return torch.cat([thirds.mean((2, 3)), thirds.std((2, 3))], 1)


def test_sets_of_videos_have_a_distance_with_its_floor(tmp_path: Path) -> None:
    """The truth's other futures are as far as halves of the truth; a blur of them is farther."""
    source = OpenBars()
    splits = ["train"] * 4 + ["test"] * (source.count - 4)
    store = build(source, tmp_path / "bars", {"world": "bars"}, (16, 16, 3), splits, 1, "bars")
    windows = Windows(store, "test", CONTEXT + HORIZON, (), stride=CONTEXT + HORIZON)
    metric = dataclasses.replace(
        fvd.METRIC, features=cheap, least_frames=1, digits=6, needs=(), load=None
    )
    protocol = dataclasses.replace(find_protocol("foreframe"), controls=False, demanding=(metric,))
    equipped = equip(protocol, read_weights(()))
    assert equipped.sets == (metric,)

    def blurred(clip: Batch, indices: Sequence[int]) -> Tensor:
        found = [windows.futures(index, CONTEXT) for index in indices]
        return to_float(torch.stack([f for f in found if f is not None])).mean(1, keepdim=True)

    task = Task(
        futures=blurred,
        model=None,
        baselines={"copy_last": models.build("copy_last", store.clip_spec(()), {}).eval()},
        windows=windows,
        protocol=equipped.protocol,
        n_past=CONTEXT,
        samples=1,
        seed=0,
        device=torch.device("cpu"),
        sets=equipped.sets,
    )
    score = summarise(task, measure(task, ScoreCache(tmp_path, "scores"))).sets["fvd"]
    assert set(score.distances) == {"model", "copy_last", "world", "halves"}
    plain = {name: found.plain for name, found in score.distances.items()}
    assert plain["model"] > 3 * plain["world"]
    assert score.distances["halves"].clips == 15
    assert score.distances["world"].clips == 30
    assert not score.few
    halves = score.distances["halves"]
    assert halves.unbiased < halves.plain
    assert SetScore.from_dict(json.loads(json.dumps(score.to_dict()))) == score
