"""What happens to programs: kills, full disks, rotten bits, races. Each hardship returns figures;
tests and soak ask for more or less.

Processes are forked from one that has imported everything, so that a hundred deaths take seconds.
Nothing here may use more than one thread before it forks.

    python tests/hardships.py kills --count 50        # any function of this file by name; prints
    its figures as JSON
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

import foreframe
from children import PATIENCE_S, heed_interrupts
from conftest import TINY, squares_store
from foreframe import models
from foreframe.cli import main
from foreframe.errors import InputError
from foreframe.training import state as states

Figures = dict[str, Any]

STEPS, EVERY = 8, 2
SMALL = {
    **TINY,
    "training.steps": STEPS,
    "training.save_every": EVERY,
    "training.validate_every": 4,
    "training.batch": 2,
}
POSE = {
    "clip.horizon": 1,
    "clip.pushforward": 2,
    "training.steps": STEPS,
    "training.save_every": EVERY,
    "training.validate_every": 4,
    "training.batch": 1,
    "training.log_every": 1,
    "training.validation_clips": 1,
    "training.precision": "32-true",
}


def _pose_store(out: Path) -> Path:
    """Tiny label images with tiny pictures."""
    source = out.with_name("pose_src")
    source.mkdir()
    for number in range(4):
        rng = np.random.default_rng(number)
        frames = rng.integers(0, 256, (6, 8, 8, 3), np.uint8)
        np.savez(source / f"{number}.npz", frames=frames, labels=frames[:, ::-1])
    foreframe.data.import_recordings(source, out, splits=(0.5, 0.25, 0.25), workers=1)
    return out


def _jobs(root: Path) -> list[tuple[str, Path, dict[str, Any]]]:
    """The same hardships for a model of vectors and one of pictures.

    Each is run once here, so that all is imported.
    """
    jobs = [
        ("push-tiny", squares_store(root / "squares").path, SMALL),
        ("pose-dance-short", _pose_store(root / "poses"), POSE),
    ]
    for number, (recipe, data, changes) in enumerate(jobs):
        foreframe.train(recipe, data, root / f"warm{number}", changes=changes)
    return jobs


def _fork(function: Callable[[], None]) -> int:
    """`function` in a process of its own, silent; its exit status is 0, or what it exits with."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        heed_interrupts()
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        function()
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except KeyboardInterrupt:
        status = 130
    finally:
        os._exit(status)


def _status(child: int) -> int:
    """How a child ended: its exit status, or minus the signal that ended it."""
    until = time.monotonic() + PATIENCE_S
    while not (ended := os.waitpid(child, os.WNOHANG))[0]:
        if time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise TimeoutError(f"a process did not end within {PATIENCE_S} s")
        time.sleep(0.002)
    return os.waitstatus_to_exitcode(ended[1])


def _train(job: tuple[str, Path, dict[str, Any]], out: Path) -> Callable[[], None]:
    recipe, data, changes = job
    return lambda: void(foreframe.train(recipe, data, out, changes=changes))


def void(_: object) -> None:
    """Nothing of it is wanted."""


def result_of(run: Path) -> dict[str, bytes]:
    """All that a run ends in: the last state, the model, the log."""
    newest = max((run / "state").iterdir())
    tensors = {
        f"{file.name}:{key}": value.numpy().tobytes()
        for file in sorted(newest.glob("*.safetensors"))
        for key, value in load_file(file).items()
    }
    return tensors | {
        name: (run / name).read_bytes() for name in ("model.safetensors", "metrics.jsonl")
    }


def _steps_logged(run: Path) -> list[int]:
    """The steps in the log, whole lines alone."""
    file = run / "metrics.jsonl"
    lines = file.read_text().splitlines(keepends=True) if file.exists() else []
    found = [json.loads(line) for line in lines if line.endswith("\n")]
    return [line["step"] for line in found if "loss" in line]


