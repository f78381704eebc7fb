"""Protocols: the variants of PSNR and SSIM that published evaluators use, pinned by stored numbers
and by computations that share no code with ours; the same predictions under several protocols.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from skimage.filters import gaussian
from skimage.metrics import structural_similarity
from torch import Tensor

import foreframe
from foreframe.data.store import ClipStore
from foreframe.errors import InputError
from foreframe.evaluation import (
    Evaluation,
    evaluate_predictions,
    evaluating,
    read_evaluation,
)
from foreframe.evaluation.protocol import Aggregation, find_protocol, find_protocols
from foreframe.metrics import Metric, counting_context, psnr, ssim
from foreframe.plugins import PROTOCOLS

Array = NDArray[np.float64]

VARIANTS = {
    "frames": psnr.METRIC,
    "channels": psnr.PER_CHANNEL,
    "clip": psnr.OF_CLIP,
    "epsilon": psnr.PLUS_EPSILON,
    "gaussian": ssim.METRIC,
    "uniform": ssim.UNIFORM_7,
    "uniform, L = 2": ssim.UNIFORM_7_L2,
    "grey": ssim.GREY,
}


def clip() -> Array:
    """A bright patch that crosses a texture: [12, 3, 32, 40] in [0, 1], of bytes."""
    rng = np.random.default_rng(0)
    texture = gaussian(rng.random((32, 40, 3)), 2, channel_axis=2)
    texture = 0.15 + 0.5 * (texture - texture.min()) / np.ptp(texture)
    frames = np.repeat(texture[None], 12, 0)
    for t, frame in enumerate(frames):
        frame[8 : 8 + 14, 2 * t + 1 : 2 * t + 14] = (0.9, 0.7, 0.2)
    return np.moveaxis((frames * 255).round() / 255, -1, 1)


def predictions(frames: Array) -> dict[str, Array]:
    """Predictions of the frames after two: [10, 3, H, W] by what they are."""
    rng, truth = np.random.default_rng(1), frames[2:]
    noise = rng.normal(0, 1, truth.shape)
    drift = np.linspace(0.01, 0.22, len(truth))[:, None, None, None]
    return {
        "copy last": np.repeat(frames[1:2], len(truth), 0),
        "blur": np.stack([gaussian(frame, (0, 1.2, 1.2)) for frame in truth]),
        "noise": (truth + 0.035 * noise).clip(0, 1),
        "drifting": (truth + drift * noise[:1]).clip(0, 1),
    }


def figure(metric: Metric, predicted: Array, frames: Array) -> float:
    """The figure of a clip's frames after two."""
    made, truth, context = (
        torch.from_numpy(a)[None].float() for a in (predicted[None], frames[2:], frames[:2])
    )
    values = metric.function(made, truth, context)
    assert values is not None
    return float(metric.of_clips(values.double().numpy())[0, 0])


def plainly(variant: str, predicted: Array, truth: Array) -> float:
    """A variant by loops, numpy, Pillow and scikit-image."""
    pairs = list(zip(truth, predicted, strict=True))
    mse = [np.mean((a - b) ** 2) for a, b in pairs]
    if variant == "frames":
        return float(np.mean([10 * np.log10(1 / e) for e in mse]))
    if variant == "epsilon":
        return float(np.mean([10 * np.log10(1 / (e + 1e-8)) for e in mse]))
    if variant == "clip":
        return float(10 * np.log10(1 / np.mean(mse)))
    if variant == "channels":
        each = [[10 * np.log10(1 / np.mean((x - y) ** 2)) for x, y in zip(a, b)] for a, b in pairs]
        return float(np.mean(each))
    gauss = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    if variant == "grey":
        grey = [(_grey(a), _grey(b)) for a, b in pairs]
        return float(
            np.mean([structural_similarity(a, b, data_range=255, **gauss) for a, b in grey])
        )
    options = {
        "gaussian": {**gauss, "data_range": 1},
        "uniform": {"data_range": 1},
        "uniform, L = 2": {"data_range": 2},
    }[variant]
    each = [[structural_similarity(x, y, **options) for x, y in zip(a, b)] for a, b in pairs]
    return float(np.mean(each))


