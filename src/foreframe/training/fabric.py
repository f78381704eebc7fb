"""Lightning Fabric for a run: devices, precision and strategy."""

from __future__ import annotations

from typing import Any

import torch

from ..errors import InputError
from ..runtime import hardware
from .config import LoopConfig
from .plan import Devices


def make_fabric(precision: hardware.Precision, devices: Devices) -> Any:
    """Return the Fabric that trains in `precision` on `devices`.

    Raises:
        InputError: one device was chosen by its number, and several are asked for.
    """
    from lightning_fabric import Fabric

    device = hardware.device()
    if device.index is not None and devices.total > 1:
        raise InputError(
            f"--device {device} is a single device, --devices {devices.per_node} asks for several; "
            f"expected --device {device.type}"
        )
    return Fabric(
        accelerator=device.type,
        devices=devices.per_node if device.index is None else [device.index],
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
