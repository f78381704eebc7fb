"""Answer options of other tools with the name that they have here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import InputError

LEARNING_RATE = "optimiser.learning_rate"

# What other tools call an option, by what it is called here. Dotted names are fields of `train`.
_NAMES: Mapping[str, str] = {
    LEARNING_RATE: "lr learning-rate base-lr max-lr",
    "training.steps": "steps num-steps n-steps train-steps iterations iters max-iters",
    "training.batch": "batch bs batch-size train-batch-size per-device-batch-size",
    "training.seed": "seed random-seed",
    "training.accumulate": "grad-accum gradient-accumulation-steps accumulate-grad-batches",
    "training.log_every": "log-every log-interval log-freq print-freq",
    "training.validate_every": "val-every eval-every val-interval validate-every val-freq",
    "training.keep": "keep save-total-limit",
    "training.precision": "fp16 bf16 amp mixed-precision dtype",
    "optimiser.weight_decay": "wd weight-decay",
    "optimiser.clip_norm": "grad-clip clip-grad clip-norm max-grad-norm gradient-clip-val",
    "optimiser.ema_decay": "ema ema-decay",
    "optimiser.beta1": "beta1 momentum",
    "optimiser.beta2": "beta2",
    "objective.beta": "beta kl kl-weight kld-weight",
    "clip.n_past": "n-past past context context-frames context-length num-context",
    "clip.horizon": "n-future future pred-len prediction-length num-predict",
    "teacher_forcing.ratio": "teacher-forcing teacher-forcing-ratio scheduled-sampling tf",
    "model.name": "model arch architecture network",
    "save-every": "save-interval checkpoint-every save-steps save-freq ckpt-every",
    "resume-from": "resume checkpoint ckpt pretrained init-from load finetune weights",
    "devices": "gpus num-gpus n-gpus nproc-per-node world-size",
    "nodes": "num-nodes nnodes",
    "fresh": "overwrite force",
    "tracker": "logger report-to log-with tensorboard wandb use-wandb mlflow trackio",
    "push": "push-to-hub hub-model-id repo-id",
    "license": "licence",
    "data": "dataset data-dir data-root data-path dataroot data-set train-data",
    "out": "output output-dir out-dir save-dir log-dir logdir outdir o",
    "device": "gpu cuda accelerator gpu-id",
    "samples": "n-samples num-samples nsamples sample-count",
    "dry-run": "dryrun summary",
    "run": "model checkpoint ckpt weights model-path model-dir load",
    "trajectories": "episodes num-episodes n num n-trajectories count",
    "size": "resize image-size img-size resolution",
    "no-browser": "headless",
}

_EPOCHS = ["epochs", "epoch", "num-epochs", "n-epochs", "max-epochs", "train-epochs"]
_WORKERS = ["num-workers", "workers", "n-workers", "j"]


def here(
    command: str, word: str, value: str, known: Sequence[str], recipe: str
) -> InputError | None:
    """Return the error that answers a foreign option, or None for a word that no tool uses.

    Args:
        command: name of the command.
        word: the option as it was given, with its dashes.
        value: the value that follows it, or an empty text.
        known: the options of the command by their spelling, such as `--data`; for `train` dotted
            fields are known too.
        recipe: name of the recipe that is trained, if there is one.
    """
    name = word.lstrip("-").lower().replace("_", "-")
    fields = "--changes" in known
    if fields and name in _EPOCHS:
        return InputError(
            f"{word} has no equal here: length is counted in optimiser steps, --training.steps N; "
            "an epoch is the number of training clips (--dry-run shows it) / --training.batch"
        )
    if fields and name in _WORKERS:
        return InputError(
            f"{word} has no equal here, and needs none: clips are read from mapped files without "
            "worker processes; leave it out"
        )
    for right, names in _NAMES.items():
        if name not in names.split():
            continue
        if "." in right and fields:
            return _answer(command, word, _field(right, recipe), value)
        if f"--{right}" in known:
            return _answer(command, word, right, value)
    return None


def _answer(command: str, word: str, right: str, value: str) -> InputError:
    if right == "run":
        return InputError(
            f"{word} is RUN here, the folder of the run: foreframe {command} {value or 'RUN'} ..."
        )
    if right == "tracker":
        from ..plugins import TRACKERS

        value = next((name for name in TRACKERS.names() if name in word), value)
    if right == "training.precision":
        value = "bf16-mixed"
    if right == "device" and value.isdigit():
        value = f"cuda:{value}"
    shown = f"--{right} {value}".rstrip()
    return InputError(f"{word} is --{right} here: foreframe {command} ... {shown}")


def _field(name: str, recipe: str) -> str:
    """Return the field that holds a value; that of the learning rate depends on its schedule."""
    from ..plugins import RECIPES

    if name != LEARNING_RATE or recipe not in RECIPES.names():
        return name
    import yaml

    schedule = yaml.safe_load(RECIPES.text(recipe))["optimiser"]["learning_rate"]
    if not isinstance(schedule, Mapping):
        return name
    held = next((part for part in ("peak", "start", "value") if part in schedule), "")
    return f"{name}.{held}" if held else name
