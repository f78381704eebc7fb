"""Training: resumes bit for bit, the same on one device or two, and never loses good weights."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import foreframe
from children import finish, start
from conftest import ELBO, TINY
from foreframe import models
from foreframe.data.store import ClipStore
from foreframe.data.windows import Order
from foreframe.errors import InputError, TrainingError
from foreframe.plugins import RECIPES as RECIPE_FILES
from foreframe.runtime import hardware
from foreframe.training import resolve
from foreframe.training.step import forced_steps, pushforward_steps

SVG = {
    "model.code": 8,
    "model.width": 8,
    "model.latent": 2,
    "model.channels": [4, 4, 8, 8],
    "clip.horizon": 4,
    "training.steps": 8,
    "training.batch": 3,
    "training.log_every": 1,
    "training.save_every": 3,
    "training.validate_every": 4,
    "training.precision": "32-true",
    "teacher_forcing.ratio": {
        "kind": "linear_decay",
        "start": 1.0,
        "from_step": 2,
        "per_step": 0.5,
    },
}
RECIPES: dict[str, dict[str, Any]] = {
    "push-tiny": {**TINY, "training.steps": 8},
    "svg-bair": SVG,
    "push-drive": {  # sampled futures, with Muon
        **{name: value for name, value in TINY.items() if name not in ELBO},
        "clip.horizon": 4,
        "training.steps": 8,
    },
}


def state_of(run: Path) -> dict[str, torch.Tensor]:
    newest = max((run / "state").iterdir())
    return {
        f"{file.name}:{k}": v
        for file in sorted(newest.glob("*.safetensors"))
        for k, v in load_file(file).items()
    }


def in_another_process(
    store: ClipStore, recipe: str, out: Path, *more: str, changes: dict[str, Any] | None = None
) -> subprocess.Popen[str]:
    options = [f"--{k}={json.dumps(v)}" for k, v in (changes or RECIPES[recipe]).items()]
    command = [
        sys.executable,
        "-m",
        "foreframe",
        "train",
        recipe,
        "--data",
        str(store.path),
        "--out",
        str(out),
        *options,
        *more,
    ]
    return start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_resumed_is_uninterrupted_bit_for_bit(
    store: ClipStore, tmp_path: Path, recipe: str
) -> None:
    """Stopped after five of eight steps and resumed in a fresh process.

    Weights, averages, optimiser and log are the same.
    """
    changes = RECIPES[recipe]
    foreframe.train(recipe, store.path, tmp_path / "whole", changes=changes)
    foreframe.train(recipe, store.path, tmp_path / "halves", changes=changes, max_steps=5)
    process = in_another_process(store, recipe, tmp_path / "halves")
    output = finish(process)
    assert process.returncode == 0, output
    assert "resuming from step 5" in output
    whole, halves = state_of(tmp_path / "whole"), state_of(tmp_path / "halves")
    assert whole.keys() == halves.keys()
    assert all(torch.equal(whole[k], halves[k]) for k in whole)
    averaged = {k.partition(":")[2]: v for k, v in whole.items() if k.startswith("average")}
    assert any(not torch.equal(v, whole[f"model.safetensors:{k}"]) for k, v in averaged.items())
    assert (tmp_path / "whole" / "metrics.jsonl").read_text() == (
        tmp_path / "halves" / "metrics.jsonl"
    ).read_text()
    assert (tmp_path / "whole" / "model.safetensors").read_bytes() == (
        tmp_path / "halves" / "model.safetensors"
    ).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("part", ["optimiser", "average", "model"])
def test_each_part_of_the_state_counts(store: ClipStore, tmp_path: Path, part: str) -> None:
    """The negative control.

    With one part of the saved state spoilt (and its digest made right), the end is another.
    """
    from safetensors.torch import save_file

    from foreframe.runtime.digests import digest_file, read_json_with_digest, write_json_with_digest

    changes = RECIPES["push-tiny"]
    foreframe.train("push-tiny", store.path, tmp_path / "whole", changes=changes)
    foreframe.train("push-tiny", store.path, tmp_path / "spoilt", changes=changes, max_steps=5)
    folder = max((tmp_path / "spoilt" / "state").iterdir())
    file = folder / f"{part}.safetensors"
    save_file({k: v if k.endswith(".step") else v * 0.5 for k, v in load_file(file).items()}, file)
    described = read_json_with_digest(
        folder / "state.json", "a training state", "foreframe.state/1"
    )
    described["digests"][file.name] = digest_file(file)
    write_json_with_digest(folder / "state.json", described)
    foreframe.train("push-tiny", store.path, tmp_path / "spoilt", changes=changes)
    whole, spoilt = state_of(tmp_path / "whole"), state_of(tmp_path / "spoilt")
    assert not all(torch.equal(whole[k], spoilt[k]) for k in whole)


def test_save_every_may_change_when_a_run_goes_on(store: ClipStore, tmp_path: Path) -> None:
    changes = RECIPES["push-tiny"]
    foreframe.train("push-tiny", store.path, tmp_path / "whole", changes=changes)
    foreframe.train("push-tiny", store.path, tmp_path / "run", changes=changes, max_steps=5)
    foreframe.train("push-tiny", store.path, tmp_path / "run", changes=changes, save_every=1)
    whole, run = state_of(tmp_path / "whole"), state_of(tmp_path / "run")
    assert all(torch.equal(whole[k], run[k]) for k in whole)


@pytest.mark.slow
def test_a_second_process_in_the_same_run_is_refused(store: ClipStore, tmp_path: Path) -> None:
    from foreframe.runtime.locks import lock_folder

    foreframe.train(
        "push-tiny", store.path, tmp_path / "run", changes=RECIPES["push-tiny"], max_steps=4
    )
    before = (tmp_path / "run" / "metrics.jsonl").read_text()
    with lock_folder(tmp_path / "run", "run"):
        process = in_another_process(store, "push-tiny", tmp_path / "run")
        output = finish(process)
    assert process.returncode == 2
    assert f"is in use by process {os.getpid()}" in output
    assert (tmp_path / "run" / "metrics.jsonl").read_text() == before


def test_a_run_stopped_early_is_a_model_already(store: ClipStore, tmp_path: Path) -> None:
    result = foreframe.train(
        "push-tiny", store.path, tmp_path / "run", changes=RECIPES["push-tiny"], max_steps=2
    )
    assert result.best_psnr is None
    assert foreframe.load(tmp_path / "run").latent_shapes == ((3,),)


@pytest.mark.slow
def test_a_damaged_state_falls_back_to_the_one_before(store: ClipStore, tmp_path: Path) -> None:
    changes = {**RECIPES["push-tiny"], "training.steps": 6}
    foreframe.train("push-tiny", store.path, tmp_path / "whole", changes=changes)
    foreframe.train("push-tiny", store.path, tmp_path / "run", changes=changes)
    newest = max((tmp_path / "run" / "state").iterdir())
    content = bytearray((newest / "model.safetensors").read_bytes())
    content[len(content) // 2] ^= 1
    (newest / "model.safetensors").write_bytes(bytes(content))
    foreframe.train("push-tiny", store.path, tmp_path / "run", changes=changes)
    whole, run = state_of(tmp_path / "whole"), state_of(tmp_path / "run")
    assert all(torch.equal(whole[k], run[k]) for k in whole)
    assert (tmp_path / "whole" / "metrics.jsonl").read_text() == (
        tmp_path / "run" / "metrics.jsonl"
    ).read_text()


@pytest.mark.slow
def test_two_devices_are_one_with_the_same_global_batch(store: ClipStore, tmp_path: Path) -> None:
    changes = RECIPES["push-tiny"]
    foreframe.train("push-tiny", store.path, tmp_path / "one", changes=changes)
    process = in_another_process(store, "push-tiny", tmp_path / "two", "--devices", "2")
    output = finish(process)
    assert process.returncode == 0, output
    one, two = state_of(tmp_path / "one"), state_of(tmp_path / "two")
    assert one.keys() == two.keys()
    for key in one:
        torch.testing.assert_close(two[key], one[key], rtol=1e-3, atol=2e-5, msg=key)
    lines = [
        [json.loads(line) for line in (tmp_path / n / "metrics.jsonl").read_text().splitlines()]
        for n in ("one", "two")
    ]
    for a, b in zip(*lines, strict=True):
        assert a.keys() == b.keys()
        assert all(b[k] == pytest.approx(a[k], rel=1e-3, abs=1e-5) for k in a)


@pytest.mark.slow
def test_a_sharded_optimiser_makes_the_same_steps_and_the_same_states(
    store: ClipStore, tmp_path: Path
) -> None:
    """Each of two devices has half of the moments.

    The states are those of whole ones, and one device goes on from them.
    """
    changes = RECIPES["push-tiny"]
    whole = in_another_process(store, "push-tiny", tmp_path / "whole", "--devices", "2")
    sharded = {**changes, "training.sharded": True}
    words = ("--devices", "2", "--max-steps", "4")
    for options in (words, words[:2]):  # stopped, and gone on
        process = in_another_process(
            store, "push-tiny", tmp_path / "sharded", *options, changes=sharded
        )
        output = finish(process)
        assert process.returncode == 0, output
        assert "sharded optimiser" in output
        if "--max-steps" in options:
            shutil.copytree(tmp_path / "sharded", tmp_path / "one")
    finish(whole)
    assert whole.returncode == 0
    a, b = state_of(tmp_path / "whole"), state_of(tmp_path / "sharded")
    assert a.keys() == b.keys()
    assert all(torch.equal(a[key], b[key]) for key in a)
    foreframe.train("push-tiny", store.path, tmp_path / "one", changes=changes)
    for key, value in state_of(tmp_path / "one").items():
        torch.testing.assert_close(value, b[key], rtol=1e-3, atol=2e-5, msg=key)


def test_how_a_run_is_computed_is_chosen_and_said(
    store: ClipStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = {
        key: value for key, value in RECIPES["push-tiny"].items() if key != "training.precision"
    }
    foreframe.train("push-tiny", store.path, tmp_path / "a", changes=changes, max_steps=1)
    assert f"{hardware.precision()}, channels_last, not compiled" in capsys.readouterr().out
    given = {"precision": "32-true", "layout": "contiguous"}
    foreframe.train("push-tiny", store.path, tmp_path / "b", changes=changes, max_steps=1, **given)  # type: ignore[arg-type]
    assert "32-true, contiguous_format, not compiled" in capsys.readouterr().out


@pytest.mark.slow
def test_sigterm_saves_and_exits_143(store: ClipStore, tmp_path: Path) -> None:
    changes = {
        **TINY,
        "training.steps": 100_000,
        "training.save_every": 100_000,
        "training.validate_every": 100_000,
    }
    process = in_another_process(store, "push-tiny", tmp_path / "run", changes=changes)
    log = tmp_path / "run" / "metrics.jsonl"
    for _ in range(600):
        if log.exists() and len(log.read_text().splitlines()) > 3:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    output = finish(process)
    assert process.returncode == 143, output
    assert "the same command resumes" in output
    step = json.loads((max((tmp_path / "run" / "state").iterdir()) / "state.json").read_text())[
        "step"
    ]
    assert step >= len(log.read_text().splitlines())


def test_nan_is_skipped_said_and_ends_the_run_with_good_weights(
    store: ClipStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """From the seventh step on every loss is NaN.

    The state saved at step 4 stays finite and the error names it.
    """
    from foreframe.training import step as step_module

    true_elbo, calls = step_module.elbo, []

    def spoilt(*arguments: Any) -> Any:
        calls.append(1)
        found = true_elbo(*arguments)
        return found._replace(loss=found.loss * float("nan")) if len(calls) > 6 else found

    monkeypatch.setattr(step_module, "elbo", spoilt)
    changes = {
        **TINY,
        "training.steps": 100,
        "training.save_every": 4,
        "training.validate_every": 1000,
    }
    with pytest.raises(TrainingError, match="10 steps in a row were not finite"):
        foreframe.train("push-tiny", store.path, tmp_path / "run", changes=changes)
    assert "loss nan" in capsys.readouterr().out
    assert all(torch.isfinite(v).all() for v in state_of(tmp_path / "run").values())


def test_one_bad_step_is_skipped_and_counted(
    store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from foreframe.training import step as step_module

    true_elbo, calls = step_module.elbo, []

    def spoilt(*arguments: Any) -> Any:
        calls.append(1)
        found = true_elbo(*arguments)
        return found._replace(loss=found.loss * float("inf")) if len(calls) == 3 else found

    monkeypatch.setattr(step_module, "elbo", spoilt)
    result = foreframe.train(
        "push-tiny", store.path, tmp_path / "run", changes=RECIPES["push-tiny"]
    )
    assert result.skipped_steps == 1
    assert result.steps == 8


@pytest.mark.slow
def test_it_learns(store: ClipStore, tmp_path: Path) -> None:
    """On squares whose actions say where they go, eighty steps take three tenths off the squared
    error.
    """
    changes = {
        **TINY,
        "training.steps": 80,
        "optimiser.learning_rate": 3e-3,
        "training.validate_every": 80,
        "training.save_every": 80,
    }
    foreframe.train("push-tiny", store.path, tmp_path / "run", changes=changes)
    lines = [
        json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    ]
    losses = [line["mse"] for line in lines if "mse" in line]
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:10])


def test_a_run_folder_is_the_model(run: Path) -> None:
    model = foreframe.load(run)
    assert type(model).__name__ == "Compact"
    described = models.describe(run)
    assert described["notes"]["n_past"] == 2
    assert described["notes"]["recipe"] == "push-tiny"
    assert {
        "recipe.yaml",
        "environment.json",
        "metrics.jsonl",
        "model.safetensors",
        "config.json",
        "state",
    } <= set(os.listdir(run))


def test_nothing_in_a_run_is_a_pickle(run: Path) -> None:
    assert {f.suffix for f in run.rglob("[!.]*") if f.is_file()} <= {
        ".json",
        ".jsonl",
        ".yaml",
        ".safetensors",
        ".webp",
        ".png",
        ".svg",
        ".html",
    }


def test_another_run_in_the_same_folder_is_refused(
    run: Path, store: ClipStore, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"is another run \(different: .*batch: 4 there, 2 here"):
        foreframe.train(
            "push-tiny",
            store.path,
            run,
            changes={**TINY, "training.steps": 12, "training.batch": 2},
        )
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(InputError, match="holds something else"):
        foreframe.train("push-tiny", store.path, tmp_path, changes=TINY)
    assert os.listdir(tmp_path) == ["precious.txt"]


def test_a_dry_run_writes_nothing(store: ClipStore, tmp_path: Path) -> None:
    found = foreframe.train("svg-bair", store.path, tmp_path / "run", dry_run=True)
    assert found.summary.condition == (4,)
    assert found.summary.future_states_given
    assert found.summary.parameters > 20_000_000
    assert found.steps == 0
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("recipe", "changes", "message"),
    [
        ("push-tinny", {}, "unknown recipe 'push-tinny'; did you mean push-tiny"),
        (
            "push-tiny",
            {"training.stepz": 3},
            "unknown option 'training.stepz'; did you mean training.steps",
        ),
        ("push-tiny", {"model.codes": 3}, "unknown option 'model.codes'; did you mean model.code"),
        ("push-tiny", {"model.name": "svgg"}, "unknown model 'svgg'; did you mean svg"),
        (
            "push-tiny",
            {"optimizer.beta1": 3},
            "unknown section 'optimizer'; did you mean optimiser",
        ),
        ("push-tiny", {"objective.beta": {"kind": "cyclic"}}, "did you mean cyclical"),
        ("push-tiny", {"objective.beta.valu": 3}, "did you mean objective.beta.value"),
        ("push-tiny", {"training.batch": 0}, "training.batch is 0; expected at least 1"),
        ("push-tiny", {"clip.horizon": 0}, "clip.horizon is 0; expected at least 1"),
        (
            "push-tiny",
            {"training.steps": "many"},
            "training.steps is 'many'; expected a whole number",
        ),
        ("push-tiny", {"training": 5}, "training is 5; expected options by name"),
    ],
)
def test_settings_that_do_not_exist_name_the_nearest(
    store: ClipStore, tmp_path: Path, recipe: str, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        foreframe.train(recipe, store.path, tmp_path / "run", changes=changes)
    assert not (tmp_path / "run").exists()


def test_a_file_of_changes_goes_over_the_recipe_and_the_command_over_both(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "training: {steps: 77, batch: 6}\n"
        "objective: {beta: {kind: cyclical, value: 1.0e-4, cycles: 3}}\n"
    )
    config = resolve(
        "push-tiny", tmp_path / "mine.yaml", {"training.batch": 8, "objective.beta.cycles": 5}
    )
    assert (config.training.steps, config.training.batch) == (77, 8)
    assert config.to_dict()["objective"]["beta"] == {
        "kind": "cyclical",
        "value": 1e-4,
        "total_steps": 77,
        "cycles": 5,
        "ramp": 0.5,
    }


def test_a_resolved_recipe_resolves_to_itself(tmp_path: Path) -> None:
    import yaml

    for recipe in RECIPE_FILES.names():
        config = resolve(recipe)
        (tmp_path / "again.yaml").write_text(yaml.safe_dump(config.to_dict()))
        assert resolve(recipe, tmp_path / "again.yaml") == config


def test_forced_steps_follow_the_ratio_and_never_the_context() -> None:
    changes = {"teacher_forcing.ratio": 0.3, "teacher_forcing.draw": "step"}
    config = resolve("push-tiny", changes=changes)
    draws = [forced_steps(config, step) for step in range(600)]
    assert draws[5] == forced_steps(config, 5)
    assert min(t for d in draws for t in d) == 3
    assert np.mean([len(d) for d in draws]) / 9 == pytest.approx(0.3, abs=0.03)
    whole = resolve("push-tiny", changes={"teacher_forcing.ratio": 0.3})
    assert {len(forced_steps(whole, step)) for step in range(50)} == {0, 9}


def test_forcing_is_drawn_for_each_step_clip_or_epoch() -> None:
    """At ratio 0.5: frames of a clip differ, clips differ whole, or a whole epoch's clips agree."""
    seen = {}
    for draw in ("step", "clip", "epoch"):
        changes = {
            "teacher_forcing.ratio": 0.5,
            "teacher_forcing.draw": draw,
            "teacher_forcing.epoch_steps": 50,
        }
        config = resolve("svg-bair", changes=changes)
        counts = [len(forced_steps(config, step)) for step in range(400)]
        assert np.mean(counts) / 9 == pytest.approx(0.5, abs=0.25)
        seen[draw] = counts
    assert set(seen["step"]) > {3, 4, 5, 6}
    assert set(seen["clip"]) == set(seen["epoch"]) == {0, 9}
    assert all(len(set(seen["epoch"][first : first + 50])) == 1 for first in range(0, 400, 50))
    assert any(len(set(seen["clip"][first : first + 50])) == 2 for first in range(0, 400, 50))


