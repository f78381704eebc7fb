"""Training state: everything that resuming needs, in one folder that is written whole.

A state is `state/step-0000500/`: safetensors of weights, averaged weights and optimiser, and
`state.json` with the step and a digest of each file.
Schedules, the order of the data and all noise are functions of the step, so nothing else is saved.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..runtime.digests import digest_file, read_json_with_digest, write_json_with_digest
from ..runtime.files import atomic_folder, read_json, remove_folder, remove_temporaries
from ..runtime.tensors import load_tensors, save_tensors
from ..runtime.typed import read_as
from ..version import __version__

_ADAMW, _MUON = {"step", "exp_avg", "exp_avg_sq"}, {"momentum"}  # what each keeps of a parameter
IDENTITY = "identity.json"  # in a run: its configuration and its data
DESCRIBED = "state.json"  # in a saved state: its step and the digests of its files

_SCHEMA = "foreframe.state/1"
_FILES = {"model.safetensors", "average.safetensors", "optimiser.safetensors"}


@dataclass
class TrainingState:
    """What changes while a run trains.

    Attributes:
        model: with the weights of the last step.
        average: averaged weights, by the names of the model's.
        optimiser: with the moments of each parameter.
        step: optimiser steps that were done.
        best_crps: best validation CRPS so far; None before, and in states of versions that chose
            weights by PSNR.
        best_psnr: validation PSNR of the same weights, in dB.
        skipped_steps: steps whose gradients were not finite.
    """

    model: nn.Module
    average: dict[str, Tensor]
    optimiser: torch.optim.Optimizer
    step: int = 0
    best_crps: float | None = None
    best_psnr: float | None = None
    skipped_steps: int = 0


def save_state(state: TrainingState, run: Path, keep: int) -> Path:
    """Write the state, and remove all but the newest `keep` states."""
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
            "best_crps": state.best_crps,
            "best_psnr": state.best_psnr,
            "skipped_steps": state.skipped_steps,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "foreframe": __version__,
            "run": read_json(run / IDENTITY, "what a run is made of"),
            "digests": digests,
        }
        write_json_with_digest(temporary / DESCRIBED, described)
    drop_older_states(run, keep)
    return folder


def drop_older_states(run: Path, keep: int) -> None:
    """Remove all but the newest `keep` states, and what killed processes left of others."""
    for old in saved_states(run)[keep:]:
        remove_folder(old)
    remove_temporaries(run / "state")


def restore_state(state: TrainingState, run: Path) -> str:
    """Load the newest undamaged state, and return what happened in words; empty if there is none.

    Raises:
        InputError: every state is damaged.
    """
    folders = saved_states(run)
    broken = []
    for folder in folders:
        if fault := damage(folder):
            broken.append(f"{folder.name}: {fault}")
            continue
        described = _described(folder)
        state.model.load_state_dict(load_tensors(folder / "model.safetensors"))
        device = next(state.model.parameters()).device
        state.average.update(
            {k: v.to(device) for k, v in load_tensors(folder / "average.safetensors").items()}
        )
        _load_optimiser(state, load_tensors(folder / "optimiser.safetensors"))
        state.step, state.best_psnr = described.step, described.best_psnr
        state.best_crps = described.best_crps
        if not _validated_alike(described.run, run):
            state.best_crps = state.best_psnr = None
        state.skipped_steps = described.skipped_steps
        for other in folders[: folders.index(folder)]:
            remove_folder(other)  # damaged, and about to be written again
        notes = [f"resuming from step {state.step}", *(f"removed damaged {b}" for b in broken)]
        for what, then, now in (
            ("threads", described.threads, torch.get_num_threads()),
            ("torch", described.torch, torch.__version__),
        ):
            if then != now:
                notes.append(f"{what} {then} then, {now} now: equal to rounding, not bit for bit")
        return "; ".join(notes)
    if folders:
        raise InputError(
            f"no state in {run / 'state'} is undamaged ({'; '.join(broken)}); "
            "remove that folder to start over"
        )
    return ""


def _validated_alike(begun: dict[str, Any], run: Path) -> bool:
    """Return whether validation scores of a state compare with those of the run that goes on."""
    now = read_json(run / IDENTITY, "what a run is made of")
    try:
        return begun["data"] == now["data"] and all(
            begun["config"]["clip"][name] == now["config"]["clip"][name]
            for name in ("n_past", "horizon")
        )
    except (KeyError, TypeError):
        return True  # a state or run of an earlier version


def newest_valid_state(source: Path) -> Path:
    """Return `source` if it is a saved state, else the newest undamaged state of the run `source`.

    Raises:
        InputError: there is no such state.
    """
    states = [source] if (source / DESCRIBED).is_file() else saved_states(source)
    whole = [folder for folder in states if not damage(folder)]
    if not whole:
        why = f" ({damage(states[0])})" if states else ""
        raise InputError(
            f"{source} holds no whole training state{why}; expected a run that `foreframe train` "
            "wrote, or one of its state/step-N folders"
        )
    return whole[0]


def step_of(state: Path) -> int:
    """Return the number of optimiser steps after which a state was saved.

    Raises:
        InputError: it is damaged.
    """
    return _described(state).step


def copy_state_into(run: Path, state: Path) -> None:
    """Copy a saved state into a run, unless the run has states already."""
    if not saved_states(run):
        with atomic_folder(run / "state" / state.name) as temporary:
            for file in state.iterdir():
                shutil.copy2(file, temporary / file.name)


def saved_states(run: Path) -> list[Path]:
    """Return the folders of a run's saved states, newest first."""
    return sorted((run / "state").glob("step-*"), reverse=True)


