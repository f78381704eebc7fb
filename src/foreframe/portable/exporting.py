"""Export a run: graphs with a manifest, or a folder of static files that drives it in a browser."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch

from .. import models, pretrained
from ..errors import InputError
from ..model import Model
from ..runtime.files import make_folder
from ..runtime.outputs import claim_output, keep_apart_both_ways
from ..runtime.unfinished import unfinished
from ..simulate import Simulator
from ..version import __version__
from .checking import compare
from .graphs import OPSET, require_packages, write_graphs
from .manifest import CONVENTIONS, MANIFEST, MODEL_FILES, Check, Graph, Manifest
from .parts import feeds_back
from .site import SIMULATORS, SITE_FILES, Site
from .vendoring import fetched_runtime, runtime_of

Precision = Literal["float32", "float16"]


@dataclass(frozen=True)
class Exported:
    """What an export came to.

    Attributes:
        folder: where it is.
        model_bytes: size of the graphs with their weights.
        bytes: size of everything.
        checked: how the graphs compare with PyTorch.
    """

    folder: Path
    model_bytes: int
    bytes: int
    checked: Check


def export(
    run: str | Path,
    out: str | Path,
    onnx: bool = False,
    web: bool = False,
    data: str | Path | None = None,
    weights: Precision | None = None,
    starts: int = 8,
    runtime: str | Path | None = None,
) -> Exported:
    """Write a model that runs without PyTorch, whole or not at all; an older export is replaced.

    Args:
        run: a run folder, or the name of a model that comes with foreframe.
        out: the new folder.
        onnx: write three ONNX graphs with their weights and a manifest.
        web: write a folder of static files: a page that drives the model in the browser. It holds
            what --onnx writes, too.
        data: for --web, a store of clips to begin from; by default the one that the run was trained
            on.
        weights: how weights are stored: float32, or float16, at half the size; the default is
            float16 for --web, and float32 for --onnx. The graphs compute in float32, and weights
            that float16 holds exactly are always stored so.
        starts: for --web, the number of clips to begin from.
        runtime: for --web, a folder with the files of the npm package onnxruntime-web; by default
            it is fetched from the npm registry once, and kept in the user's cache folder.

    Raises:
        InputError: not a run; `out` holds something else, or is in what is read; neither --onnx nor
            --web; a package of the extra `onnx` is not installed.
        ForeframeError: the graphs differ from the model; PyTorch cannot export it; the runtime
            cannot be fetched, or is not what was published.
    """
    run, out = _folder(run), Path(out)
    if not (onnx or web):
        raise InputError("nothing is asked for; expected --onnx, or --web, which holds it too")
    require_packages()
    keep_apart_both_ways(out, run, "the run")
    _check_replaceable(out, SITE_FILES if web else MODEL_FILES)
    site = _site(run, data, starts, runtime) if web else None
    identity = {"exported": models.describe(run)["tensors"], "web": web, "version": __version__}
    with unfinished(out, "export") as making:
        making.claim_or_clear(identity)
        try:
            shutil.rmtree(making.folder)
            place = site.place(making.folder) if site else making.folder
            make_folder(place)
            manifest = write_model(run, place, weights or ("float16" if web else "float32"))
            if site:
                site.write(making.folder)
            sizes = sum((place / name).stat().st_size for name in MODEL_FILES), _size(making.folder)
            making.replace()
        finally:
            making.discard()  # it is written at one go: there is nothing to go on from
    assert manifest.checked is not None
    return Exported(out, *sizes, manifest.checked)


def _site(run: Path, data: str | Path | None, starts: int, runtime: str | Path | None) -> Site:
    if starts < 1:
        raise InputError(f"--starts is {starts}; expected at least 1")
    found = fetched_runtime() if runtime is None else runtime_of(Path(runtime))
    return Site(Simulator(run, data), starts, found)


def write_model(run: Path, folder: Path, weights: Precision) -> Manifest:
    """Write the graphs of a run with their manifest into a folder, and compare them with the run.

    Raises:
        ForeframeError: PyTorch cannot export the model, or the graphs differ from it.
    """
    described, model = models.describe(run), models.load(run)
    clip = models.trained_clip(described)
    if weights == "float16":
        _round(model)
    graphs = write_graphs(model, clip.n_past, folder)
    manifest = manifest_of(run.resolve().name, described["model"], model, clip, graphs)
    manifest.write(folder)
    checked = replace(manifest, checked=compare(model, clip.n_past, folder))
    checked.write(folder)
    return checked


def manifest_of(
    name: str, kind: str, model: Model, clip: models.TrainedClip, graphs: Mapping[str, Graph]
) -> Manifest:
    """Return what an export says of itself, before its graphs were compared with the model.

    Args:
        name: the name of the run.
        kind: the name of the kind of model.
        model: the model.
        clip: the clips that it was trained on.
        graphs: what `write_graphs` returned.
    """
    return Manifest(
        name,
        kind,
        model.spec.to_dict(),
        clip.n_past,
        clip.horizon,
        feeds_back(model),
        model.latent_shapes,
        graphs,
        OPSET,
        {"foreframe": __version__, "torch": torch.__version__},
        CONVENTIONS,
    )


def _folder(run: str | Path) -> Path:
    """Return the folder of a run, or of a model that comes with foreframe."""
    known = str(run) in pretrained.names() and not Path(run).exists()
    return pretrained.folder(str(run)) if known else Path(run)


def _round(model: Model) -> None:
    """Round weights to half precision, as a published model has them."""
    weights = model.state_dict()
    model.load_state_dict(
        {k: v.half().to(v.dtype) if v.is_floating_point() else v for k, v in weights.items()}
    )


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _check_replaceable(out: Path, own: Collection[str]) -> None:
    """Check that what is at `out` is nothing but an older export.

    Raises:
        InputError: it is something else, or holds more.
    """
    claim_output(out, "export", (MANIFEST if MANIFEST in own else SIMULATORS,))
    more = sorted(path.name for path in out.glob("*") if path.name not in own)
    if more:
        raise InputError(
            f"{out} holds {', '.join(more[:3])} beside an export; expected a new folder, or what "
            "the same command wrote: choose another OUT"
        )