def _saved(run: Path) -> int:
    """The step of the newest whole state."""
    whole = [f for f in states.saved_states(run) if not states.damage(f)]
    return int(whole[0].name.split("-")[1]) if whole else 0


def kills(count: int, seed: int = 0) -> Figures:
    """Random SIGKILLs in training, until so many have hit.

    Every run must end as one that was never killed.
    """
    chance = random.Random(seed)
    hits = runs = lost = different = disordered = 0
    repeated = [0]
    with tempfile.TemporaryDirectory() as folder:
        jobs = _jobs(Path(folder))
        wholes, seconds = [], []
        for number, job in enumerate(jobs):
            began = time.monotonic()
            assert _status(_fork(_train(job, Path(folder) / f"whole{number}"))) == 0
            seconds.append(time.monotonic() - began)
            wholes.append(result_of(Path(folder) / f"whole{number}"))
        while hits < count:
            number = runs % len(jobs)
            run = Path(folder) / f"run{runs}"
            runs += 1
            status = -9
            while status == -9:
                before = _saved(run)
                child = _fork(_train(jobs[number], run))
                if hits < count:
                    time.sleep(chance.random() * seconds[number] * 0.8)
                    os.kill(child, signal.SIGKILL)
                status = _status(child)
                hits += status == -9
                lost += _saved(run) < before
                logged = _steps_logged(run)
                disordered += logged != sorted(set(logged))
                repeated.append(max(logged, default=0) - _saved(run))
            ended_well = status == 0
            different += not (ended_well and result_of(run) == wholes[number])
            shutil.rmtree(run)
    return {
        "kills": hits,
        "runs": runs,
        "states lost": lost,
        "runs that ended otherwise than unkilled ones": different,
        "logs with a step twice or out of order": disordered,
        "most steps repeated": max(repeated),
        "save interval": EVERY,
    }