def damage(folder: Path) -> str:
    """Return what is wrong with a saved state, in words; empty if nothing is."""
    try:
        wrong = [
            name
            for name, right in _described(folder).digests.items()
            if digest_file(folder / name) != right
        ]
        return f"{', '.join(wrong)} changed" if wrong else ""
    except (InputError, OSError) as error:
        return str(error)


@dataclass(frozen=True)
class _Described:
    """What `state.json` holds."""

    step: int
    digests: dict[str, str]
    best_psnr: float | None = None
    best_crps: float | None = None
    skipped_steps: int = 0
    threads: int = 0
    torch: str = ""
    run: dict[str, Any] = field(default_factory=dict)


def _described(folder: Path) -> _Described:
    found = read_json_with_digest(folder / DESCRIBED, "a training state", _SCHEMA)
    described = read_as(_Described, found, str(folder / DESCRIBED))
    if described.step < 0 or _FILES - set(described.digests):
        raise InputError(
            f"{folder / DESCRIBED} has step {described.step} and digests of "
            f"{', '.join(described.digests)}; expected those of {', '.join(sorted(_FILES))}"
        )
    return described


def _names(state: TrainingState) -> dict[int, str]:
    return {id(parameter): name for name, parameter in state.model.named_parameters()}


def _optimiser_tensors(state: TrainingState) -> dict[str, Tensor]:
    """Return Adam's moments and steps by the name of their parameter.

    A sharded optimiser is gathered before.
    """
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
    # A sharded optimiser holds the share of this process in `optim`.
    local = getattr(state.optimiser, "optim", state.optimiser)
    for group in local.param_groups:
        kept = _MUON if group.get("orthogonal") else _ADAMW
        for parameter in group["params"]:
            found = slots.get(names[id(parameter)], {})
            if found.keys() != kept:  # another optimiser's: its means begin anew
                continue
            local.state[parameter] = {
                key: value.to(parameter.device)
                if key == "step"
                else _laid_out_like(parameter, value)
                for key, value in found.items()
            }


def _laid_out_like(parameter: Tensor, value: Tensor) -> Tensor:
    """Return `value` in the memory format of its parameter, as fused optimisers need it."""
    return torch.empty_like(parameter, requires_grad=False).copy_(value)
