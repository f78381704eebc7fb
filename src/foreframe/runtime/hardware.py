"""Where and in which precision things run: one policy, in one place."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from ..errors import InputError

Precision = Literal["auto", "32-true", "bf16-mixed"]
Layout = Literal["auto", "channels_last", "contiguous"]


def device() -> torch.device:
    """A CUDA device if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def precision(wanted: Precision = "auto") -> Literal["32-true", "bf16-mixed"]:
    """bf16 autocast where the hardware multiplies bf16 matrices (CUDA from Ampere on, AMX); float32 elsewhere."""
    if wanted != "auto":
        return wanted
    if torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    return "bf16-mixed" if _has_amx() else "32-true"


def layout(wanted: Layout = "auto") -> torch.memory_format:
    """Channels last: what convolutions want on CUDA and on CPUs, the more so in bf16."""
    return torch.contiguous_format if wanted == "contiguous" else torch.channels_last


def compile_parts(model: nn.Module, frozen: bool = False) -> None:
    """Have torch.compile make a model's encoder, step and decoder, in place; not the loop over time, whose length changes.

    Frozen, weights become constants: laid out as they are multiplied, normalisation folded into convolutions. Then nothing can be
    trained. It takes up to a minute for every new number of rows; what was compiled once is found again by later processes.

    Raises:
        InputError: there is no compiler.
    """
    compilers = (os.environ.get("CXX", "c++"), "g++", "clang++")
    if not torch.cuda.is_available() and not any(shutil.which(name) for name in compilers):
        raise InputError(
            "--compile needs a C++ compiler, and there is none: install g++ (apt install g++), or leave it out"
        )
    options: dict[str, str | int | bool | Callable[..., Any]] | None = (
        {"freezing": True} if frozen else None
    )
    for name in ("encode", "step", "decode"):
        dynamic = (
            False if frozen else None
        )  # code for each number of rows is twice as fast as code for any
        setattr(model, name, torch.compile(getattr(model, name), dynamic=dynamic, options=options))


_MMAP_MAX, _MMAP_THRESHOLD, _TOP_PAD, _TRIM_THRESHOLD = (
    -4,
    -3,
    -2,
    -1,
)  # of mallopt, in glibc's malloc.h
_MEGABYTE = 1 << 20


@contextlib.contextmanager
def memory_kept() -> Iterator[None]:
    """Meanwhile memory that is freed stays with the process, for the next step; afterwards it goes back to the system.

    glibc gives large blocks back at once, so that every step asks the system for the same gigabytes, page by page. Where there is
    no glibc nothing happens.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc is None or not hasattr(libc, "gnu_get_libc_version"):
        yield
        return
    for what, value in ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, -1), (_TOP_PAD, 64 * _MEGABYTE)):
        libc.mallopt(what, value)
    try:
        yield
    finally:  # what its own rule would have come to by now
        for what, value in (
            (_MMAP_MAX, 65536),
            (_MMAP_THRESHOLD, 32 * _MEGABYTE),
            (_TRIM_THRESHOLD, 64 * _MEGABYTE),
            (_TOP_PAD, 0),
        ):
            libc.mallopt(what, value)
        libc.malloc_trim(0)


def _has_amx() -> bool:
    try:
        return "amx_bf16" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


def info() -> dict[str, Any]:
    """What a figure or a bug report needs to say about the machine."""
    import importlib.metadata

    versions = {}
    for package in (
        "foreframe",
        "torch",
        "lightning-fabric",
        "numpy",
        "mujoco-core",
        "av",
        "pyarrow",
    ):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "amx": _has_amx(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "precision": precision(),
        "versions": versions,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(
            line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")
        )
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