@contextlib.contextmanager
def _dying_at(boundary: int, counted: list[str]) -> Iterator[None]:
    """Die of SIGKILL at I/O call number `boundary`.

    Half of the bytes written count as a boundary of their own.
    """
    import safetensors.torch

    originals = (os.fsync, os.replace, os.mkdir, Path.write_bytes, safetensors.torch.save_file)
    fsync, replace, mkdir, write_bytes, save_file = originals

    def at(name: str) -> None:
        if len(counted) == boundary:
            os.kill(os.getpid(), signal.SIGKILL)
        counted.append(name)

    def named(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            at(name)
            return function(*arguments, **more)

        return call

    def writes(self: Path, content: bytes) -> int:
        at(f"write {self.name}")
        if len(counted) == boundary:
            write_bytes(self, content[: len(content) // 2])
        at(f"half of {self.name}")
        return write_bytes(self, content)

    def saves(tensors: Any, file: Path, *more: Any) -> None:
        at(f"write {file.name}")
        save_file(tensors, file, *more)
        if len(counted) == boundary:
            os.truncate(file, file.stat().st_size // 2)
        at(f"half of {file.name}")

    os.fsync, os.replace, os.mkdir = (
        named("fsync", fsync),
        named("replace", replace),
        named("mkdir", mkdir),
    )
    Path.write_bytes, safetensors.torch.save_file = writes, saves  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        os.fsync, os.replace, os.mkdir = fsync, replace, mkdir
        Path.write_bytes, safetensors.torch.save_file = write_bytes, save_file  # type: ignore[method-assign]


def boundaries(most: int | None = None) -> Figures:
    """A kill at every I/O call between two saved states, half-written files included.

    The run must end as if nothing was.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        job = _jobs(root)[0]
        recipe, data, changes = job
        assert _status(_fork(_train(job, root / "whole"))) == 0
        begun = root / "begun"
        assert (
            _status(
                _fork(
                    lambda: void(foreframe.train(recipe, data, begun, changes=changes, max_steps=2))
                )
            )
            == 0
        )
        whole, counted = result_of(root / "whole"), list[str]()
        told, tell = os.pipe()

        def counting() -> None:
            with _dying_at(-1, counted):
                foreframe.train(recipe, data, root / "counted", changes=changes, max_steps=4)
            os.write(tell, json.dumps(counted).encode())

        shutil.copytree(begun, root / "counted")
        assert _status(_fork(counting)) == 0
        calls = json.loads(os.read(told, 1 << 20))
        covered = (
            range(len(calls))
            if most is None
            else np.unique(np.linspace(0, len(calls) - 1, most).astype(int))
        )
        died = different = 0
        for boundary in covered:
            run = root / "run"
            shutil.copytree(begun, run)

            def dying(boundary: int = int(boundary), run: Path = run) -> None:
                with _dying_at(boundary, []):
                    foreframe.train(recipe, data, run, changes=changes, max_steps=4)

            died += _status(_fork(dying)) == -signal.SIGKILL
            well = _status(_fork(_train(job, run))) == 0
            different += not (well and result_of(run) == whole)
            shutil.rmtree(run)
    return {
        "I/O calls in a commit": len(calls),
        "killed at": died,
        "runs that ended otherwise than unkilled ones": different,
    }


def commit_order() -> Figures:
    """In what order a commit asks for the disk.

    Every file and the folder synced before the rename, the parent after it.
    """
    asked: list[tuple[str, str]] = []
    fsync, replace = os.fsync, os.replace

    def synced(handle: int) -> None:
        asked.append(("fsync", os.readlink(f"/proc/self/fd/{handle}")))
        fsync(handle)

    def renamed(source: Any, target: Any) -> None:
        asked.append(("rename", f"{source}>{target}"))
        replace(source, target)

    right = commits = 0
    with tempfile.TemporaryDirectory() as folder:
        job = _jobs(Path(folder))[0]
        os.fsync, os.replace = synced, renamed
        try:
            _train(job, Path(folder) / "run")()
        finally:
            os.fsync, os.replace = fsync, replace
        for place, (kind, what) in enumerate(asked):
            source, _, target = what.partition(">")
            if kind != "rename" or "/state/step-" not in target:
                continue
            commits += 1
            before = {path for k, path in asked[:place] if k == "fsync"}
            files = (
                {str(Path(source) / file.name) for file in Path(target).iterdir()}
                if Path(target).exists()
                else set()
            )
            after = asked[place + 1 : place + 2]
            right += files | {source} <= before and after == [("fsync", str(Path(target).parent))]
    return {"commits": commits, "in the right order": right}


def signals(count: int, seed: int = 0) -> Figures:
    """SIGTERM and SIGINT at random moments: the state is saved and the exit status says which."""
    chance = random.Random(seed)
    right = 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _, data, _ = _jobs(root)[0]
        words = ["train", "push-tiny", "--data", str(data)]
        words += [f"--{k}={json.dumps(v)}" for k, v in {**SMALL, "training.steps": 100_000}.items()]
        words += ["--training.save_every=100000", "--training.validate_every=100000"]
        for number in range(count):
            run = root / f"run{number}"
            child = _fork(lambda run=run: main([*words, "--out", str(run)]))  # type: ignore[misc]
            until = time.monotonic() + 60
            while not _steps_logged(run) and time.monotonic() < until:
                time.sleep(0.01)
            time.sleep(chance.random() * 0.5)
            sent = (signal.SIGTERM, signal.SIGINT)[number % 2]
            os.kill(child, sent)
            status = _status(child)
            right += status == 128 + sent and _saved(run) == max(_steps_logged(run)) > 0
    return {"signals": count, "saved and said": right}


def full_disks(count: int) -> Figures:
    """Files may not grow beyond a limit.

    One line, status 1, and what was saved before is whole and goes on.
    """
    clean = lost = different = 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        job = _jobs(root)[0]
        recipe, data, changes = job
        assert _status(_fork(_train(job, root / "whole"))) == 0
        assert (
            _status(
                _fork(
                    lambda: void(
                        foreframe.train(recipe, data, root / "begun", changes=changes, max_steps=2)
                    )
                )
            )
            == 0
        )
        whole = result_of(root / "whole")
        largest = max(f.stat().st_size for f in (root / "whole").rglob("*") if f.is_file())
        words = [
            "train",
            recipe,
            "--data",
            str(data),
            *(f"--{k}={json.dumps(v)}" for k, v in changes.items()),
        ]
        for limit in np.linspace(0, largest - 1, count).astype(int).tolist():
            run, said = root / "run", root / "said"
            shutil.copytree(root / "begun", run)

            def limited(limit: int = limit, run: Path = run, said: Path = said) -> None:
                def write(text: str) -> int:
                    lines.append(text)
                    return len(text)

                lines: list[str] = []
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                sys.stderr.write = write  # type: ignore[method-assign, assignment]
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
                try:
                    main([*words, "--out", str(run)])
                finally:
                    resource.setrlimit(
                        resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
                    )
                    said.write_text("".join(lines))

            status = _status(_fork(limited))
            told = said.read_text() if said.exists() else ""
            clean += status == 1 and "foreframe: " in told and "Traceback" not in told
            lost += _saved(run) < 2
            well = _status(_fork(_train(job, run))) == 0
            different += not (well and result_of(run) == whole)
            shutil.rmtree(run)
            said.unlink(missing_ok=True)
    return {
        "limits": count,
        "one line and status 1": clean,
        "states lost": lost,
        "ended otherwise": different,
    }


def races(count: int) -> Figures:
    """Two trainings begin in one folder at once: one trains, the other is told who holds it."""
    single = 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        job = _jobs(root)[0]
        assert _status(_fork(_train(job, root / "whole"))) == 0
        whole = result_of(root / "whole")
        for number in range(count):
            run = root / f"run{number}"

            def refused(run: Path = run) -> None:
                try:
                    _train(job, run)()
                except InputError as error:
                    raise SystemExit(3 if "is in use by" in str(error) else 4) from None

            children = [_fork(refused), _fork(refused)]
            ends = sorted(_status(child) for child in children)
            single += (
                ends in ([0, 3], [0, 0]) and result_of(run) == whole
            )  # one may be done before the other begins
            shutil.rmtree(run)
    return {"races": count, "one winner, nothing spoilt": single}


def rotten_bits(count: int, seed: int = 0) -> Figures:
    """A bit flipped anywhere in a saved state, a model or a store is seen when it is read."""
    chance = random.Random(seed)
    found: dict[str, list[int]] = {"state": [0, 0], "model": [0, 0], "store": [0, 0]}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        recipe, data, changes = _jobs(root)[0]
        assert (
            _status(
                _fork(lambda: void(foreframe.train(recipe, data, root / "run", changes=changes)))
            )
            == 0
        )
        newest = max((root / "run" / "state").iterdir())

        def whole_store() -> bool:
            return not foreframe.data.validate(data)["damaged"]

        def whole_model() -> bool:
            return models.load(root / "run") is not None

        kinds: dict[str, tuple[list[Path], Callable[[], bool]]] = {
            "state": (sorted(newest.iterdir()), lambda: not states.damage(newest)),
            "model": ([root / "run" / "model.safetensors"], whole_model),
            "store": (sorted(f for f in data.rglob("*") if f.is_file()), whole_store),
        }
        for number in range(count):
            kind = list(kinds)[number % 3]
            files, whole = kinds[kind]
            file = chance.choice(files)
            content = file.read_bytes()
            flipped = bytearray(content)
            flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
            file.write_bytes(bytes(flipped))
            try:
                seen = not whole()
            except InputError:
                seen = True
            file.write_bytes(content)
            harmless = (
                not seen and file.suffix == ".json" and json.loads(flipped) == json.loads(content)
            )
            found[kind][0] += 1
            found[kind][1] += seen or harmless
        assert all(whole() for _, whole in kinds.values())
    return {
        f"{kind}: {what}": v
        for kind, (a, b) in found.items()
        for what, v in (("bits flipped", a), ("seen", b))
    }


def killed_builds(count: int, seed: int = 0) -> Figures:
    """Random SIGKILLs while a store is built by two workers.

    It ends as one that was never killed.
    """
    chance = random.Random(seed)
    hits = builds = different = 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        began = time.monotonic()
        assert _status(_fork(lambda: void(squares_store(root / "whole", 40, workers=2)))) == 0
        seconds = time.monotonic() - began
        whole = foreframe.data.ClipStore(root / "whole").content
        while hits < count:
            out = root / f"store{builds}"
            builds += 1
            status = -9
            while status == -9:
                child = _fork(lambda out=out: void(squares_store(out, 40, workers=2)))  # type: ignore[misc]
                if hits < count:
                    time.sleep(chance.random() * seconds)
                    os.kill(child, signal.SIGKILL)
                status = _status(child)
                hits += status == -9
            different += status != 0 or foreframe.data.ClipStore(out).content != whole
            different += bool(foreframe.data.validate(out)["damaged"])
    return {"kills": hits, "stores": builds, "stores that ended otherwise": different}


def killed_experiments(count: int, seed: int = 0) -> Figures:
    """Random SIGKILLs of an experiment, every fifth with two workers.

    It ends in the figures of one that was never killed.
    """
    chance = random.Random(seed)
    hits = experiments = different = 0
    changes = {
        key: value
        for key, value in SMALL.items()
        if not key.startswith(("training.save", "training.valid"))
    }
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _, data, _ = _jobs(root)[0]

        def experiment(out: Path, workers: int) -> Callable[[], None]:
            return lambda: void(
                foreframe.experiment("learning-rate", data, out, 1, workers, changes)
            )

        def found(out: Path) -> Any:
            return json.loads((out / "experiment.json").read_text())["arms"]

        seconds = {}
        for workers in (1, 2):
            began = time.monotonic()
            assert _status(_fork(experiment(root / f"whole{workers}", workers))) == 0
            seconds[workers] = time.monotonic() - began
        whole = found(root / "whole1")
        different += found(root / "whole2") != whole
        while hits < count:
            out, workers = root / f"experiment{experiments}", 2 if experiments % 5 == 0 else 1
            experiments += 1
            status = -9
            while status == -9:
                child = _fork(experiment(out, workers))
                if hits < count:
                    time.sleep(chance.random() * seconds[workers])
                    os.kill(child, signal.SIGKILL)
                status = _status(child)
                hits += status == -9
            different += status != 0 or found(out) != whole
            shutil.rmtree(out)
    return {
        "kills": hits,
        "experiments": experiments,
        "experiments that ended otherwise": different,
    }


def long_training(steps: int) -> Figures:
    """Memory, open files and processes over many steps."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        recipe, data, changes = _jobs(root)[0]
        longer = {
            **changes,
            "training.save_every": 200,
            "training.validate_every": 500,
            "training.steps": steps,
        }
        foreframe.train(recipe, data, root / "run", changes=longer, max_steps=steps // 4)
        before, files = _megabytes(), _open_files()
        foreframe.train(recipe, data, root / "run", changes=longer)
        grown = (_megabytes() - before) / (steps - steps // 4) * 1000
        losses = [
            json.loads(line).get("loss", 0.0)
            for line in (root / "run" / "metrics.jsonl").read_text().splitlines()
        ]
    return {
        "steps": steps,
        "MB grown per 1,000 steps": round(grown, 2),
        "open files more than before": _open_files() - files,
        "processes left": len(_children()),
        "losses that are not finite": int((~np.isfinite(losses)).sum()),
    }


def long_rollout(frames: int) -> Figures:
    """Memory over a rollout that is consumed as it is made, for a model with either feedback."""
    found: Figures = {"frames": frames}
    torch.manual_seed(0)
    for name, spec, options in (
        ("compact", foreframe.ClipSpec((3, 64, 64), (4,), mean=(0.0,) * 4, std=(1.0,) * 4), {}),
        ("pose_compact", foreframe.ClipSpec((3, 32, 64), (3, 32, 64)), {}),
        ("pose", foreframe.ClipSpec((3, 8, 16), (3, 8, 16)), {"output": "sigmoid"}),
    ):
        model = models.build(name, spec, options)
        session = foreframe.Session(model)
        session.reset(
            torch.rand(1, 2, *spec.frame), torch.rand(1, 2, *spec.condition), foreframe.Noise([0])
        )
        finite, after = True, 0.0
        for step in range(0, frames, 50):
            finite &= bool(torch.isfinite(session.play(torch.rand(1, 50, *spec.condition))).all())
            after = after or (_megabytes() if step >= frames // 5 else 0.0)
        found[f"{name}: MB grown per 1,000 frames"] = round(
            (_megabytes() - after) / (frames * 0.8) * 1000, 3
        )
        found[f"{name}: finite"] = finite
    return found


def rude_messages(count: int) -> Figures:
    """Messages that no page sends, 80 a client; after them an honest client is served as before."""
    import clients

    async def rude(port: int) -> Figures:
        rng, refused, left = random.Random(1), 0, 0
        for _ in range(0, count, 80):
            async with clients.Client.at(port) as client:
                try:
                    for _ in range(80):
                        await client.send(clients.malformed(rng))
                except Exception:  # it was shown the door after a hundred errors
                    left += 1
        async with clients.Client.at(port) as client:
            await client.begin("push")
            refused = int((await client.act(action=[0.0] * 4))[0]["step"] == 1)
        return {
            "messages": count,
            "clients shown the door": left,
            "an honest client is served after them": bool(refused),
        }

    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with clients.played(log) as port:
            found = asyncio.run(rude(port))
        return found | {"lines the server said of it": len(log.read_text().splitlines())}


def crowded_server(seconds: int) -> Figures:
    """100 clients that act ten times a second, alone; 50 alone, beside 20 that act without ever
    reading, and beside one whose long drive is written as an animation.
    """
    import clients

    found: Figures = {"seconds": seconds}
    crowds = {
        "100 alone": (100, 0, 0),
        "50 alone": (50, 0, 0),
        "50 beside 20 that never read": (50, 20, 0),
        "50 beside a drive of 400 steps that is written": (50, 0, 400),
    }
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with clients.played(log) as port:
            for name, (honest, deaf, steps) in crowds.items():
                made = asyncio.run(_crowd(port, honest, deaf, steps, seconds))
                found[name] = made | {"fewest acts of a client": min(made.pop("acts_each"))}
        found["lines the server said of it"] = len(log.read_text().splitlines())
    return found


async def _crowd(port: int, honest: int, deaf: int, steps: int, seconds: int) -> Figures:
    """A crowd, beside a drive of some steps that is written as an animation meanwhile."""
    import clients

    if not steps:
        return await clients.crowd(port, "push", honest, deaf, seconds)
    async with clients.long_drive(port, "push", steps) as client:
        beside = clients.written(port, client.key, seconds)
        return await clients.crowd(port, "push", honest, deaf, seconds, beside)


def _megabytes() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def _children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


HARDSHIPS: dict[str, Callable[..., Figures]] = {
    function.__name__: function
    for function in (
        kills,
        boundaries,
        commit_order,
        signals,
        full_disks,
        races,
        rotten_bits,
        killed_builds,
        killed_experiments,
        long_training,
        long_rollout,
        rude_messages,
        crowded_server,
    )
}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("hardship", choices=HARDSHIPS)
    parser.add_argument("--count", type=int)
    given = parser.parse_args()
    torch.set_num_threads(1)
    figures = HARDSHIPS[given.hardship](*([] if given.count is None else [given.count]))
    print(json.dumps(figures))
