"""Read the files of weights that metrics need, and equip the metrics of a protocol with them."""

from __future__ import annotations

import dataclasses
import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from ..errors import InputError
from ..metrics import Metric, SetMetric, WeightFile, Weights, demanding_metrics, lpips
from .protocol import Protocol


@dataclass(frozen=True)
class UsedWeights:
    """A file of weights that figures depend on.

    Attributes:
        file: its path.
        sha256: of its content.
        known_as: what the file with this hash was published as; None if that is not known here.
    """

    file: str
    sha256: str
    known_as: str | None


@dataclass(frozen=True)
class GivenWeights:
    """Files of weights, by the key of what each is.

    Attributes:
        tensors: by key.
        used: where they are from.
    """

    tensors: Mapping[str, Weights] = field(default_factory=dict)
    used: Mapping[str, UsedWeights] = field(default_factory=dict)


@dataclass(frozen=True)
class Equipped:
    """The metrics of a protocol, as far as weights were given.

    Attributes:
        protocol: with the metrics that now can be computed among its own.
        sets: metrics of sets of videos that can be computed.
        missing: by the name of each metric that cannot be computed, why.
        used: the files of weights, by key.
    """

    protocol: Protocol
    sets: tuple[SetMetric, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    used: Mapping[str, UsedWeights] = field(default_factory=dict)


def equip(protocol: Protocol, given: GivenWeights) -> Equipped:
    """Return the metrics of a protocol with the weights that were given.

    Raises:
        InputError: a file lacks tensors of its kind, or has them in another shape.
    """
    frames: list[Metric] = []
    sets: list[SetMetric] = []
    missing: dict[str, str] = {}
    used: dict[str, UsedWeights] = {}
    for metric in protocol.all_demanding():
        absent = [kind.title for kind in metric.needs if kind.key not in given.tensors]
        if absent:
            missing[metric.name] = f"no weights: give {' and '.join(absent)} with --weights FILE"
            continue
        used |= {kind.key: given.used[kind.key] for kind in metric.needs}
        ready = metric.with_weights(given.tensors)
        if isinstance(ready, SetMetric):
            sets.append(ready)
        else:
            frames.append(ready)
    whole = dataclasses.replace(protocol, metrics=(*protocol.metrics, *frames))
    return Equipped(whole, tuple(sets), missing, used)


def read_weights(files: Sequence[str | Path]) -> GivenWeights:
    """Read files of weights; what each is is told by its tensors.

    A file may be written METRIC=FILE, which changes nothing else.

    Raises:
        InputError: a file that cannot be read without running code from it, that is of no kind
            that a metric needs, or a second one of the same kind.
    """
    tensors: dict[str, Weights] = {}
    used: dict[str, UsedWeights] = {}
    for given in files:
        path = _path(given)
        content = _tensors(path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        kinds = [kind for kind in _kinds() if kind.recognises(content)]
        if not kinds:
            expected = "; ".join(kind.title for kind in _kinds())
            raise InputError(
                f"{path} holds no weights that a metric needs; expected a file of: {expected}"
            )
        for kind in kinds:
            if kind.key in used:
                raise InputError(
                    f"{path} and {used[kind.key].file} are both {kind.title}: give one of them"
                )
            tensors[kind.key] = kind.tensors(content)
            used[kind.key] = UsedWeights(str(path), sha256, kind.known_as(sha256))
    return GivenWeights(tensors, used)


def _kinds() -> list[WeightFile]:
    """Every kind of file that a metric needs, also in variants that no metric has by default."""
    needs = [kind for metric in (*demanding_metrics(), lpips.VGG16) for kind in metric.needs]
    return list({kind.key: kind for kind in needs}.values())


def _path(given: str | Path) -> Path:
    name, equals, rest = str(given).partition("=")
    named = equals and name in {metric.name for metric in demanding_metrics()}
    path = Path(rest if named else given)
    if not path.is_file():
        raise InputError(f"--weights {path}: no such file")
    return path


def _tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, read without running code from it."""
    if _is_torchscript(path):
        raise InputError(
            f"{path} is TorchScript, and to load that runs code from the file; expected a state "
            "dict (.pt, .pth or .safetensors), which holds numbers alone"
        )
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zip files, safetensors and torch raise many kinds
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{path} cannot be read as weights ({first}); expected a state "
            "dict of PyTorch (.pt, .pth) or a .safetensors file"
        ) from None
    if isinstance(found, dict) and isinstance(found.get("state_dict"), dict):
        found = found["state_dict"]
    if not isinstance(found, dict) or not all(isinstance(v, Tensor) for v in found.values()):
        raise InputError(f"{path} holds no state dict; expected tensors by name")
    return found


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(
            "/code/" in name or name.endswith("/constants.pkl") for name in archive.namelist()
        )
