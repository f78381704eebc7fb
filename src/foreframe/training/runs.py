"""Train a recipe on a clip store; the same command resumes, more steps train longer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict, Unpack

from ..data.mixtures import open_stores
from ..errors import InputError
from ..runtime.hardware import Layout, Precision
from ..runtime.outputs import keep_apart
from ..trackers import check_tracker
from .config import SHORTHANDS
from .folder import Origin, RunFolder, begun_with
from .plan import Devices, TrainingResult, plan_training, summarise
from .resolving import resolve
from .state_heads import fit_state_head


class Shorthands(TypedDict, total=False):
    """Keyword arguments of `train` that stand for a configuration field."""

    conditions: tuple[str, ...] | None
    horizon: int | None
    save_every: int | None
    precision: Precision | None
    layout: Layout | None
    compile: bool | None


def train(
    recipe: str,
    data: str | Path,
    out: str | Path,
    config: str | Path | None = None,
    changes: Mapping[str, Any] | None = None,
    *,
    max_steps: int | None = None,
    devices: int = 1,
    nodes: int = 1,
    resume_from: str | Path | None = None,
    fresh: bool = False,
    tracker: str | None = None,
    dry_run: bool = False,
    **shorthands: Unpack[Shorthands],
) -> TrainingResult:
    """Train a recipe on a store; with the same arguments again, resume from the last saved state.

    A finished run is trained longer with more `training.steps`; its schedules are stretched.

    Args:
        recipe: name of a recipe: {recipes}.
        data: a clip store; several as `A,B` (shards), or by weight as `A:0.7,B:0.3`.
        out: the run folder.
        config: a YAML file whose values override the recipe's.
        changes: dotted names and values that override both, such as `{"training.steps": 100}`.
        max_steps: stop after this many steps; schedules stay those of the whole training, and a
            later call resumes.
        devices: processes to train in on each machine; they share each batch.
        nodes: machines; torchrun or Slurm starts this same command on each.
        resume_from: another run, or one of its saved states, to start from: weights, averages,
            optimiser and step are copied, the configuration may differ.
        fresh: start over; a run that is in `out` is renamed to `out`.1 or the next free number.
        tracker: send numbers and pictures to a tracker too: {trackers}. The same command goes on in
            the same run of the tracker, and a tracker that fails does not stop the training.
        dry_run: resolve and summarise everything, train nothing, write nothing.
        **shorthands: `conditions` and `horizon` are short for `clip.conditions` and `clip.horizon`
            in `changes`; `save_every`, `precision`, `layout` and `compile` for
            `training.save_every` and so on.

    Example:
        >>> import foreframe
        >>> foreframe.train("push-tiny", "data/push", "runs/push", precision="32-true")
        ... # doctest: +SKIP

    Raises:
        InputError: an argument does not fit, or `out` holds something else.
        TrainingError: the loss stayed NaN or infinite; the last good state is kept.
    """
    for option, count in (("max-steps", max_steps), ("devices", devices), ("nodes", nodes)):
        if count is not None and count < 1:
            raise InputError(f"--{option} is {count}; expected at least 1")
    if tracker is not None:
        check_tracker(tracker)
    stores, run = open_stores(data), Path(out)
    begun = None if fresh or resume_from else begun_with(run)
    resolved = resolve(recipe, config, {**(changes or {}), **_spelt_out(shorthands)}, begun)
    plan = plan_training(resolved, stores, Devices(devices, nodes), max_steps)
    summary = summarise(plan)
    if dry_run:
        return TrainingResult(summary)
    where = str(Path(data).absolute()) if len(stores.stores) == 1 else str(data)
    for store in stores.stores:
        keep_apart(run, store.path, "the store")
    folder = RunFolder(run, resolved, stores.content, where, Origin(resume_from, fresh))
    folder.check()
    # The slow imports, after everything that can be wrong was checked.
    from .loop import fit
    from .outcome_heads import fit_outcome_head
    from .posteriors import fit_posterior

    result = fit(plan, summary, folder, tracker)
    if result.rank == 0 and result.steps == resolved.training.steps:
        fit_posterior(plan, run)
        fit_state_head(stores, plan.spec, run)
        fit_outcome_head(stores, plan.spec, run)
    return result


def _spelt_out(shorthands: Shorthands) -> dict[str, Any]:
    """Shorthands as changes; those that are None or empty are left out."""
    for name in shorthands:
        if name not in SHORTHANDS:
            raise TypeError(f"train() got an unexpected keyword argument {name!r}")
    given: dict[str, Any] = {name: value for name, value in shorthands.items() if value is not None}
    return {
        SHORTHANDS[name]: list(value) if isinstance(value, tuple) else value
        for name, value in given.items()
        if value != ()
    }