def test_a_share_of_the_clips_for_the_first_steps() -> None:
    order = Order(50, seed=1, share=0.4, until=60)
    early = [i for step in range(6) for i in order.batch(step, 10)]
    late = [i for step in range(6, 16) for i in order.batch(step, 10)]
    assert len(set(early)) == 20
    assert all(early.count(i) == 3 for i in set(early))
    assert set(late) == set(range(50))
    again = Order(50, seed=1, share=0.4, until=60)
    assert again.batch(7, 10) == order.batch(7, 10)
    assert again.batch(2, 10) == order.batch(2, 10)


@pytest.mark.slow
def test_another_run_is_gone_on_from_with_other_settings(store: ClipStore, tmp_path: Path) -> None:
    """Weights, moments and step come along; the first run stays as it is."""
    first = foreframe.train(
        "push-tiny", store.path, tmp_path / "a", changes={**TINY, "training.steps": 4}
    )
    more = {**TINY, "training.steps": 8, "optimiser.learning_rate": 1e-4}
    again = foreframe.train(
        "push-tiny", store.path, tmp_path / "b", changes=more, resume_from=tmp_path / "a"
    )
    assert (first.steps, again.steps) == (4, 8)
    lines = [
        json.loads(line) for line in (tmp_path / "b" / "metrics.jsonl").read_text().splitlines()
    ]
    assert lines[0]["step"] == 5
    saved = tmp_path / "a" / "state" / "step-0000004"
    foreframe.train("push-tiny", store.path, tmp_path / "c", changes=more, resume_from=saved)
    for part in ("model", "optimiser"):
        files = [tmp_path / run / "state" / "step-0000008" / f"{part}.safetensors" for run in "bc"]
        assert files[0].read_bytes() == files[1].read_bytes()
    with pytest.raises(InputError, match="is another run"):
        foreframe.train("push-tiny", store.path, tmp_path / "c", changes=more)
    with pytest.raises(InputError, match="holds no whole training state"):
        foreframe.train("push-tiny", store.path, tmp_path / "d", changes=more, resume_from=tmp_path)


