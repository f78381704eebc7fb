"""The mistakes people make most: each is one line with the way out, and the right exit status."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from conftest import TINY
from foreframe import models
from foreframe.cli import main
from foreframe.data.store import ClipStore
from foreframe.runtime.digests import read_json_with_digest, with_digest, write_json_with_digest
from small_recordings import WRITERS, frames_of

SOURCES: dict[str, Path] = {}


@dataclass(frozen=True)
class Place:
    """Where a mistake is made.

    A store, a run, a free folder, and what of Python may be changed for a while.
    """

    store: Path
    run: Path
    free: Path
    patch: pytest.MonkeyPatch

    def copy_of_run(self) -> Path:
        return Path(shutil.copytree(self.run, self.free / "run"))


def wrong_path(p: Place) -> list[str]:
    return ["data", "inspect", str(p.free / "nowhere")]


def recordings_for_a_store(p: Place) -> list[str]:
    return [
        "train",
        "push-tiny",
        "--data",
        str(WRITERS["npz"](p.free / "rec")),
        "--out",
        str(p.free / "run"),
    ]


def a_store_for_a_run(p: Place) -> list[str]:
    return ["eval", str(p.store), "--data", str(p.store)]


def unknown_format(p: Place) -> list[str]:
    (p.free / "notes").mkdir()
    (p.free / "notes" / "readme.txt").write_text("hello")
    return ["data", "import", str(p.free / "notes"), str(p.free / "out")]


def format_misspelt(p: Place) -> list[str]:
    return [
        "data",
        "import",
        str(WRITERS["npz"](p.free / "rec")),
        str(p.free / "out"),
        "--format",
        "npy",
    ]


def missing_extra(p: Place) -> list[str]:
    p.patch.setitem(sys.modules, "pyarrow.parquet", None)
    return ["data", "import", str(SOURCES["lerobot"]), str(p.free / "out"), "--workers", "1"]


def pictures_of_many_sizes(p: Place) -> list[str]:
    source = p.free / "rec"
    source.mkdir()
    np.savez(source / "0.npz", frames=frames_of(0))
    np.savez(source / "1.npz", frames=frames_of(1)[:, :32])
    return ["data", "import", str(source), str(p.free / "out"), "--workers", "1"]


def an_export_without_its_extra(p: Place) -> list[str]:
    p.patch.setitem(sys.modules, "onnx", None)
    return ["export", str(p.run), str(p.free / "out"), "--onnx"]


def an_export_of_nothing(p: Place) -> list[str]:
    return ["export", str(p.run), str(p.free / "out")]


def training(p: Place, out: Path | None = None) -> list[str]:
    return ["train", "push-tiny", "--data", str(p.store), "--out", str(out or p.free / "run")]


def horizon_too_long(p: Place) -> list[str]:
    return [*training(p), "--clip.horizon", "100"]


def scoring(p: Place) -> list[str]:
    return ["eval", str(p.run), "--data", str(p.store), "--out", str(p.free / "eval.json")]


def a_protocol_of_longer_clips(p: Place) -> list[str]:
    return [*scoring(p), "--protocol", "foreframe,svg-best100"]


def one_of_two_protocols_misspelt(p: Place) -> list[str]:
    return [*scoring(p), "--protocol", "foreframe,fitvid"]


def weights_that_are_none(p: Place) -> list[str]:
    torch.save({"anything": torch.zeros(1)}, p.free / "weights.pt")
    return [*scoring(p), "--weights", f"lpips={p.free / 'weights.pt'}"]


def no_such_condition(p: Place) -> list[str]:
    return [*training(p), "--conditions", "actoin"]


def no_such_option(p: Place) -> list[str]:
    return [*training(p), "--training.stpes", "10"]


def no_such_recipe(p: Place) -> list[str]:
    return ["train", "push-tny", "--data", str(p.store), "--out", str(p.free / "run")]


def a_word_for_a_number(p: Place) -> list[str]:
    return [*training(p), "--training.steps", "many"]


def something_else_in_the_way(p: Place) -> list[str]:
    (p.free / "run").mkdir()
    (p.free / "run" / "thesis.tex").write_text("years of work")
    return training(p)


def another_run_in_the_way(p: Place) -> list[str]:
    return [*training(p, p.copy_of_run()), "--training.seed", "7"]


def another_models_weights(p: Place) -> list[str]:
    run = p.copy_of_run()
    other = models.load(run)
    weights = {k: v for k, v in other.state_dict().items() if "prior" not in k}
    described = models.describe(run)
    save_file(weights, run / "model.safetensors", {"config": json.dumps(with_digest(described))})
    return ["eval", str(run), "--data", str(p.store)]


def another_version(p: Place) -> list[str]:
    copy = Path(shutil.copytree(p.store, p.free / "store"))
    manifest = read_json_with_digest(copy / "manifest.json", "", "foreframe.clips/1")
    write_json_with_digest(copy / "manifest.json", {**manifest, "schema": "foreframe.clips/9"})
    return ["data", "inspect", str(copy)]


def a_damaged_model(p: Place) -> list[str]:
    run = p.copy_of_run()
    content = bytearray((run / "model.safetensors").read_bytes())
    content[-100] ^= 4
    (run / "model.safetensors").write_bytes(bytes(content))
    return ["eval", str(run), "--data", str(p.store)]


def no_permission(p: Place) -> list[str]:
    def refuse(self: Path, *more: object, **others: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    p.patch.setattr(Path, "mkdir", refuse)
    return ["data", "import", str(SOURCES["npz"]), str(p.free / "out"), "--workers", "1"]


def no_space(p: Place) -> list[str]:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    p.patch.setattr(os, "fsync", full)
    return ["data", "import", str(SOURCES["npz"]), str(p.free / "out"), "--workers", "1"]


def too_little_memory(p: Place) -> list[str]:
    def hungry(*arguments: object, **more: object) -> None:
        torch.empty(1 << 60, dtype=torch.uint8)

    p.patch.setattr("foreframe.training.loop.ModelWithLoss.forward", hungry)
    return training(p)


def no_start_in_the_split(p: Place) -> list[str]:
    source = p.free / "rec"
    source.mkdir()
    np.savez(source / "0.npz", frames=frames_of(0), action=np.ones((len(frames_of(0)), 2)))
    main(
        ["data", "import", str(source), str(p.free / "one"), "--workers", "1", "--size", "32", "64"]
    )
    return ["eval", str(p.run), "--data", str(p.free / "one")]


def a_clip_that_is_not_there(p: Place) -> list[str]:
    return ["sample", str(p.run), "--data", str(p.store), "--clips", "99999"]


def a_verb_misspelt(p: Place) -> list[str]:
    return ["trian", "push-tiny"]


MISTAKES: list[tuple[Callable[[Place], list[str]], int, str]] = [
    (wrong_path, 2, "nowhere is not a clip store: the folder does not exist; make one with"),
    (
        recordings_for_a_store,
        2,
        "has no manifest.json; to turn recordings into a store use `foreframe data import",
    ),
    (a_store_for_a_run, 2, "is not a run with a model"),
    (unknown_format, 2, "looks like none of the known formats .* say --format"),
    (format_misspelt, 2, "unknown format 'npy'; did you mean npz"),
    (missing_extra, 2, r"pip install 'foreframe\[lerobot\]'"),
    (an_export_without_its_extra, 2, r"pip install 'foreframe\[onnx\]'"),
    (an_export_of_nothing, 2, "expected --onnx, or --web, which holds it too"),
    (pictures_of_many_sizes, 2, "has frames of 64x32; expected 64x64 .* say --size H W"),
    (horizon_too_long, 2, "clips of 102 frames were asked for .* ask for a shorter horizon"),
    (
        a_protocol_of_longer_clips,
        2,
        r"protocol svg-best100 needs clips of 30 frames .* has 12 \(.*\): take another --protocol",
    ),
    (one_of_two_protocols_misspelt, 2, "unknown protocol 'fitvid'; did you mean fitvid-1to15"),
    (weights_that_are_none, 2, "weights.pt holds no weights that a metric needs; expected a file"),
    (no_such_condition, 2, "unknown condition column .* did you mean action"),
    (no_such_option, 2, "unknown option 'training.stpes'; did you mean training.steps"),
    (no_such_recipe, 2, "unknown recipe 'push-tny'; did you mean push-tiny"),
    (a_word_for_a_number, 2, "training.steps is 'many'; expected a whole number"),
    (something_else_in_the_way, 2, "holds something else .* choose another --out"),
    (
        another_run_in_the_way,
        2,
        r"is another run \(different: .*training.seed: 0 there, 7 here.*; choose another --out",
    ),
    (another_models_weights, 2, "is of another model: .* tensors differ"),
    (
        another_version,
        2,
        r"has schema 'foreframe.clips/9', which was written by a newer .* upgrade foreframe",
    ),
    (a_damaged_model, 2, "is not what was written"),
    (no_permission, 1, "Permission denied"),
    (no_space, 1, "No space left on device; what was finished is kept"),
    (too_little_memory, 1, r"too little memory; use a smaller batch \(--training.batch\)"),
    (no_start_in_the_split, 2, "has no episodes in split 'test' .* choose another --split"),
    (a_clip_that_is_not_there, 2, "99999"),
    (a_verb_misspelt, 2, "unknown command 'trian'; did you mean train"),
]


@pytest.fixture(scope="module", autouse=True)
def _written(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Recordings that are written before anything of Python is changed."""
    for name in ("lerobot", "npz"):
        SOURCES[name] = WRITERS[name](tmp_path_factory.mktemp(name) / "set")


@pytest.mark.parametrize(
    ("mistake", "status", "message"), MISTAKES, ids=[m[0].__name__ for m in MISTAKES]
)
def test_a_mistake_is_one_line_with_the_way_out(
    mistake: Callable[[Place], list[str]],
    status: int,
    message: str,
    store: ClipStore,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = mistake(Place(store.path, run, tmp_path, monkeypatch))
    if "train" in words:
        words += [
            f"--{k}={v}"
            for k, v in TINY.items()
            if not isinstance(v, list) and f"--{k}" not in words
        ]
        words += (
            ["--model.channels=[8,8,16]", "--training.steps=2"]
            if "--training.steps" not in words
            else []
        )
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(words)
    monkeypatch.undo()
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("foreframe:")]
    assert ended.value.code == status, told
    assert len(told) == 1
    assert re.search(message, told[0]), told[0]


def test_info_has_what_a_bug_report_needs(capsys: pytest.CaptureFixture[str]) -> None:
    main(["info"])
    said = capsys.readouterr().out
    for words in ("foreframe", "torch", "python", "threads"):
        assert words in said.lower()
