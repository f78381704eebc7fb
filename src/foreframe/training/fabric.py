"""Lightning Fabric for a run: devices, precision and strategy."""

from __future__ import annotations

from typing import Any

import torch

from ..runtime import hardware
from .config import LoopConfig
from .plan import Devices


def make_fabric(precision: hardware.Precision, devices: Devices) -> Any:
    """Return the Fabric that trains in `precision` on `devices`."""
    from lightning_fabric import Fabric

    return Fabric(
        accelerator="auto",
        devices=devices.per_node,
        num_nodes=devices.nodes,
        strategy="ddp" if devices.total > 1 else "auto",
        precision=hardware.precision(precision),
    )


def describe_computing(fabric: Any, loop: LoopConfig) -> str:
    """Return how a run is computed, in words."""
    device = fabric.device
    where = (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"CPU, {torch.get_num_threads()} threads"
    )
    words = [
        f"{fabric.world_size} x {where}",
        hardware.precision(loop.precision),
        str(hardware.layout(loop.layout)).removeprefix("torch."),
        "compiled" if loop.compile else "not compiled",
        *(["sharded optimiser"] if loop.sharded and fabric.world_size > 1 else []),
    ]
    return f"computing on {', '.join(words)} (--precision, --layout and --compile choose otherwise)"
