"""Where and in which precision things run: one policy, in one place."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any, Literal

import torch

Precision = Literal["auto", "32-true", "bf16-mixed"]


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


def _has_amx() -> bool:
    try:
        return "amx_bf16" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


def info() -> dict[str, Any]:
    """What a figure or a bug report needs to say about the machine."""
    import importlib.metadata

    versions = {}
    for package in ("foreframe", "torch", "lightning-fabric", "numpy", "mujoco-core", "av", "pyarrow"):
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
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