def test_a_batch_in_parts_is_the_batch(store: ClipStore, tmp_path: Path) -> None:
    """Gradients of the parts add up to those of the whole, and the log tells of the whole."""
    weights, logs = [], []
    for parts in (1, 4):
        changes = {**TINY, "training.steps": 3, "training.batch": 8, "training.accumulate": parts}
        foreframe.train("push-tiny", store.path, tmp_path / str(parts), changes=changes)
        weights.append(foreframe.load(tmp_path / str(parts)).state_dict())
        logs.append(
            [
                json.loads(line)
                for line in (tmp_path / str(parts) / "metrics.jsonl").read_text().splitlines()
            ]
        )
    for key, value in weights[0].items():
        torch.testing.assert_close(value, weights[1][key], rtol=1e-3, atol=1e-5)
    for one, other in zip(*logs, strict=True):
        assert other == pytest.approx(one, rel=1e-3)
    with pytest.raises(InputError, match=r"training.accumulate 3.*share equally"):
        foreframe.train(
            "push-tiny",
            store.path,
            tmp_path / "x",
            changes={"training.batch": 4, "training.accumulate": 3},
        )


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a compiler")
def test_a_compiled_model_trains_to_the_same(store: ClipStore, tmp_path: Path) -> None:
    weights = []
    for compiled in (False, True):
        changes = {
            **TINY,
            "training.steps": 1,
            "training.validate_every": 1,
            "training.compile": compiled,
        }
        foreframe.train("push-tiny", store.path, tmp_path / str(compiled), changes=changes)
        weights.append(foreframe.load(tmp_path / str(compiled)).state_dict())
    for key, value in weights[0].items():
        torch.testing.assert_close(value, weights[1][key], rtol=1e-3, atol=1e-5)


