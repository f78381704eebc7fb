"""The training loop, on Lightning Fabric: devices, precision and gradient synchronisation are its business."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import models
from ..clips import Batch, ClipSpec
from ..data.mixtures import MixedWindows
from ..errors import TrainingError
from ..model import Model
from ..noise import clip_seeds
from ..objective import Elbo, sigma_of_beta
from ..runtime import hardware
from ..runtime.locks import lock_folder
from ..runtime.memory import keep_freed_memory
from ..runtime.progress import progress
from .config import Config
from .log import Log
from .state import TrainingState, restore_state, save_state
from .step import ModelWithLoss, forced_steps, optimiser_of, steps_ahead, update_average
from .stopping import Stop, stopping
from .validation import draw_progress, validation_psnr

_BAD_STEPS_IN_A_ROW = 10


def fit(
    spec: ClipSpec,
    config: Config,
    windows: MixedWindows,
    validation: MixedWindows | None,
    run: Path,
    max_steps: int | None,
    devices: int,
    nodes: int,
) -> dict[str, Any]:
    """Train a model of clips like `spec` in `run` from its last saved state, to the recipe's last step or `max_steps`.

    Returns:
        `rank` (of this process), `steps`, `best_psnr` (validation, one prior sample, averaged weights) and `skipped_steps`.
    """
    fabric = _fabric(config, devices, nodes)
    fabric.launch()
    torch.manual_seed(config.training.seed)
    with fabric.init_module():
        model = models.build(config.model, spec, config.model_options)
    model.to(memory_format=hardware.layout(config.training.layout))  # type: ignore[call-overload]
    optimiser = optimiser_of(model, config, config.training.sharded and fabric.world_size > 1)
    fabric.print(_chosen(fabric, config))
    if config.training.compile:
        hardware.compile_parts(model)
    bound = ModelWithLoss(model, config.clip.n_past, config.objective.score_context)
    wrapped, optimiser_wrapped = fabric.setup(bound, optimiser)
    average = {key: value.detach().clone() for key, value in model.state_dict().items()}
    state = TrainingState(model, average, optimiser)
    with (
        lock_folder(run, "run") if fabric.is_global_zero else contextlib.nullcontext(),
        keep_freed_memory(),
    ):
        news = restore_state(state, run)
        trainer = _Trainer(
            fabric, wrapped, optimiser_wrapped, state, config, windows, validation, run
        )
        if fabric.is_global_zero:
            trainer.log.cut_after(state.step)
            if news:
                fabric.print(news)
        return trainer.run_to(min(config.training.steps, max_steps or config.training.steps))


def _fabric(config: Config, devices: int, nodes: int) -> Any:
    from lightning_fabric import Fabric

    strategy = "ddp" if devices * nodes > 1 else "auto"
    precision = hardware.precision(config.training.precision)
    return Fabric(
        accelerator="auto", devices=devices, num_nodes=nodes, strategy=strategy, precision=precision
    )


def _chosen(fabric: Any, config: Config) -> str:
    """How the run is computed, in words."""
    loop, device = config.training, fabric.device
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


class _Trainer:
    def __init__(
        self,
        fabric: Any,
        bound: Any,
        optimiser: Any,
        state: TrainingState,
        config: Config,
        windows: MixedWindows,
        validation: MixedWindows | None,
        run: Path,
    ) -> None:
        self.fabric, self.bound, self.optimiser, self.state = fabric, bound, optimiser, state
        self.config, self.windows, self.validation, self.run = config, windows, validation, run
        loop = config.training
        self.order = windows.order(loop.seed, loop.first_clips, loop.first_steps * loop.batch)
        self.log = Log(run / "metrics.jsonl")
        self.bad_in_a_row = 0
        self.began, self.first_step = time.monotonic(), state.step
        self.frames_per_step = config.training.batch * (config.clip.n_past + config.clip.horizon)

    def run_to(self, last: int) -> dict[str, Any]:
        loop, state = self.config.training, self.state
        quiet = contextlib.nullcontext(lambda *_: None)
        bar = (
            progress("training", last, "steps", start=state.step)
            if self.fabric.is_global_zero
            else quiet
        )
        with bar as advance, stopping() as stop:
            while state.step < last:
                advance(1, self._step())
                done = state.step
                if done % loop.validate_every == 0 or done == loop.steps:
                    self._validate()
                signal = self._stopped(stop)
                if done % loop.save_every == 0 or done == last or signal:
                    self._save()
                if signal:
                    self.fabric.print(
                        f"stopped by signal {signal} after step {done}; the state is saved, the same command goes on"
                    )
                    raise SystemExit(128 + signal)
        if self.fabric.is_global_zero and not (self.run / models.WEIGHTS).exists():
            self._keep(
                self._averaged(), None
            )  # stopped before its first validation: still a model to look at
        return {
            "rank": self.fabric.global_rank,
            "steps": state.step,
            "best_psnr": state.best_psnr,
            "skipped_steps": state.skipped_steps,
        }

    def _stopped(self, stop: Stop) -> int:
        """The signal that any process got; several processes agree on it at logged steps, so that they stop together."""
        if self.fabric.world_size == 1 or self.state.step % self.config.training.log_every:
            return stop.signal if self.fabric.world_size == 1 else 0
        return int(self.fabric.all_gather(torch.tensor(stop.signal)).max())

    def _step(self) -> str:
        """One optimiser step. Returns a note for the progress bar."""
        step, config = self.state.step, self.config
        beta = config.objective.beta(step)
        learning_rate = config.optimiser.learning_rate(step)
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate
        forced, ahead = forced_steps(config, step), steps_ahead(config, step)
        length = config.clip.n_past + ahead + config.clip.horizon
        self.optimiser.zero_grad(set_to_none=True)
        parts = []
        for number, (clip, seeds) in enumerate(self._batch(step), start=1):
            last = number == config.training.accumulate
            with self.fabric.no_backward_sync(self.bound, enabled=not last):
                part = self.bound(
                    clip.frames[:, :length], clip.conditions[:, :length], seeds, beta, forced, ahead
                )
                self.fabric.backward(part.loss / config.training.accumulate)
            parts.append(Elbo(*(value.detach() for value in part)))
        made = Elbo(*(torch.stack(values).mean(0) for values in zip(*parts, strict=True)))
        self._apply(made.loss)
        self.state.step += 1
        if self.state.step % config.training.log_every == 0 or self.state.step == 1:
            return self._report(made, beta, learning_rate, len(forced))
        return ""

    def _batch(self, step: int) -> Iterator[tuple[Batch, list[int]]]:
        """This process's share of the step's clips, in parts, with the seed of each clip's noise."""
        loop, world, rank = self.config.training, self.fabric.world_size, self.fabric.global_rank
        numbers = self.order.batch(step, loop.batch)
        share = loop.batch // world
        part = share // loop.accumulate
        for first in range(rank * share, (rank + 1) * share, part):
            places = range(step * loop.batch + first, step * loop.batch + first + part)
            clips = self.windows.clips(numbers[first : first + part]).to(self.fabric.device)
            if loop.layout == "contiguous":
                clips = clips._replace(frames=clips.frames.contiguous())
            yield clips, clip_seeds(loop.seed, places)

    def _apply(self, loss: Tensor) -> None:
        """Clip, step and average; a step whose gradients are not finite changes nothing, and too many in a row end the run.

        The gradients' norm is the same in every process, so all of them skip or none does.
        """
        options = self.config.optimiser
        norm = torch.nn.utils.clip_grad_norm_(
            self.state.model.parameters(), options.clip_norm or math.inf
        )
        if not torch.isfinite(norm):
            self.state.skipped_steps += 1
            self.bad_in_a_row += 1
            self.fabric.print(
                f"step {self.state.step}: loss {float(loss.detach()):g}, gradient norm {float(norm):g}; the step is skipped"
            )
            if self.bad_in_a_row >= _BAD_STEPS_IN_A_ROW:
                raise TrainingError(
                    f"{self.bad_in_a_row} steps in a row were not finite, up to step {self.state.step}; the weights of the last "
                    f"saved state in {self.run / 'state'} are good: lower the learning rate, or use training.precision 32-true"
                )
            return
        self.bad_in_a_row = 0
        self.optimiser.step()
        update_average(self.state.average, self.state.model, options.ema_decay, self.state.step)

    def _report(self, made: Any, beta: float, learning_rate: float, forced: int) -> str:
        means = self.fabric.all_reduce(
            torch.stack([made.loss.detach(), made.mse, made.distortion, made.rate_nats]),
            reduce_op="mean",
        )
        loss, mse, distortion, rate = (float(v) for v in means)
        ratio = self.config.teacher_forcing.ratio(self.state.step - 1)
        line = {
            "step": self.state.step,
            "loss": loss,
            "mse": mse,
            "distortion": distortion,
            "rate_nats": rate,
            "beta": beta,
            "sigma": sigma_of_beta(beta, self.state.model.spec.pixels),  # type: ignore[union-attr, arg-type]
            "teacher_forcing": ratio,
            "forced_steps": forced,
            "learning_rate": learning_rate,
        }
        if self.fabric.is_global_zero:
            self.log.add(line)
        frames = (
            self.frames_per_step
            * (self.state.step - self.first_step)
            / (time.monotonic() - self.began)
        )
        return (
            f"{frames:,.0f} frames/s  loss {loss:.4f}  distortion {distortion:.1f}  rate {rate:.2f} nats  "
            f"beta {beta:.1e}  teacher forcing {ratio:.2f}"
        )

    def _validate(self) -> None:
        """PSNR of one prior sample a clip with the averaged weights; the best so far become the run's model."""
        if self.fabric.is_global_zero:
            averaged, step, n_past = self._averaged(), self.state.step, self.config.clip.n_past
            if self.validation is None:
                self._keep(averaged, None)
            else:
                at_most = self.config.training.validation_clips
                score = validation_psnr(
                    averaged, self.validation, n_past, at_most, self.fabric.autocast()
                )
                draw_progress(
                    averaged,
                    self.validation,
                    n_past,
                    self.run / "progress" / f"step-{step:07d}.webp",
                )
                self.log.add({"step": step, "validation_psnr": score})
                if self.state.best_psnr is None or score > self.state.best_psnr:
                    self.state.best_psnr = score
                    self._keep(averaged, score)
        self.fabric.barrier()

    def _averaged(self) -> Model:
        spec = self.state.model.spec
        averaged = models.build(self.config.model, spec, self.config.model_options)  # type: ignore[arg-type]
        averaged.load_state_dict(self.state.average)
        return averaged.to(self.fabric.device).eval()

    def _keep(self, averaged: Model, score: float | None) -> None:
        """Make `averaged` the run's model."""
        clip = self.config.clip
        notes = {
            "recipe": self.config.recipe,
            "step": self.state.step,
            "validation_psnr": score,
            "n_past": clip.n_past,
            "horizon": clip.horizon,
        }
        models.save(averaged, self.config.model, self.config.model_options, self.run, notes)

    def _save(self) -> None:
        if self.config.training.sharded and self.fabric.world_size > 1:
            self.state.optimiser.consolidate_state_dict()  # type: ignore[attr-defined]
        if self.fabric.is_global_zero:
            save_state(self.state, self.run, self.config.training.keep)
        self.fabric.barrier()
