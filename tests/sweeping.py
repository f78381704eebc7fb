"""A fault at every I/O call of every command that writes, and the same command again.

    python tests/sweeping.py [--only import train ...] [--every 1] [--minutes 60]  # figures as JSON

`faults.c` is loaded before the C library and counts the calls that make, write, rename, sync or
remove something below one folder. A command is run once to count its calls, then once per call and
fault: the process is killed there (at a write also with half of it written), the disk is full from
there on, or the call fails with an I/O error. Then the same command is run again. It must end, and
leave what an undisturbed one leaves: every file, and no other.

Processes are forked from one that has imported everything; nothing here may use more than one
thread before it forks.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
KINDS = {"killed": 1, "killed half-way": 2, "full disk": 3, "I/O error": 4}
_HALVES = ("write", "pwrite64", "writev")
_WITHOUT_SPACE = ("write", "pwrite64", "writev", "mkdir", "mkdirat", "open", "rename")
_FAILING = (*_WITHOUT_SPACE, "fsync", "fdatasync")
_LOCKS = {".lock"}
NAMES = (
    "import",
    "make",
    "update",
    "export",
    "train",
    "train anew",
    "train, pixel feedback",
    "eval",
    "sample",
    "report",
    "publish",
    "publish over another",
    "experiment",
    "save a drive",
)

Tree = dict[str, bytes]


@dataclass
class Job:
    """A command to be swept.

    Attributes:
        name: of the command.
        act: runs it on a folder.
        before: what is in the folder before.
        is_safe: whether after a fault nothing that was finished before is lost, and nothing that is
            half made passes for whole.
        settled: the part of what is there in the end that must equal the undisturbed one's.
        every: only each n-th fault is tried, for a command that takes seconds.
    """

    name: str
    act: Callable[[Path], None]
    before: Callable[[Path], None] = lambda root: None
    is_safe: Callable[[Path, Tree, Tree], bool] = lambda root, before, whole: True
    settled: Callable[[Tree], Tree] = lambda tree: _without_times(tree)
    every: int = 1


@dataclass
class Findings:
    """What a sweep found: numbers, and the first few cases of each fault of ours."""

    calls: int = 0
    faults: int = 0
    faults_there_are: int = 0
    stuck: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    unclean: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "calls": self.calls,
            "faults": self.faults,
            "of": self.faults_there_are,
        }
        for name in ("stuck", "lost", "left", "unclean"):
            cases = getattr(self, name)
            found[name] = len(cases)
            if cases:
                found[f"{name}, the first"] = cases[:3]
        return found


def compiler() -> str | None:
    """The C compiler that the shim is made with, if there is one."""
    return next((path for name in ("cc", "gcc", "clang") if (path := shutil.which(name))), None)


def shim(folder: Path) -> Path:
    """Compile the shim."""
    out = folder / "faults.so"
    words = [compiler() or "cc", "-shared", "-fPIC", "-O1", "-o", str(out), str(HERE / "faults.c")]
    subprocess.run([*words, "-ldl"], check=True)
    return out


def tree(root: Path) -> Tree:
    """All files below a folder, but for locks; folders are entries without content."""
    return {
        str(path.relative_to(root)): b"" if path.is_dir() else path.read_bytes()
        for path in root.rglob("*")
        if path.name not in _LOCKS
    }


def forked(function: Callable[[], None], said: Path) -> tuple[int, str]:
    """How a process ended that ran a function, and what it said on its error stream."""
    said.unlink(missing_ok=True)
    child = os.fork()
    if not child:
        status = 70
        try:
            out = os.open(said, os.O_WRONLY | os.O_CREAT)
            os.dup2(out, 1)
            os.dup2(out, 2)
            sys.stdout = sys.stderr = os.fdopen(os.dup(out), "w", buffering=1)
            function()
            status = 0
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            ctypes.CDLL(None).faults_disarm()
            sys.stdout.flush()
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(ended), said.read_text() if said.exists() else ""


def _without_times(tree: Tree) -> Tree:
    """Leave out what says how long a run took, which differs from run to run."""
    return {name: what for name, what in tree.items() if not name.endswith("training_time.json")}


def armed(job: Job, root: Path, place: int, kind: int, log: Path | None = None) -> None:
    """Run a job with one fault."""
    to = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) if log else -1
    library = ctypes.CDLL(None)
    library.faults_arm(os.fsencode(root), ctypes.c_long(place), kind, to)
    job.act(root)
    library.faults_disarm()


def sweep(job: Job, place: Path, every: int = 1, until: float = math.inf) -> Findings:
    """Sweep a job; with `every` n only each n-th pair of call and fault.

    Pairs come in an order drawn with a seed, so that what is tried `until` then is from all over.
    """
    root, said, log = place / "root", place / "said", place / "log"
    ready = place / "ready"
    ready.mkdir()
    job.before(ready)
    before = tree(ready)
    ends = []
    for _ in range(2):
        _renew(ready, root)
        status, text = forked(lambda: armed(job, root, -1, 0, log), said)
        assert status == 0, (job.name, text[-2000:])
        ends.append(tree(root))
    whole = job.settled(ends[0])
    steady = {name for name in whole if whole[name] == job.settled(ends[1]).get(name)}
    calls = [line.split(" ")[0] for line in log.read_text().splitlines()]
    names = log.read_text().splitlines()
    found = Findings(calls=len(calls))
    pairs = [(n, kind) for n, call in enumerate(calls) for kind in KINDS if _applies(call, kind)]
    chosen = pairs[:: every * job.every]
    found.faults_there_are = len(pairs)
    for number, kind in random.Random(0).sample(chosen, len(chosen)):
        if found.faults and time.monotonic() > until:
            break
        case = f"{job.name}: {kind} at call {number}, {names[number]}"
        found.faults += 1
        _renew(ready, root)
        status, text = forked(lambda n=number, k=kind: armed(job, root, n, KINDS[k]), said)  # type: ignore[misc]
        if status not in (-9, 0, 1, 2) or (status > 0 and not _one_line(text)):
            found.unclean.append(f"{case}: {status} {text[-300:]}")
        if not job.is_safe(root, before, ends[0]):
            found.lost.append(case)
        status, text = forked(lambda: job.act(root), said)
        if status:
            found.stuck.append(f"{case}: {text[-300:]}")
            continue
        end = job.settled(tree(root))
        if end.keys() != whole.keys():
            found.left.append(f"{case}: {sorted(end.keys() ^ whole.keys())[:4]}")
        elif differ := [name for name in steady if end[name] != whole[name]]:
            found.lost.append(f"{case}: other in the end: {differ[:4]}")
    shutil.rmtree(root)
    shutil.rmtree(ready)
    return found


def _applies(call: str, kind: str) -> bool:
    if kind == "killed half-way":
        return call in _HALVES
    named = call.removesuffix("64").removesuffix("at")
    if kind == "full disk":
        return named in _WITHOUT_SPACE or call in _WITHOUT_SPACE
    return kind == "killed" or named in _FAILING or call in _FAILING


def _one_line(text: str) -> bool:
    return "Traceback" not in text and text.count("foreframe: ") >= 1


def _renew(ready: Path, root: Path) -> None:
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(ready, root)


# The commands


def command(*words: str | Path) -> None:
    """Run a command line."""
    from foreframe.cli import main

    main([str(word) for word in words])


def absent_or_whole(out: str) -> Callable[[Path, Tree, Tree], bool]:
    """Nothing, what was there before, or the finished thing: never a part, never a mixture."""

    def check(root: Path, before: Tree, whole: Tree) -> bool:
        now = tree(root)
        parts = [
            {k: v for k, v in t.items() if f"{k}/".startswith(f"{out}/")}
            for t in (now, before, whole)
        ]
        same = [_alike(parts[0], other) for other in parts[1:]]
        return not parts[0] or set(parts[0]) == {out} or any(same)

    return check


def _alike(now: Tree, other: Tree) -> bool:
    """The same files, each what it was; what hidden files are beside them does not count."""
    shown = [{k: v for k, v in t.items() if "/." not in f"/{k}"} for t in (now, other)]
    return shown[0].keys() == shown[1].keys() and all(
        shown[0][k] == shown[1][k] for k in shown[0] if not k.endswith((".svg", ".html"))
    )


def files_are_whole(root: Path, before: Tree, whole: Tree) -> bool:
    """Every file under its own name is as before or as in the end; pictures and pages, which are
    never the same twice, end as they should.
    """
    for name, value in tree(root).items():
        known = value in (before.get(name), whole.get(name))
        ends = name.endswith((".svg", ".html")) and value.rstrip().endswith((b"</svg>", b"</html>"))
        if not known and not ends and "/." not in f"/{name}" and not name.endswith(".jsonl"):
            return False
    return True


def run_is_kept(root: Path, before: Tree, whole: Tree) -> bool:
    """The states that were saved are there, and a model that is there loads."""
    from foreframe import models
    from foreframe.training import state as states

    for weights in root.rglob("model.safetensors"):
        if "state" not in weights.parts and not weights.parent.name.startswith("."):
            models.load(weights.parent)
    steps = {
        name.split("/")[0]: max(
            int(n.split("step-")[1][:7]) for n in before if f"{name.split('/')[0]}/state/step-" in n
        )
        for name in before
        if "/state/step-" in name
    }
    for run, step in steps.items():
        good = [f for f in states.saved_states(root / run) if not states.damage(f)]
        if not good or int(good[0].name.split("-")[1]) < step:
            return False
    return True


def jobs(inputs: Path) -> Iterator[Job]:
    """Every command that writes, on inputs that are made here."""
    import numpy as np

    import foreframe
    from conftest import TINY, squares_store
    from foreframe.data import import_recordings
    from foreframe.simulate import Simulator
    from foreframe.simulate.saving import DriveRecord, save_numbered

    source, store = inputs / "recordings", squares_store(inputs / "squares", 5).path
    few = squares_store(inputs / "few", 1).path
    source.mkdir()
    for number in range(3):
        rng = np.random.default_rng(number)
        values = {
            "image": rng.integers(0, 255, (5, 8, 8, 3), np.uint8),
            "action": rng.random((5, 2)),
        }
        np.savez(source / f"{number}.npz", **values)  # type: ignore[arg-type]
    grown = inputs / "grown"
    shutil.copytree(source, grown)
    shutil.copy(source / "0.npz", grown / "3.npz")
    run, changes = inputs / "run", {**TINY, "clip.horizon": 3, "training.batch": 2}
    changes |= {"training.steps": 4, "training.save_every": 2, "training.validation_clips": 1}
    foreframe.train("push-tiny", store, run, changes=changes)
    small = {
        "model.code": 4, "model.latent": 2, "model.width": 4, "model.channels": [4, 4, 4, 4],
        "clip.horizon": 2, "training.steps": 4, "training.save_every": 2, "training.batch": 2,
        "training.validate_every": 4, "training.log_every": 1, "training.validation_clips": 1,
        "training.precision": "32-true",
    }  # fmt: skip

    def words(given: dict[str, Any]) -> list[str]:
        return [f"--{name}={json.dumps(value)}" for name, value in given.items()]

    def begun(recipe: str, given: dict[str, Any]) -> Callable[[Path], None]:
        def before(root: Path) -> None:
            foreframe.train(recipe, store, root / "run", changes=given, max_steps=2)

        return before

    def trained(recipe: str, given: dict[str, Any]) -> Callable[[Path], None]:
        return lambda root: command(
            "train", recipe, "--data", store, "--out", root / "run", *words(given)
        )

    def updated(root: Path) -> None:
        """A store of the three recordings whose source has four now."""
        import_recordings(source, root / "store", workers=1)
        manifest = root / "store" / "manifest.json"
        from foreframe.runtime.digests import write_json_with_digest

        plain = {k: v for k, v in json.loads(manifest.read_text()).items() if k != "digest"}
        plain["source"]["path"] = str(grown)
        write_json_with_digest(manifest, plain)

    def with_run(root: Path) -> None:
        shutil.copytree(run, root / "run")

    def published(root: Path) -> None:
        foreframe.publish(run, store, root / "model", episodes=1, frames=4, samples=1)

    publish = ("publish", run, "--data", store, "--samples", "1", "--frames", "5")
    yield Job(
        "import",
        lambda root: command("data", "import", source, root / "store", "--workers", "1"),
        is_safe=absent_or_whole("store"),
    )
    yield Job(
        "make",
        lambda root: command(
            *("data", "make", "push", root / "store", "--trajectories", "1", "--workers", "1")
        ),
        is_safe=absent_or_whole("store"),
    )  # fmt: skip
    yield Job(
        "update",
        lambda root: command("data", "import", grown, root / "store", "--workers", "1", "--update"),
        updated,
        absent_or_whole("store"),
    )
    yield Job(
        "export",
        lambda root: command("data", "export", few, root / "out"),
        is_safe=absent_or_whole("out"),
    )
    yield Job("train", trained("push-tiny", changes), begun("push-tiny", changes), run_is_kept)
    yield Job("train anew", trained("push-tiny", changes), is_safe=run_is_kept)
    yield Job(
        "train, pixel feedback",
        trained("svg-push-short", small),
        begun("svg-push-short", small),
        run_is_kept,
    )
    yield Job(
        "eval",
        lambda root: command("eval", root / "run", "--data", store, "--samples", "1"),
        with_run,
        files_are_whole,
    )
    yield Job(
        "sample",
        lambda root: command(
            *("sample", root / "run", "--data", store, "--samples", "1", "--clips", "0,1")
        ),
        with_run,
        files_are_whole,
    )  # fmt: skip
    yield Job("report", lambda root: command("report", root / "run"), with_run, files_are_whole)
    yield Job(
        "publish",
        lambda root: command(*publish, "--out", root / "model"),
        is_safe=absent_or_whole("model"),
    )
    yield Job(
        "publish over another",
        lambda root: command(*publish, "--out", root / "model"),
        published,
        absent_or_whole("model"),
    )
    two_arms = {**changes, "training.steps": 1}
    two_arms = {
        k: v
        for k, v in two_arms.items()
        if not k.startswith(("training.save", "training.validate"))
    }
    yield Job(
        "experiment",
        lambda root: command(
            "experiment", "learning-rate", "--data", store, "--out", root / "e", "--seeds", "1",
            "--workers", "1", *words(two_arms),
        ),
        is_safe=run_is_kept,
        every=8,
    )  # fmt: skip
    simulator = Simulator(run, store)
    record = DriveRecord.of(simulator, simulator.begin())

    def saves(root: Path) -> None:
        with contextlib.suppress(OSError):  # as the server does, which answers with one line
            save_numbered(record, root)

    def first_drive(root: Path) -> None:
        save_numbered(record, root)

    def drives(found: Tree) -> Tree:
        """The first two drives; a save that was cut off after its drive was whole makes a third."""
        return {name: value for name, value in found.items() if not name.startswith("run-3")}

    yield Job("save a drive", saves, first_drive, _drives_are_kept, drives)


def _drives_are_kept(root: Path, before: Tree, whole: Tree) -> bool:
    from foreframe.data import validate

    return all(not validate(path)["damaged"] for path in root.glob("run-*")) and all(
        tree(root).get(name) == value for name, value in before.items()
    )


def swept(every: int = 1, only: tuple[str, ...] = (), minutes: float = math.inf) -> dict[str, Any]:
    """Sweep all commands, or some, for so many minutes at most; figures for each and in sum."""
    import torch

    torch.set_num_threads(1)
    figures: dict[str, Any] = {}
    end = time.monotonic() + 60 * minutes
    at = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=at) as folder:
        inputs = Path(folder) / "inputs"
        inputs.mkdir()
        chosen = [job for job in jobs(inputs) if not only or job.name in only]
        for number, job in enumerate(chosen):
            left_s = end - time.monotonic()
            until = time.monotonic() + left_s / (len(chosen) - number)
            warm = Path(folder) / f"warm{number}"
            warm.mkdir()
            job.before(warm)
            with contextlib.redirect_stdout(sys.stderr):
                job.act(warm)
            shutil.rmtree(warm)
            began = time.monotonic()
            place = Path(folder) / f"sweep{number}"
            place.mkdir()
            figures[job.name] = sweep(job, place, every, until).figures()
            figures[job.name]["seconds"] = round(time.monotonic() - began)
            print(job.name, figures[job.name], file=sys.stderr, flush=True)
    sums = {
        k: sum(f[k] for f in figures.values())
        for k in ("calls", "faults", "of", "stuck", "lost", "left", "unclean")
    }
    return {"in all": sums, **figures}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=NAMES, default=())
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=math.inf, help="of all of it, at most")
    given = parser.parse_args()
    if "faults.so" not in os.environ.get("LD_PRELOAD", ""):
        with tempfile.TemporaryDirectory() as folder:
            environment = {
                **os.environ,
                "LD_PRELOAD": str(shim(Path(folder))),
                "OMP_NUM_THREADS": "1",
            }
            done = subprocess.run([sys.executable, *sys.argv], env=environment, check=False)
        raise SystemExit(done.returncode)
    print(json.dumps(swept(given.every, tuple(given.only), given.minutes)))


if __name__ == "__main__":
    main()