def test_pushforward_steps_are_drawn_over_the_orders_of_magnitude() -> None:
    config = resolve("pose-dance-short", changes={"clip.pushforward": 63})
    draws = [pushforward_steps(config, step) for step in range(4000)]
    assert draws[7] == pushforward_steps(config, 7)
    assert min(draws) == 0
    assert max(draws) == 63
    for low, high in ((2, 4), (8, 16), (32, 64)):  # each doubling as often as the next
        assert sum(low <= d < high for d in draws) / len(draws) == pytest.approx(1 / 6, abs=0.03)
    assert {pushforward_steps(resolve("push-tiny"), step) for step in range(50)} == {0}


def test_a_clip_goes_on_from_the_models_own_frames() -> None:
    """Ahead by hand and by `ModelWithLoss` is the same loss, and no gradient flows through what was
    ahead.
    """
    from foreframe.clips import to_uint8
    from foreframe.noise import Noise
    from foreframe.objective import elbo
    from foreframe.rollouts import rollout
    from foreframe.training.step import ModelWithLoss, Weights
    from small_models import label_spec, small

    model = small("pose", label_spec()).float().eval()
    spec = model.spec
    frames = to_uint8(torch.rand(2, 6, *spec.frame))
    conditions = torch.rand(2, 6, *spec.condition)
    bound, weights = ModelWithLoss(model, 1, False), Weights(beta=1e-3)
    found = bound(frames, conditions, [1, 2], weights, (), pushforward=3)
    noise, truth = Noise([1, 2]), frames.float() / 255
    with torch.no_grad():
        ahead = (
            rollout(model, truth[:, :1], conditions[:, :4], 1, noise=noise, decode_from=1)
            .frames[:, -1:]
            .clamp(0, 1)
        )
    clip = torch.cat([ahead, truth[:, 4:]], 1)
    expected = elbo(
        rollout(model, clip, conditions[:, 3:], 1, noise=noise, decode_from=1), clip, 1e-3
    )
    torch.testing.assert_close(found.loss, expected.loss)
    without = bound(frames[:, 3:], conditions[:, 3:], [1, 2], weights, ())
    assert not torch.equal(found.loss, without.loss)


