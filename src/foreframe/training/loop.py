"""The training loop; Lightning Fabric handles devices, precision and synchronisation."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import models
from ..clips import Batch, ClipSpec
from ..data.mixtures import MixedOrder, MixedWindows
from ..data.windows import Order
from ..errors import TrainingError
from ..futures_score import SCORES
from ..model import Model
from ..noise import clip_seeds
from ..objective import sigma_of_beta
from ..runtime import hardware
from ..runtime.memory import keep_freed_memory
from ..runtime.progress import progress
from .config import Config
from .fabric import describe_computing, make_fabric
from .folder import RunFolder, add_training_time
from .health import SHOWN_CLIPS, HealthCheck, copying_error, futures_of
from .log import Log
from .plan import TrainingPlan, TrainingResult, TrainingSummary
from .state import TrainingState, drop_older_states, restore_state, save_state
from .step import (
    Losses,
    ModelWithLoss,
    forced_steps,
    optimiser_of,
    pushforward_steps,
    scored_frames,
    update_average,
    weights_at,
)
from .stopping import StopRequest, catch_stop_signals
from .validation import draw_progress, validation_scores

_BAD_STEPS_IN_A_ROW = 10
_LOGGED = ("loss", "mse", "distortion", "rate_nats", "score")  # as in `Losses`
_SHOWN = {
    "loss": "loss {:.4f}",
    "distortion": "distortion {:.1f}",
    "rate_nats": "rate {:.2f} nats",
    "score": "score of futures {:.4f}",
}


def fit(plan: TrainingPlan, summary: TrainingSummary, folder: RunFolder) -> TrainingResult:
    """Train in a run's folder from its last saved state to the plan's last step.

    Raises:
        InputError: another process trains here, or another run is here.
        TrainingError: too many steps in a row were not finite.
    """
    config, loop, run = plan.config, plan.config.training, folder.path
    fabric = make_fabric(loop.precision, plan.devices)
    fabric.launch()
    torch.manual_seed(loop.seed)
    with fabric.init_module():
        model = models.build(config.model, plan.spec, config.model_options)
    model.to(memory_format=hardware.layout(loop.layout))  # type: ignore[call-overload]
    optimiser = optimiser_of(model, config, loop.sharded and fabric.world_size > 1)
    fabric.print(describe_computing(fabric, loop))
    for line in summary.advice:
        fabric.print(f"NOTE: {line}")
    if loop.compile:
        hardware.compile_parts(model)
    objective = config.objective
    with_loss = ModelWithLoss(
        model,
        config.clip.n_past,
        objective.score_context,
        SCORES[objective.score],
        objective.samples,
    )
    wrapped = _Wrapped(*fabric.setup(with_loss, optimiser))
    average = {key: value.detach().clone() for key, value in model.state_dict().items()}
    state = TrainingState(model, average, optimiser)
    held = folder.held() if fabric.is_global_zero else contextlib.nullcontext()
    with held, keep_freed_memory():
        fabric.barrier()  # the first process has written what the run is made of
        news = restore_state(state, run)
        trainer = _Trainer(fabric, wrapped, state, plan, run)
        if fabric.is_global_zero:
            drop_older_states(run, loop.keep)
            trainer.log.drop_after(state.step)
            if news:
                fabric.print(news)
        trainer.run_to(plan.last_step)
    return TrainingResult(
        summary,
        state.step,
        best_crps=state.best_crps,
        best_psnr=state.best_psnr,
        skipped_steps=state.skipped_steps,
        rank=fabric.global_rank,
    )


@dataclass(frozen=True)
class _Wrapped:
    """Model and optimiser as Fabric wraps them."""

    model: Any
    optimiser: Any


class _Trainer:
    """One process of a run that trains."""

    def __init__(
        self, fabric: Any, wrapped: _Wrapped, state: TrainingState, plan: TrainingPlan, run: Path
    ) -> None:
        loop = plan.config.training
        self.fabric, self.wrapped, self.state, self.run = fabric, wrapped, state, run
        self.config: Config = plan.config
        self.clips: MixedWindows = plan.clips
        self.validation: MixedWindows | None = plan.validation
        self.order: Order | MixedOrder = plan.clips.order(
            loop.seed, loop.first_clips, loop.first_steps * loop.batch
        )
        self.log = Log(run / "metrics.jsonl")
        self.health = HealthCheck(loop.steps)
        self.bad_in_a_row = 0
        self.began, self.first_step = time.monotonic(), state.step

    def run_to(self, last: int) -> None:
        """Train until the step `last` is done."""
        with self._progress(last) as advance, catch_stop_signals() as stop:
            try:
                while self.state.step < last:
                    advance(1, self._step())
                    self._after_step(last, self._signal(stop))
            finally:
                self._count_time()
        if self.fabric.is_global_zero and not (self.run / models.WEIGHTS).exists():
            # Stopped before the first validation: the run is a model all the same.
            self._save_model(self._averaged())

    def _count_time(self) -> None:
        if self.fabric.is_global_zero and self.state.step > self.first_step:
            add_training_time(self.run, time.monotonic() - self.began, self.state.step)

    def _progress(self, last: int) -> contextlib.AbstractContextManager[Any]:
        if self.fabric.is_global_zero:
            return progress("training", last, "steps", start=self.state.step)
        return contextlib.nullcontext(lambda *_: None)

    def _after_step(self, last: int, signal: int) -> None:
        """Validate and save where it is due, and stop if a signal asks for it."""
        loop, done = self.config.training, self.state.step
        if done == self.health.due and self.fabric.is_global_zero:
            self._check_health()
        if done % loop.validate_every == 0 or done == loop.steps:
            self._validate()
        if done % loop.save_every == 0 or done == last or signal:
            self._save_state()
        if signal:
            self.fabric.print(
                f"stopped by signal {signal} after step {done}; the state is saved, "
                "the same command resumes"
            )
            raise SystemExit(128 + signal)

    def _signal(self, stop: StopRequest) -> int:
        """The signal that any process got; several processes agree on it at logged steps."""
        if self.fabric.world_size == 1:
            return stop.signal
        if self.state.step % self.config.training.log_every:
            return 0
        return int(self.fabric.all_gather(torch.tensor(stop.signal)).max())

    def _step(self) -> str:
        """Do one optimiser step, and return a note for the progress bar."""
        step, config = self.state.step, self.config
        learning_rate = config.optimiser.learning_rate(step)
        for group in self.wrapped.optimiser.param_groups:
            group["lr"] = learning_rate
        forced = forced_steps(config, step)
        losses = self._backward(step, forced)
        self._update(losses.loss)
        self.state.step += 1
        if self.state.step % config.training.log_every == 0 or self.state.step == 1:
            return self._report(losses, learning_rate, len(forced))
        return ""

    def _backward(self, step: int, forced: tuple[int, ...]) -> Losses:
        """Add up the gradients of the batch's parts, and return the mean of their losses."""
        config, accumulate = self.config, self.config.training.accumulate
        weights, pushforward = weights_at(config, step), pushforward_steps(config, step)
        scored = scored_frames(config, step)
        length = config.clip.n_past + pushforward + config.clip.horizon
        self.wrapped.optimiser.zero_grad(set_to_none=True)
        parts = []
        for number, (clips, seeds) in enumerate(self._batch(step), start=1):
            frames, conditions = clips.frames[:, :length], clips.conditions[:, :length]
            more = number < accumulate
            with self.fabric.no_backward_sync(self.wrapped.model, enabled=more):
                part = self.wrapped.model(
                    frames, conditions, seeds, weights, forced, pushforward, scored
                )
                self.fabric.backward(part.loss / accumulate)
            losses = Losses(*(value.detach() for value in part))
            self._observe(losses, frames)
            parts.append(losses)
        return Losses(*(torch.stack(values).mean(0) for values in zip(*parts, strict=True)))

    def _batch(self, step: int) -> Iterator[tuple[Batch, list[int]]]:
        """Yield this process's clips of the step in parts, with the seeds of their noise."""
        loop, world, rank = self.config.training, self.fabric.world_size, self.fabric.global_rank
        numbers = self.order.batch(step, loop.batch)
        share = loop.batch // world
        part = share // loop.accumulate
        for first in range(rank * share, (rank + 1) * share, part):
            places = range(step * loop.batch + first, step * loop.batch + first + part)
            clips = self.clips.clips(numbers[first : first + part]).to(self.fabric.device)
            if loop.layout == "contiguous":
                clips = clips._replace(frames=clips.frames.contiguous())
            yield clips, clip_seeds(loop.seed, places)

    def _update(self, loss: Tensor) -> None:
        """Clip the gradients, step and average.

        A step whose gradients are not finite changes nothing, and too many in a row end the run.
        The gradients' norm is the same in every process, so all of them skip or none does.
        """
        options = self.config.optimiser
        norm = torch.nn.utils.clip_grad_norm_(
            self.state.model.parameters(), options.clip_norm or math.inf
        )
        if not torch.isfinite(norm):
            self._skip(float(loss.detach()), float(norm))
            return
        self.bad_in_a_row = 0
        self.wrapped.optimiser.step()
        update_average(self.state.average, self.state.model, options.ema_decay, self.state.step)

    def _skip(self, loss: float, norm: float) -> None:
        step = self.state.step
        self.state.skipped_steps += 1
        self.bad_in_a_row += 1
        self.fabric.print(
            f"step {step}: loss {loss:g}, gradient norm {norm:g}; the step is skipped"
        )
        if self.bad_in_a_row >= _BAD_STEPS_IN_A_ROW:
            raise TrainingError(
                f"{self.bad_in_a_row} steps in a row were not finite, up to step {step}; the "
                f"weights of the last saved state in {self.run / 'state'} are good: lower the "
                "learning rate, or use training.precision 32-true"
            )

    def _report(self, losses: Losses, learning_rate: float, forced: int) -> str:
        """Log a step, and return a note for the progress bar."""
        step = self.state.step
        weights = weights_at(self.config, step - 1)
        ratio = self.config.teacher_forcing.ratio(step - 1)
        means = self.fabric.all_reduce(torch.stack(losses), reduce_op="mean").tolist()
        found = dict(zip(_LOGGED, means, strict=True))
        computed = {name: value for name, value in found.items() if not math.isnan(value)}
        line = {
            "step": step,
            **computed,
            "beta": weights.beta,
            "sigma": sigma_of_beta(weights.beta, self._spec.pixels),
            "teacher_forcing": ratio,
            "forced_steps": forced,
            "learning_rate": learning_rate,
        }
        if self.fabric.is_global_zero:
            self.log.add(line)
        notes = "  ".join(
            form.format(computed[name]) for name, form in _SHOWN.items() if name in computed
        )
        return f"{self._frames_per_second():,.0f} frames/s  {notes}"

    def _observe(self, losses: Losses, frames: Tensor) -> None:
        copied = copying_error(frames, self.config.clip.n_past).clamp_min(1e-6)
        self.health.observe(self.state.step, losses.distortion / copied, losses.rate_nats)

    def _check_health(self) -> None:
        """Say early what is wrong with the run, in the terminal and in its log."""
        step, n_past, windows = self.state.step, self.config.clip.n_past, self.clips
        count = min(SHOWN_CLIPS, len(windows))
        spread = [number * len(windows) // count for number in range(count)]
        clip = windows.clips(spread).to(self.fabric.device)
        with self.fabric.autocast():
            predicted = futures_of(self._model, clip, n_past, spread)
        weights = weights_at(self.config, step - 1)
        latent = bool(self._model.latent_shapes) and weights.beta > 0 and weights.elbo > 0
        for finding in self.health.findings(predicted, clip, n_past, latent):
            self.log.add({"step": step, "warning": finding})
            self.fabric.print(f"\nwarning at step {step}: {finding}")

    def _frames_per_second(self) -> float:
        clip, batch = self.config.clip, self.config.training.batch
        frames = (self.state.step - self.first_step) * batch * (clip.n_past + clip.horizon)
        return frames / (time.monotonic() - self.began)

    def _validate(self) -> None:
        """Score prior samples of the averaged weights; the weights with the best CRPS are saved."""
        if self.fabric.is_global_zero:
            if self.validation is None:
                self._save_model(self._averaged())
            else:
                self._score(self.validation)
        self.fabric.barrier()

    def _score(self, clips: MixedWindows) -> None:
        averaged, step, n_past = self._averaged(), self.state.step, self.config.clip.n_past
        at_most = self.config.training.validation_clips
        crps, psnr = validation_scores(averaged, clips, n_past, at_most, self.fabric.autocast())
        if not math.isfinite(crps):
            raise TrainingError(
                f"predictions at step {step} are not finite; the weights of the last saved state "
                f"in {self.run / 'state'} are good: lower the learning rate, or use "
                "training.precision 32-true"
            )
        picture = self.run / "progress" / f"step-{step:07d}.webp"
        draw_progress(averaged, clips, n_past, picture)
        self.log.add({"step": step, "validation_crps": crps, "validation_psnr": psnr})
        self.fabric.print(f"step {step}: validation CRPS {crps:.4f}, {psnr:.2f} dB; {picture}")
        if self.state.best_crps is None or crps < self.state.best_crps:
            self.state.best_crps, self.state.best_psnr = crps, psnr
            self._save_model(averaged)

    def _averaged(self) -> Model:
        """The model with the averaged weights, to predict with."""
        averaged = models.build(self.config.model, self._spec, self.config.model_options)
        averaged.load_state_dict(self.state.average)
        return averaged.to(self.fabric.device).eval()

    def _save_model(self, averaged: Model) -> None:
        """Make `averaged` the run's model."""
        config, clip = self.config, self.config.clip
        notes = {
            "recipe": config.recipe,
            "step": self.state.step,
            "validation_crps": self.state.best_crps,
            "validation_psnr": self.state.best_psnr,
            "n_past": clip.n_past,
            "horizon": clip.horizon,
        }
        models.save(averaged, config.model, config.model_options, self.run, notes)

    def _save_state(self) -> None:
        if self.config.training.sharded and self.fabric.world_size > 1:
            self.state.optimiser.consolidate_state_dict()  # type: ignore[attr-defined]
        if self.fabric.is_global_zero:
            save_state(self.state, self.run, self.config.training.keep)
        self.fabric.barrier()

    @property
    def _model(self) -> Model:
        model = self.state.model
        assert isinstance(model, Model)
        return model

    @property
    def _spec(self) -> ClipSpec:
        return self._model.spec