def _grey(picture: Array) -> NDArray[np.uint8]:
    whole = np.floor(np.moveaxis(picture, 0, -1) * 255 + 1e-3).astype(np.uint8)
    return np.asarray(Image.fromarray(whole).convert("L"))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind", ["copy last", "blur", "noise", "drifting"])
def test_a_variant_is_that_of_plain_loops_and_scikit_image(variant: str, kind: str) -> None:
    frames = clip()
    predicted = predictions(frames)[kind]
    expected = plainly(variant, predicted, frames[2:])
    assert figure(VARIANTS[variant], predicted, frames) == pytest.approx(expected, abs=2e-4)


PINNED = {
    "copy last": {
        "frames": 16.511,
        "channels": 17.603,
        "clip": 15.9457,
        "epsilon": 16.511,
        "gaussian": 0.4523,
        "uniform": 0.5486,
        "uniform, L = 2": 0.6092,
        "grey": 0.4348,
    },
    "blur": {
        "frames": 28.3272,
        "channels": 28.9955,
        "clip": 28.3206,
        "epsilon": 28.3271,
        "gaussian": 0.8741,
        "uniform": 0.8862,
        "uniform, L = 2": 0.9208,
        "grey": 0.8752,
    },
    "noise": {
        "frames": 29.1834,
        "channels": 29.185,
        "clip": 29.183,
        "epsilon": 29.1834,
        "gaussian": 0.8068,
        "uniform": 0.8169,
        "uniform, L = 2": 0.8881,
        "grey": 0.8582,
    },
    "drifting": {
        "frames": 21.4455,
        "channels": 21.447,
        "clip": 17.7911,
        "epsilon": 21.4455,
        "gaussian": 0.4834,
        "uniform": 0.4953,
        "uniform, L = 2": 0.5541,
        "grey": 0.5509,
    },
}


@pytest.mark.parametrize("kind", PINNED)
def test_variants_are_pinned(kind: str) -> None:
    """A protocol whose figures change is another protocol."""
    frames = clip()
    predicted = predictions(frames)[kind]
    got = {name: figure(metric, predicted, frames) for name, metric in VARIANTS.items()}
    assert got == pytest.approx(PINNED[kind], abs=1e-3)


def test_variants_relate_as_on_a_real_clip() -> None:
    """One figure for a clip hides no drift; a range twice too large flatters noise most."""
    frames = clip()
    of = {
        kind: {name: figure(metric, predicted, frames) for name, metric in VARIANTS.items()}
        for kind, predicted in predictions(frames).items()
    }
    for kind, got in of.items():
        assert got["clip"] <= got["frames"] + 1e-6
        assert got["channels"] >= got["frames"] - 1e-6, kind
        assert got["uniform, L = 2"] > got["uniform"]
    assert of["drifting"]["frames"] - of["drifting"]["clip"] > 2
    assert of["noise"]["frames"] - of["noise"]["clip"] < 0.01
    flattered = {kind: got["uniform, L = 2"] - got["uniform"] for kind, got in of.items()}
    assert max(flattered, key=lambda kind: flattered[kind]) == "noise"


def test_copying_on_a_real_clip_has_the_figures_that_were_measured(samples: Path) -> None:
    with np.load(samples / "bair_sample.npz") as archive:
        frames = np.moveaxis(archive["aux1_image"][:12] / 255.0, -1, 1)
    copied = np.repeat(frames[1:2], 10, 0)
    got = {name: figure(metric, copied, frames) for name, metric in VARIANTS.items()}
    measured = {
        "frames": 14.78,
        "channels": 14.79,
        "clip": 13.90,
        "epsilon": 14.78,
        "gaussian": 0.757,
        "uniform": 0.756,
        "uniform, L = 2": 0.782,
    }
    for name, value in measured.items():
        assert got[name] == pytest.approx(value, abs=0.01 if value > 1 else 0.001), name


