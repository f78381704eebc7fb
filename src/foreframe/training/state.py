"""Training state: everything that going on needs, in one folder that is written whole or not at all.

A state is `state/step-0000500/`: safetensors of weights, averaged weights and optimiser, and `state.json` with the step,
and a digest of each file. Schedules, the order of the data and all noise are functions of the step, so there is no more.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..runtime.digests import digest_file, read_json_with_digest, write_json_with_digest
from ..runtime.files import atomic_folder, read_json, save_tensors
from ..version import __version__

IDENTITY = "identity.json"  # of a run: its configuration and its data

_SCHEMA, _DESCRIBED = "foreframe.state/1", "state.json"


@dataclass
class TrainingState:
    """What changes while a run trains."""

    model: nn.Module
    average: dict[str, Tensor]
    optimiser: torch.optim.Optimizer
    step: int = 0
    best_psnr: float | None = None
    skipped_steps: int = 0


def save_state(state: TrainingState, run: Path, keep: int) -> Path:
    """Write the state and drop all but the newest `keep`."""
    folder = run / "state" / f"step-{state.step:07d}"
    parts = {
        "model": dict(state.model.state_dict()),
        "average": state.average,
        "optimiser": _optimiser_tensors(state),
    }
    with atomic_folder(folder) as temporary:
        digests = {}
        for name, tensors in parts.items():
            file = temporary / f"{name}.safetensors"
            save_tensors(
                {key: value.detach().cpu().contiguous() for key, value in tensors.items()}, file
            )
            digests[file.name] = digest_file(file)
        described = {
            "schema": _SCHEMA,
            "step": state.step,
            "best_psnr": state.best_psnr,
            "skipped_steps": state.skipped_steps,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "foreframe": __version__,
            "run": read_json(run / IDENTITY, "what a run is made of"),
            "digests": digests,
        }
        write_json_with_digest(temporary / _DESCRIBED, described)
    for old in _folders(run)[keep:]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def restore_state(state: TrainingState, run: Path) -> str:
    """Load the newest state whose digests are right. Returns what happened, in words; empty if there was none."""
    from safetensors.torch import load_file

    folders = _folders(run)
    broken = []
    for folder in folders:
        fault = _fault(folder)
        if fault:
            broken.append(f"{folder.name}: {fault}")
            continue
        described = read_json_with_digest(folder / _DESCRIBED, "a training state", _SCHEMA)
        state.model.load_state_dict(load_file(folder / "model.safetensors"))
        device = next(state.model.parameters()).device
        state.average.update(
            {k: v.to(device) for k, v in load_file(folder / "average.safetensors").items()}
        )
        _load_optimiser(state, load_file(folder / "optimiser.safetensors"))
        state.step, state.best_psnr = described["step"], described["best_psnr"]
        state.skipped_steps = described["skipped_steps"]
        for other in folders[: folders.index(folder)]:
            shutil.rmtree(other)  # damaged, and about to be made anew
        notes = [f"going on from step {state.step}", *(f"removed damaged {b}" for b in broken)]
        for what, now in (("threads", torch.get_num_threads()), ("torch", torch.__version__)):
            if described[what] != now:
                notes.append(
                    f"{what} {described[what]} then, {now} now: equal to rounding, not bit for bit"
                )
        return "; ".join(notes)
    if folders:
        raise InputError(
            f"no state in {run / 'state'} is whole ({'; '.join(broken)}); remove that folder to start over"
        )
    return ""


def whole_state(source: Path) -> Path:
    """`source` itself if it is a saved state, else the newest whole one of the run `source`.

    Raises:
        InputError: there is none.
    """
    states = [source] if (source / _DESCRIBED).is_file() else _folders(source)
    whole = [folder for folder in states if not _fault(folder)]
    if not whole:
        why = f" ({_fault(states[0])})" if states else ""
        raise InputError(
            f"{source} holds no whole training state{why}; expected a run that `foreframe train` wrote, or one of its state/step-N folders"
        )
    return whole[0]


def adopt_state(state: Path, run: Path) -> None:
    """Copy a saved state into a run, unless it has states of its own by now."""
    if not _folders(run):
        with atomic_folder(run / "state" / state.name) as temporary:
            for file in state.iterdir():
                shutil.copy2(file, temporary / file.name)


def _folders(run: Path) -> list[Path]:
    """States, newest first."""
    return sorted((run / "state").glob("step-*"), reverse=True)


def _fault(folder: Path) -> str:
    try:
        described = read_json_with_digest(folder / _DESCRIBED, "a training state", _SCHEMA)
        wrong = [
            name
            for name, right in described["digests"].items()
            if digest_file(folder / name) != right
        ]
        return f"{', '.join(wrong)} changed" if wrong else ""
    except (InputError, OSError, KeyError, TypeError) as error:
        return str(error)


def _names(state: TrainingState) -> dict[int, str]:
    return {id(parameter): name for name, parameter in state.model.named_parameters()}


def _optimiser_tensors(state: TrainingState) -> dict[str, Tensor]:
    """Adam's moments and steps, by the name of the parameter they belong to. A sharded optimiser was gathered before."""
    names = _names(state)
    parameters = [
        parameter for group in state.optimiser.param_groups for parameter in group["params"]
    ]
    return {
        f"{names[id(parameters[number])]}.{key}": torch.as_tensor(value)
        for number, slots in state.optimiser.state_dict()["state"].items()
        for key, value in slots.items()
    }


def _load_optimiser(state: TrainingState, tensors: dict[str, Tensor]) -> None:
    names = _names(state)
    slots: dict[str, dict[str, Any]] = {}
    for key, value in tensors.items():
        parameter, slot = key.rsplit(".", 1)
        slots.setdefault(parameter, {})[slot] = value
    local = getattr(
        state.optimiser, "optim", state.optimiser
    )  # of a sharded one, the share of this process
    for group in local.param_groups:
        for parameter in group["params"]:
            found = slots.get(names[id(parameter)], {})
            local.state[parameter] = {
                key: value.to(parameter.device)
                if key == "step"
                else _laid_out_like(parameter, value)
                for key, value in found.items()
            }


def _laid_out_like(parameter: Tensor, value: Tensor) -> Tensor:
    """`value` in the memory format of its parameter: fused optimisers walk through both side by side."""
    return torch.empty_like(parameter, requires_grad=False).copy_(value)
