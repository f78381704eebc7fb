"""Choose device, precision and memory layout, and describe the machine."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from ..errors import InputError

Precision = Literal["auto", "32-true", "bf16-mixed"]
Layout = Literal["auto", "channels_last", "contiguous"]

_COMPILED = ("encode", "step", "decode")  # not the loop over time, whose length changes
_PACKAGES = ("foreframe", "torch", "lightning-fabric", "numpy", "mujoco-core", "av", "pyarrow")


_chosen: list[torch.device] = []  # by `computing_on`, the innermost last


def device() -> torch.device:
    """Return the device of `computing_on`; else a CUDA device if there is one, else the CPU."""
    if _chosen:
        return _chosen[-1]
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextlib.contextmanager
def computing_on(name: str) -> Iterator[torch.device]:
    """Train, evaluate and drive on a device while the block runs.

    Args:
        name: `cpu`, `cuda`, `cuda:1` or `mps`.

    Example:
        >>> with computing_on("cpu"):
        ...     device()
        device(type='cpu')

    Raises:
        InputError: this machine has no such device.
    """
    found = _devices()
    if name not in found:
        raise InputError(f"--device is {name}; expected one that is here: {', '.join(found)}")
    _chosen.append(torch.device(name))
    try:
        yield _chosen[-1]
    finally:
        _chosen.pop()


def _devices() -> list[str]:
    """Return the names of the devices of this machine."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    cuda = ["cuda", *(f"cuda:{number}" for number in range(count))] if count else []
    return ["cpu", *cuda, *(["mps"] if torch.backends.mps.is_available() else [])]


def precision(wanted: Precision = "auto") -> Literal["32-true", "bf16-mixed"]:
    """Return the precision to compute in.

    `auto` is bf16 autocast where the hardware multiplies bf16 matrices (CUDA from Ampere on, AMX),
    and float32 elsewhere.
    """
    if wanted != "auto":
        return wanted
    kind = device().type
    fast = torch.cuda.is_bf16_supported() if kind == "cuda" else kind == "cpu" and _has_amx()
    return "bf16-mixed" if fast else "32-true"


def layout(wanted: Layout = "auto") -> torch.memory_format:
    """Return the memory format of models and frames; `auto` is channels last.

    Convolutions are faster in channels last on CUDA and on CPUs, above all in bf16.
    """
    return torch.contiguous_format if wanted == "contiguous" else torch.channels_last


def compile_parts(model: nn.Module, frozen: bool = False) -> None:
    """Compile a model's encoder, step and decoder in place with torch.compile.

    Compiling takes up to a minute for every new number of rows; later processes find the result.

    Args:
        model: a `Model`.
        frozen: turn weights into constants, laid out for multiplication, with normalisation folded
            into convolutions; the model cannot be trained any more.

    Raises:
        InputError: there is no compiler.
    """
    compilers = (os.environ.get("CXX", "c++"), "g++", "clang++")
    if device().type != "cuda" and not any(shutil.which(name) for name in compilers):
        raise InputError(
            "--compile needs a C++ compiler, and there is none: "
            "install g++ (apt install g++), or leave it out"
        )
    options: dict[str, str | int | bool | Callable[..., Any]] | None = (
        {"freezing": True} if frozen else None
    )
    # Code for each number of rows is twice as fast as code for any number.
    dynamic = False if frozen else None
    for name in _COMPILED:
        setattr(model, name, torch.compile(getattr(model, name), dynamic=dynamic, options=options))


def info() -> dict[str, Any]:
    """Return versions and machine, as a figure or a bug report needs them."""
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "amx": _has_amx(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "precision": precision(),
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _has_amx() -> bool:
    try:
        return "amx_bf16" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(
            line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")
        )
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
