"""Training: a recipe and a clip store become a run folder. The same command goes on where it was stopped."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from .. import models
from ..clips import ClipSpec
from ..data.mixtures import MixedWindows, Mixture, open_stores
from ..data.windows import Array, Windows
from ..errors import InputError
from ..objective import sigma_of_beta
from ..runtime import hardware
from ..runtime.digests import digest_file
from ..runtime.files import atomic_write, claim_output, read_json, write_json
from ..runtime.hardware import Layout, Precision
from ..runtime.locks import lock_folder
from ..state_head import StateHead
from .config import Config
from .resolving import resolve, with_defaults
from .state import IDENTITY, adopt_state, whole_state

_SETTINGS = "recipe.yaml"
# What may differ when a run goes on: the result does not depend on it.
_FREE = ("training.save_every:", "training.keep:", "training.sharded:")


def train(
    recipe: str,
    data: str | Path,
    out: str | Path,
    config: str | Path | None = None,
    changes: Mapping[str, Any] | None = None,
    conditions: tuple[str, ...] | None = None,
    max_steps: int | None = None,
    save_every: int | None = None,
    precision: Precision | None = None,
    layout: Layout | None = None,
    compile: bool | None = None,  # noqa: A002 - the word that everybody uses
    devices: int = 1,
    nodes: int = 1,
    resume_from: str | Path | None = None,
    fresh: bool = False,
    dry_run: bool = False,
) -> dict[str, Any]:
    """Train a recipe on a store. Called again with the same arguments it goes on from the last saved state.

    Args:
        recipe: the name of a recipe, such as push-tiny.
        data: a clip store; several as `A,B` (shards), or by weight as `A:0.7,B:0.3`.
        out: the run folder.
        config: a YAML file whose values go over the recipe's.
        changes: dotted names to values over both, such as `{"training.steps": 100}`; `--training.steps 100` in a shell.
        conditions: column names or roles; short for `clip.conditions`.
        max_steps: stop after this many steps (schedules stay those of the recipe; a later call can go on).
        save_every: steps between saved states; short for `training.save_every`.
        precision: bf16-mixed or 32-true; short for `training.precision`. By default what is faster on this hardware.
        layout: channels_last (the default) or contiguous; short for `training.layout`.
        compile: whether torch.compile makes the model's parts; short for `training.compile`.
        devices: processes to train in on each machine; the batch is shared out among them all.
        nodes: machines, started by torchrun or Slurm with this same command on each.
        resume_from: another run, or one of its saved states, to go on from in `out`: weights, averages, optimiser and
            step are taken over, the configuration may be another.
        fresh: start over; a run that is in `out` is moved aside, to `out`.1 or the next free number.
        dry_run: resolve and describe everything, train nothing, write nothing.

    Returns:
        What was resolved, and how training ended.

    Raises:
        InputError: something given does not fit, or `out` holds something else.
        TrainingError: the loss stayed NaN or infinite. The last good state is kept.
    """
    for option, value in (("max-steps", max_steps), ("devices", devices), ("nodes", nodes)):
        if value is not None and value < 1:
            raise InputError(f"--{option} is {value}; expected at least 1")
    changes = dict(changes or {})
    shorts = {
        "save_every": save_every,
        "precision": precision,
        "layout": layout,
        "compile": compile,
    }
    changes |= {f"training.{name}": value for name, value in shorts.items() if value is not None}
    if conditions:
        changes["clip.conditions"] = list(conditions)
    resolved = resolve(recipe, config, changes)
    stores, out = open_stores(data), Path(out)
    loop = resolved.training
    if loop.batch % (devices * nodes * loop.accumulate):
        raise InputError(
            f"training.batch is {loop.batch}, devices {devices} on {nodes} machines, training.accumulate {loop.accumulate}; "
            "expected a batch that they can share equally"
        )
    clip = resolved.clip
    windows = stores.windows("train", clip.length, clip.conditions, apart=clip.detached_context)
    spec = stores.clip_spec(clip.conditions)
    with torch.device("meta"):  # its shape without its weights
        model = models.build(resolved.model, spec, resolved.model_options)
    described = {
        "config": resolved.to_dict(),
        "parameters": sum(p.numel() for p in model.parameters()),
        "frame": list(spec.frame),
        "condition": list(spec.condition),
        "condition_columns": list(spec.columns),
        "future_states_given": spec.uses_future_state,
        "training_clips": len(windows),
        "equivalent_sigma": round(
            sigma_of_beta(resolved.objective.beta(resolved.training.steps), spec.pixels), 4
        ),
        "precision": hardware.precision(resolved.training.precision),
    }
    if dry_run:
        return described
    if fresh:
        _move_aside(out)
    claim_output(out, "run", (IDENTITY, "data/manifest.json"))  # a demo keeps its data inside
    begun = whole_state(Path(resume_from)) if resume_from else None
    origin = digest_file(begun / "state.json") if begun else None
    where = str(Path(data).absolute()) if len(stores.stores) == 1 else str(data)
    _claim(out, {"config": resolved.to_dict(), "data": stores.content, "begun_from": origin}, where)
    if begun:
        adopt_state(begun, out)
    from .loop import fit

    fitted = fit(
        spec, resolved, windows, _validation(stores, resolved), out, max_steps, devices, nodes
    )
    if fitted["rank"] == 0 and fitted["steps"] == resolved.training.steps:
        _fit_states(stores, spec, out)
    return {**described, **fitted}


def _fit_states(stores: Mixture, spec: ClipSpec, out: Path) -> None:
    """Beside a model that is given states: what predicts them where nobody can know them, that is when it is driven."""
    columns, end = stores.stores[0].columns, 0
    numbers: list[int] = []
    for name in spec.columns if spec.uses_future_state else ():
        width = columns[name].shape[0]
        numbers += range(end, end + width) if columns[name].role == "state" else ()
        end += width
    if 0 < len(numbers) < end:
        train, held_out = (_episodes(stores, split, spec) for split in ("train", "validate"))
        StateHead.fit(train, held_out, numbers).save(out)


def _episodes(stores: Mixture, split: str, spec: ClipSpec) -> list[Array]:
    """The conditions of every episode of a split, each [T, A]."""
    found = []
    for store in stores.stores:
        episodes = [
            episode for episode in store.episodes if episode.split == split and episode.length > 2
        ]
        windows = Windows(store, split, 1, spec.columns, given=0) if episodes else None
        found += [windows.conditions(episode, 0, episode.length) for episode in episodes if windows]
    return found


def _validation(stores: Mixture, config: Config) -> MixedWindows | None:
    """An even spread of validation clips; None if the store has no such split or its episodes are too short."""
    clip = config.clip
    try:
        return stores.windows(
            "validate", clip.length, clip.conditions, every=clip.length, apart=clip.detached_context
        )
    except InputError:
        return None


def _move_aside(run: Path) -> None:
    """Rename a run, if there is one, so that another can begin in its place. Whatever else is there stays and is refused."""
    if not (run / IDENTITY).exists():
        return
    with lock_folder(run, "run"):  # not under the feet of one that is training
        number = next(
            n for n in itertools.count(1) if not run.with_name(f"{run.name}.{n}").exists()
        )
        run.rename(run.with_name(f"{run.name}.{number}"))


def _claim(out: Path, identity: dict[str, Any], data: str) -> None:
    """Write what the run is and where its data were, or check that the folder's run is this one."""
    import yaml

    if (out / IDENTITY).exists():
        begun = _completed(read_json(out / IDENTITY, "what a run is made of"))
        differ = [d for d in _differences(begun, identity) if not d.startswith(_FREE)]
        if differ:
            raise InputError(
                f"{out} is another run (different: {', '.join(differ[:4])}); choose another --out, or remove it first"
            )
        return
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / IDENTITY, identity)
    atomic_write(out / _SETTINGS, yaml.safe_dump(identity["config"], sort_keys=False))
    write_json(out / "environment.json", hardware.info() | {"data": data})


def _completed(identity: Any) -> Any:
    """A run's identity with defaults for options that did not exist when it began: they cannot make it another run."""
    try:
        return {**identity, "config": with_defaults(identity["config"])}
    except (InputError, TypeError, KeyError, AttributeError):
        return identity  # of a later version, or damaged: compared as it is


def _differences(a: Any, b: Any, where: str = "") -> list[str]:
    if isinstance(a, dict) and isinstance(b, dict):
        return [
            d
            for key in {**a, **b}
            for d in _differences(
                a.get(key), b.get(key), f"{where}.{key}".removeprefix(".config").strip(".")
            )
        ]
    return [] if a == b else [f"{where}: {a} there, {b} here"]