@pytest.mark.parametrize(("metric", "perfect"), [(psnr.PLUS_EPSILON, 80.0), (ssim.METRIC, 1.0)])
def test_counting_the_context_is_a_mean_over_tensors_that_hold_it(
    metric: Metric, perfect: float
) -> None:
    frames = clip()
    predicted = predictions(frames)["copy last"]
    whole = np.concatenate([frames[:2], predicted])
    made, truth = (torch.from_numpy(a)[None].float() for a in (whole[None], frames))
    values = metric.function(made, truth, truth[:, :1])
    assert values is not None
    counted = counting_context(metric, frames=2, perfect=perfect)
    got = figure(counted, predicted, frames)
    assert got == pytest.approx(float(values.mean()), abs=1e-4)
    assert got > figure(metric, predicted, frames)


def test_grey_bytes_are_those_of_pillow() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (3, 11, 13)).astype(np.uint8)
    expected = np.asarray(Image.fromarray(np.moveaxis(picture, 0, -1)).convert("L")) / 255
    got = ssim.luma_of_bytes(torch.from_numpy(picture) / 255)[0]
    np.testing.assert_allclose(got, expected, atol=1e-9)


EXPECTED = {
    # n_past, horizon, every, samples, aggregation
    "svg-best100": (2, 28, 0, 100, Aggregation.BEST_OF_FIRST),
    "srvp-2to28": (2, 28, 0, 100, Aggregation.BEST_OF_EACH),
    "fitvid-1to15": (1, 15, 0, 1, Aggregation.MEAN),
    "ivideogpt-1to15": (1, 15, 0, 100, Aggregation.BEST_OF_EACH),
    "mcvd": (2, 28, 0, 10, Aggregation.BEST_OF_EACH),
    "nanowm": (1, 3, None, 1, Aggregation.MEAN),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_published_protocols_are_frozen(name: str) -> None:
    found = find_protocol(name)
    values = (found.n_past, found.horizon, found.every, found.samples, found.aggregation)
    assert values == EXPECTED[name]
    assert found.source.startswith("github.com/")
    assert all(metric.variant for metric in (*found.metrics, *found.demanding))


def test_published_protocols_use_the_variants_of_their_evaluators() -> None:
    used = {name: find_protocol(name).metrics for name in EXPECTED}
    assert used["svg-best100"] == (ssim.UNIFORM_7_L2, psnr.PER_CHANNEL)
    assert used["srvp-2to28"] == (psnr.PER_CHANNEL, ssim.METRIC)
    assert used["fitvid-1to15"] == (psnr.METRIC, ssim.METRIC)
    assert used["mcvd"] == (psnr.OF_CLIP, ssim.GREY)
    assert used["nanowm"] == (psnr.PLUS_EPSILON, ssim.METRIC)
    assert all("1 context frame counted" in m.variant for m in used["ivideogpt-1to15"])


@pytest.mark.parametrize("name", PROTOCOLS.names())
def test_a_protocol_says_every_choice_in_words(name: str) -> None:
    found = find_protocol(name)
    words = found.in_words()
    assert {"frames", "clips", "samples", "quoted figure", "pictures", "PSNR", "SSIM"} <= set(words)
    assert all(words.values())
    assert dataclasses.replace(found, samples=7).in_words()["samples"].startswith("7 ")


def test_several_protocols_are_named_at_once() -> None:
    assert [p.name for p in find_protocols("mcvd, nanowm,mcvd")] == ["mcvd", "nanowm"]
    with pytest.raises(InputError, match="did you mean mcvd"):
        find_protocols("foreframe,mvcd")
    with pytest.raises(InputError, match="has no name"):
        find_protocols(",")


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """The published protocols, shortened for episodes of twelve frames."""
    for name, samples in {"svg-best100": 3, "srvp-2to28": 3, "mcvd": 2}.items():
        module = PROTOCOLS.module(name)
        shorter = dataclasses.replace(module.PROTOCOL, horizon=4, samples=samples)
        monkeypatch.setattr(module, "PROTOCOL", shorter)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes of what models were asked for."""
    found = []
    sample = evaluating.sample_futures

    def watched(*arguments: object) -> Tensor:
        futures = sample(*arguments)  # type: ignore[arg-type]
        found.append(tuple(futures.shape))
        return futures

    monkeypatch.setattr(evaluating, "sample_futures", watched)
    return found


@pytest.mark.usefixtures("short")
def test_the_same_predictions_are_restated(
    run: Path, store: ClipStore, tmp_path: Path, drawn: list[tuple[int, ...]]
) -> None:
    """Drawn once, and each result is the one that the protocol alone gives."""
    data, out = store.path, tmp_path / "e.json"
    together = foreframe.evaluate(run, data, protocol="svg-best100,srvp-2to28,mcvd", out=out)
    assert [shape[1] for shape in drawn] == [3]  # one batch, of the most samples
    names = [each.protocol.name for each in (together, *together.restated)]
    assert names == ["svg-best100", "srvp-2to28", "mcvd"]
    for each in (together, *together.restated):
        alone = foreframe.evaluate(
            run, data, protocol=each.protocol.name, out=tmp_path / f"{each.protocol.name}.json"
        )
        for part in ("scores", "best_of", "baselines", "skill", "above"):
            assert getattr(alone, part) == getattr(each, part), (each.protocol.name, part)
        assert alone.samples == each.samples
    written = [out, *(tmp_path / f"e-{name}.json" for name in names[1:])]
    read = [read_evaluation(file) for file in written]
    assert [found.protocol.words for found in read] == [
        find_protocol(name).in_words() for name in names
    ]


@pytest.mark.usefixtures("short")
def test_predictions_of_other_tools_are_restated(store: ClipStore, tmp_path: Path) -> None:
    """An accident of windows and ranges lifts the same predictions."""
    rng = np.random.default_rng(0)
    made = rng.integers(0, 256, (2, 3, 4, 32, 64, 3)).astype(np.uint8)
    np.savez(tmp_path / "made.npz", predictions=made)
    found = evaluate_predictions(
        tmp_path / "made.npz", store.path, protocol="srvp-2to28,svg-best100", samples=2
    )
    (other,) = found.restated
    assert (found.protocol.name, other.protocol.name) == ("srvp-2to28", "svg-best100")
    assert found.scores["psnr"].mean == other.scores["psnr"].mean
    assert found.scores["ssim"].mean < other.scores["ssim"].mean
    assert found.protocol.words["samples"] == "2 for each clip, as they were given"
    assert (tmp_path / "made.eval-svg-best100.json").is_file()


@pytest.mark.usefixtures("short")
def test_the_best_by_the_first_metric_is_one_sample_for_all(
    run: Path, store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = foreframe.evaluate(run, store.path, protocol="svg-best100", out=tmp_path / "a.json")
    module = PROTOCOLS.module("svg-best100")
    each = dataclasses.replace(module.PROTOCOL, aggregation=Aggregation.BEST_OF_EACH)
    assert module.PROTOCOL.best_by().name == "ssim"
    assert each.best_by() is None
    monkeypatch.setattr(module, "PROTOCOL", each)
    own = foreframe.evaluate(run, store.path, protocol="svg-best100", out=tmp_path / "b.json")
    assert both.best_of["ssim"].mean == own.best_of["ssim"].mean
    assert both.best_of["psnr"].mean <= own.best_of["psnr"].mean
    assert "model, best of 3 by SSIM" in [row.title for row in both.rows()]


def test_a_store_that_is_too_short_is_named(run: Path, store: ClipStore, tmp_path: Path) -> None:
    message = (
        r"protocol srvp-2to28 needs clips of 30 frames \(context \+ horizon\), but the longest "
        r"episode of split 'test' in .* has 12 \(squares-\d+\): take another --protocol or --split"
    )
    with pytest.raises(InputError, match=message):
        foreframe.evaluate(run, store.path, protocol="foreframe,srvp-2to28", out=tmp_path / "e")
    assert not list(tmp_path.iterdir())


def test_results_say_what_is_missing(run: Path, store: ClipStore, tmp_path: Path) -> None:
    found = foreframe.evaluate(run, store.path, samples=2, out=tmp_path / "e.json")
    assert set(found.missing) == {"lpips", "fvd"}
    assert found.missing["lpips"].startswith("no weights: give AlexNet's of torchvision")
    assert isinstance(found, Evaluation)
    assert not found.sets
    assert read_evaluation(tmp_path / "e.json") == found