@pytest.mark.slow
def test_a_finished_run_is_trained_longer(
    store: ClipStore, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one go or stopped on the way, with the same bits; what it was is kept."""
    import shutil

    changes = {**TINY, "training.steps": 20}
    for name in ("one", "two"):
        shutil.copytree(run, tmp_path / name)
    result = foreframe.train("push-tiny", store.path, tmp_path / "one", changes=changes)
    assert result.steps == 20
    said = capsys.readouterr().out
    assert "has done its 12 steps and goes on to 20; schedules are stretched" in said
    assert "resuming from step 12" in said
    identity = json.loads((tmp_path / "one" / "identity.json").read_text())
    assert identity["config"]["optimiser"]["learning_rate"]["total_steps"] == 20
    assert [leg["steps"] for leg in identity["continued"]] == [12]
    assert "steps: 20" in (tmp_path / "one" / "recipe.yaml").read_text()
    foreframe.train("push-tiny", store.path, tmp_path / "two", changes=changes, max_steps=15)
    foreframe.train("push-tiny", store.path, tmp_path / "two", changes=changes)
    one, two = (tmp_path / name / "state/step-0000020" for name in ("one", "two"))
    for part in ("model", "average", "optimiser"):
        file = f"{part}.safetensors"
        assert (one / file).read_bytes() == (two / file).read_bytes()
    lines = (tmp_path / "one" / "metrics.jsonl").read_text().splitlines()
    logged = [json.loads(line)["step"] for line in lines]
    assert sorted(set(logged)) == list(range(1, 21))


@pytest.mark.slow
def test_a_finished_run_goes_on_with_another_horizon(
    store: ClipStore, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    out = Path(shutil.copytree(run, tmp_path / "run"))
    changes = {**TINY, "training.steps": 16, "clip.horizon": 2}
    changes["training.validate_every"] = 16
    with pytest.raises(InputError, match=r"is another run .*validate_every.*--resume-from"):
        foreframe.train("push-tiny", store.path, out, changes=changes)
    changes["training.validate_every"] = 4
    foreframe.train("push-tiny", store.path, out, changes=changes)
    assert "best validation score begins anew" in capsys.readouterr().out
    described = foreframe.models.describe(out)
    assert (described["notes"]["horizon"], described["notes"]["step"]) == (2, 16)


@pytest.mark.slow
def test_an_unfinished_run_is_not_stretched(store: ClipStore, tmp_path: Path) -> None:
    changes = {**TINY, "training.steps": 8}
    foreframe.train("push-tiny", store.path, tmp_path / "run", changes=changes, max_steps=4)
    changes["training.steps"] = 12
    with pytest.raises(InputError, match=r"has done 4 of its 8 steps.*--resume-from"):
        foreframe.train("push-tiny", store.path, tmp_path / "run", changes=changes)


@pytest.mark.slow
def test_fresh_moves_a_run_aside_and_nothing_else(
    store: ClipStore, run: Path, tmp_path: Path
) -> None:
    import shutil

    changes = {**TINY, "training.steps": 2}
    shutil.copytree(run, tmp_path / "run")
    with pytest.raises(InputError, match=r"has done 12 steps; expected more .* or another --out"):
        foreframe.train("push-tiny", store.path, tmp_path / "run", changes=changes)
    again = foreframe.train("push-tiny", store.path, tmp_path / "run", changes=changes, fresh=True)
    assert again.steps == 2
    assert (tmp_path / "run.1" / "model.safetensors").read_bytes() == (
        run / "model.safetensors"
    ).read_bytes()
    foreframe.train("push-tiny", store.path, tmp_path / "run", changes=changes, fresh=True)
    assert (tmp_path / "run.2").is_dir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="holds something else"):
        foreframe.train("push-tiny", store.path, tmp_path / "other", changes=changes, fresh=True)
    assert (tmp_path / "other" / "thesis.tex").read_text() == "years of work"
