"""The verdict: said of predictions of which it is known what should be said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import foreframe
from foreframe import models
from foreframe.clips import Batch, to_float
from foreframe.data.building import build
from foreframe.data.sources.findings import Findings
from foreframe.data.sources.recording import Column, Fork, Recording
from foreframe.data.store import ClipStore
from foreframe.data.windows import Windows
from foreframe.errors import ForeframeError
from foreframe.evaluation import Evaluation
from foreframe.evaluation.evaluating import scored
from foreframe.evaluation.measuring import Task
from foreframe.evaluation.protocol import find_protocol
from foreframe.evaluation.provenance import ScoredData, ScoredRun, UsedProtocol
from foreframe.evaluation.results import read_evaluation
from foreframe.evaluation.verdict import judge
from foreframe.metrics import Interval

CONTEXT, HORIZON, FUTURES = 2, 4, 6


@dataclass(frozen=True)
class OpenBars:
    """A bar that jumps somewhere at each frame, on a texture; its true futures jump elsewhere."""

    count: int = 34
    frames_per_second: float | None = 5.0
    findings: Findings = field(default_factory=Findings)
    fork: Fork = field(default=Fork(FUTURES, CONTEXT, HORIZON))
    columns: Mapping[str, Column] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.count

    def read(self, index: int) -> Recording:
        rng = np.random.default_rng(index)
        home = int(rng.integers(2, 6))
        frames = bars(rng, home, CONTEXT + HORIZON)
        futures = np.stack([bars(rng, home, HORIZON) for _ in range(FUTURES)])
        return Recording(f"{index:03d}", frames, {}, futures={"frames": futures})


def bars(rng: np.random.Generator, home: int, frames: int) -> np.ndarray:
    """uint8 [T, 16, 16, 3]: a bar within four pixels of its home, with a camera's noise."""
    made = np.repeat(np.random.default_rng(0).integers(0, 90, (1, 16, 16, 3)), frames, 0)
    for picture in made:
        left = home + int(rng.integers(0, 5))
        picture[4:12, left : left + 3] = 230
    return (made + rng.integers(-6, 7, made.shape)).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def bar_store(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    source, out = OpenBars(), tmp_path_factory.mktemp("bars") / "store"
    splits = ["train"] * 4 + ["test"] * (source.count - 4)
    return build(source, out, {"world": "bars"}, (16, 16, 3), splits, 1, "bars")


Futures = Callable[[Batch, Sequence[int]], Tensor]


def evaluated(store: ClipStore, futures: Futures, samples: int, out: Path) -> Evaluation:
    """The evaluation of predictions that are made by a function."""
    windows = Windows(store, "test", CONTEXT + HORIZON, (), stride=CONTEXT + HORIZON)
    copying = models.build("copy_last", store.clip_spec(()), {}).eval()
    task = Task(
        futures=futures,
        model=None,
        baselines={"copy_last": copying},
        windows=windows,
        protocol=find_protocol("foreframe"),
        n_past=CONTEXT,
        samples=samples,
        seed=0,
        device=torch.device("cpu"),
    )
    bare = Evaluation(
        protocol=UsedProtocol("foreframe", "", CONTEXT, HORIZON, "end to end", (), False),
        data=ScoredData(str(store.path), store.content, {}),
        split="test",
        clips=len(windows),
        samples=samples,
        seed=0,
        run=ScoredRun("made up", "none", {}, futures.__name__),
    )
    return scored(bare, task, out / "eval.json")


def said(evaluation: Evaluation) -> dict[str, tuple[bool | None, str]]:
    return {s.topic: (s.good, s.text) for s in reversed(evaluation.verdict)}


def true_futures(store: ClipStore, clips: Sequence[int]) -> Tensor:
    """Futures of these clips that the world drew for others, who look alike but for their home."""
    windows = Windows(store, "test", CONTEXT + HORIZON, (), stride=CONTEXT + HORIZON)
    found = [windows.futures(index, CONTEXT) for index in clips]
    assert all(one is not None for one in found)
    return to_float(torch.stack([one for one in found if one is not None]))


def test_the_worlds_own_futures_have_skill_100(bar_store: ClipStore, tmp_path: Path) -> None:
    def truth(clip: Batch, clips: Sequence[int]) -> Tensor:
        return true_futures(bar_store, clips)

    found = evaluated(bar_store, truth, FUTURES, tmp_path)
    assert found.world is not None
    assert (found.world.futures, found.world.clips) == (FUTURES, 30)
    assert found.skill["crps"].mean == found.skill["energy_4"].mean == 100.0
    assert found.world.scores["crps"] == found.scores["crps"]
    assert found.scores["spread_skill"].mean == pytest.approx(1, abs=0.1)
    assert found.scores["sharpness"].mean == pytest.approx(1, abs=0.1)
    verdict = said(found)
    assert verdict["copying"][0] is True
    assert verdict["samples"][1].startswith("Calibrated")
    assert verdict["sharpness"][1].startswith("Sharp")
    assert verdict["clips"] == (
        True,
        "Enough clips to tell it apart from copying: 30 clips of 30 episodes.",
    )
    assert "conditions" not in verdict
    titles = [row.title for row in found.rows()]
    assert titles[-3:-1] == ["the world itself", f"the world, best of {FUTURES}"]


def test_copying_has_skill_0_and_is_not_called_better(bar_store: ClipStore, tmp_path: Path) -> None:
    def copying(clip: Batch, clips: Sequence[int]) -> Tensor:
        last = to_float(clip.frames[:, CONTEXT - 1 : CONTEXT])
        return last[:, None].expand(-1, 3, HORIZON, -1, -1, -1)

    found = evaluated(bar_store, copying, 3, tmp_path)
    assert found.skill["crps"].mean == 0.0
    verdict = said(found)
    assert verdict["copying"][0] is False
    assert verdict["samples"][1].startswith("The latent is dead")


def test_a_blur_is_called_blurred_and_has_less_skill(bar_store: ClipStore, tmp_path: Path) -> None:
    def blur(clip: Batch, clips: Sequence[int]) -> Tensor:
        return true_futures(bar_store, clips).mean(1, keepdim=True)

    found = evaluated(bar_store, blur, 1, tmp_path)
    assert found.world is not None
    assert 0 < found.skill["crps"].mean < 100
    assert said(found)["sharpness"][1].startswith("Blurred")
    assert "spread_skill" not in found.scores
    assert found.ranks == ()


def test_scores_that_are_not_finite_end_in_an_error(bar_store: ClipStore, tmp_path: Path) -> None:
    def broken(clip: Batch, clips: Sequence[int]) -> Tensor:
        made = true_futures(bar_store, clips)
        made[0, 0, 0, 0, 0, 0] = float("nan")
        return made

    with pytest.raises(ForeframeError, match="not finite"):
        evaluated(bar_store, broken, FUTURES, tmp_path)
    assert not (tmp_path / "eval.json").exists()


def test_asking_again_is_free_and_reads_the_same(bar_store: ClipStore, tmp_path: Path) -> None:
    calls = []

    def counted(clip: Batch, clips: Sequence[int]) -> Tensor:
        calls.append(len(clips))
        return true_futures(bar_store, clips)

    first = evaluated(bar_store, counted, FUTURES, tmp_path)
    asked = len(calls)
    assert evaluated(bar_store, counted, FUTURES, tmp_path) == first
    assert len(calls) == asked
    assert read_evaluation(tmp_path / "eval.json") == first


@pytest.mark.parametrize(
    ("gain", "good", "word"),
    [
        (Interval(2.0, 1.5, 2.5), True, "Uses its conditions: +2.00 dB (95 %: +1.50 to +2.50)"),
        (Interval(0.0, -0.1, 0.1), False, "Does not use its conditions: +0.00 dB"),
        (Interval(0.1, -0.2, 0.4), None, "Not told if it uses its conditions: +0.10 dB"),
        (Interval(2.0, None, None), None, "Not told if it uses its conditions: +2.00 dB over"),
    ],
)
def test_whether_conditions_are_used_is_told_by_the_paired_difference(
    run: Path, store: ClipStore, tmp_path: Path, gain: Interval, good: bool | None, word: str
) -> None:
    found = foreframe.evaluate(run, store.path, samples=2, out=tmp_path / "e.json")
    controls = {"conditions_shuffled", "conditions_zeroed"}
    assert controls <= found.above.keys()
    other = replace(found, above={name: {"psnr_moving": gain} for name in controls})
    statement = next(s for s in judge(other) if s.topic == "conditions")
    assert statement.good is good
    assert statement.text.startswith(word)


def test_a_still_world_leaves_nothing_to_beat(bar_store: ClipStore, tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Still(OpenBars):
        def read(self, index: int) -> Recording:
            frames = bars(np.random.default_rng(0), 3, 1).repeat(CONTEXT + HORIZON, 0)
            return Recording(
                f"{index:03d}",
                frames,
                {},
                futures={"frames": frames[None, CONTEXT:].repeat(FUTURES, 0)},
            )

    source = Still(count=3)
    store = build(
        source,
        tmp_path / "still",
        {"world": "still"},
        (16, 16, 3),
        ["train", "test", "test"],
        1,
        "still",
    )

    def copying(clip: Batch, clips: Sequence[int]) -> Tensor:
        last = to_float(clip.frames[:, CONTEXT - 1 : CONTEXT])
        return last[:, None].expand(-1, 2, HORIZON, -1, -1, -1)

    found = evaluated(store, copying, 2, tmp_path)
    assert found.skill == {}
    assert said(found)["copying"] == (
        None,
        "Nothing can beat copying here: these clips stand still.",
    )
