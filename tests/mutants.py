"""Faults put into a copy of the code: each must be caught by the tests that are named beside it.

    python tests/mutants.py [--only WORD ...] [--jobs 2]        # make mutants; fails if a fault
    survives

A fault is one change of the source. A change that no longer fits the source is an error, so that
the table stays true.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 300


@dataclass(frozen=True)
class Mutant:
    """A fault and the tests that must find it.

    Attributes:
        name: the fault in a few words.
        file: the file of `src/foreframe` that has it.
        right: the text that is there, once.
        wrong: what is put in its place.
        tests: what is given to pytest.
    """

    name: str
    file: str
    right: str
    wrong: str
    tests: tuple[str, ...]


MUTANTS = (
    Mutant(
        "frames that count are compared with the first ones",
        "training/step.py",
        "future = truth[:, list(chosen)]",
        "future = truth[:, n_past : n_past + len(chosen)]",
        ("tests/test_futures_score.py::test_frames_that_count_are_compared_with_their_own_truth",),
    ),
    Mutant(
        "a changed recipe changes the runs that it began",
        "training/resolving.py",
        'if begun_with and begun_with.get("recipe") == recipe:',
        "if False:",
        ("tests/test_training.py::test_a_run_keeps_the_settings_that_it_began_with",),
    ),
    Mutant(
        "conditions are shifted by one frame too few",
        "data/windows.py",
        "begin = first - column.lag",
        "begin = first",
        ("tests/test_store.py::test_conditions_are_what_is_known_before_a_frame",),
    ),
    Mutant(
        "unseen steps know the last seen frame",
        "rollouts.py",
        "return self.codes[frame] if frame < len(self.codes) else None",
        "return self.codes[min(frame, len(self.codes) - 1)] if self.codes else None",
        ("tests/test_rollout.py", "tests/test_models.py"),
    ),
    Mutant(
        "the posterior looks one frame ahead",
        "rollouts.py",
        "conditions[t], seen.code(t), drawn)",
        "conditions[t], seen.code(t + 1) if seen.code(t + 1) is not None else seen.code(t), drawn)",
        ("tests/test_models.py::test_a_posterior_sees_no_later_frame",),
    ),
    Mutant(
        "KL with its arguments swapped",
        "objective.py",
        "q.kl(p) for q, p in zip(posterior, prior, strict=True)",
        "p.kl(q) for q, p in zip(posterior, prior, strict=True)",
        ("tests/test_rollout.py::test_the_elbo_is_what_it_says", "tests/test_yardsticks.py"),
    ),
    Mutant(
        "teacher forcing is ignored",
        "rollouts.py",
        "return self.code(step - 1) if step in self.forced else None",
        "return None",
        ("tests/test_rollout.py::test_forcing_switches_the_input_and_not_the_target",),
    ),
    Mutant(
        "own frames are fed back without clamping",
        "rollouts.py",
        "frames, conditions = frame.clamp(0, 1)[:, None], condition[:, None]",
        "frames, conditions = frame[:, None], condition[:, None]",
        ("tests/test_pose.py::test_own_frames_are_clamped_before_they_are_fed_back",),
    ),
    Mutant(
        "the averaged weights of a saved state are the plain ones",
        "training/state.py",
        '"average": state.average,',
        '"average": dict(state.model.state_dict()),',
        ("tests/test_training.py::test_resumed_is_uninterrupted_bit_for_bit",),
    ),
    Mutant(
        "every clip draws from the same seed",
        "noise.py",
        "return [((seed & 0xFFFFFFFF) << 32) + index for index in indices]",
        "return [((seed & 0xFFFFFFFF) << 32) for index in indices]",
        ("tests/test_ground.py",),
    ),
    Mutant(
        "digests of a saved state are not compared",
        "training/state.py",
        "if digest_file(folder / name) != right",
        "if False",
        ("tests/test_training.py::test_a_damaged_state_falls_back_to_the_one_before",),
    ),
    Mutant(
        "a folder is filled in place",
        "runtime/files.py",
        """    temporary = _temporary(path)
    temporary.mkdir()
    try:""",
        """    temporary = path
    temporary.mkdir(exist_ok=True)
    try:""",
        ("tests/test_ground.py", "tests/test_durability.py"),
    ),
    Mutant(
        "a file is renamed before it is synced",
        "runtime/files.py",
        "        sync(temporary)\n        return _move_into_place(temporary, path)",
        "        return _move_into_place(temporary, path)",
        ("tests/test_durability.py",),
    ),
    Mutant(
        "bytes are not divided by 255",
        "clips.py",
        "copy=True).div_(255)",
        "copy=True)",
        (
            "tests/test_evaluation.py::test_samples_do_not_see_the_future_and_reconstructions_do",
            "src/foreframe/clips.py",
        ),
    ),
    Mutant(
        "going back in a drive goes on with the same stream of noise",
        "session.py",
        "other.noise = copy.deepcopy(self.noise) if noise is None else noise",
        "other.noise = self.noise if noise is None else noise",
        ("tests/test_driving.py::test_undo_leads_back_and_another_future_leads_elsewhere",),
    ),
    Mutant(
        "states of the recording leak into a drive",
        "simulate/simulator.py",
        "self.head.following(",
        "(lambda *_: np.asarray(drive.start.conditions[drive.step][list(self.head.indices)]))(",
        ("tests/test_driving.py::test_states_are_predicted_and_never_taken_from_the_recording",),
    ),
    Mutant(
        "data imports a model by its absolute name",
        "data/windows.py",
        "import numpy as np\n",
        "import numpy as np\n\nimport foreframe.models.svg\n",
        ("tests/test_layers.py",),
    ),
    Mutant(
        "a model loops over time",
        "models/compact.py",
        "    def encode(self",
        "    def walk(self, frames: Tensor) -> list[Tensor]:\n"
        "        return [frames[:, t] for t in range(frames.shape[1])]\n\n"
        "    def encode(self",
        ("tests/test_layers.py",),
    ),
    Mutant(
        "a megabyte is kept of every step",
        "training/loop.py",
        "        step, config = self.state.step, self.config\n",
        "        step, config = self.state.step, self.config\n"
        "        _KEPT.append(torch.ones(1 << 18))\n",
        ("tests/test_reliability.py::test_long_runs_stay_flat",),
    ),
    Mutant(
        "an older run lacks defaults for new options",
        "training/folder.py",
        "begun = _completed(unstamped(read_json(file, what), str(file), what, _SCHEMA))",
        "begun = unstamped(read_json(file, what), str(file), what, _SCHEMA)",
        ("tests/test_released.py",),
    ),
    Mutant(
        "a proper score that more samples make better",
        "metrics/crps.py",
        "return torch.as_tensor(total) / (count * (count - 1) / 2)",
        "return torch.as_tensor(total) / (count * count / 2)",
        ("tests/test_proper.py",),
    ),
    Mutant(
        "intervals over clips instead of episodes",
        "metrics/_intervals.py",
        "clusters = np.arange(len(table)) if episodes is None else _numbers(episodes)",
        "clusters = np.arange(len(table))",
        ("tests/test_proper.py",),
    ),
    Mutant(
        "an error that stands still is not seen",
        "training/health.py",
        "if first - last > _IMPROVEMENT * first:",
        "if first - last > -1:",
        ("tests/test_health.py",),
    ),
)
_ALSO = {
    "a megabyte is kept of every step": (
        "_BAD_STEPS_IN_A_ROW = 10",
        "_BAD_STEPS_IN_A_ROW = 10\n_KEPT: list[Tensor] = []",
    )
}


def mutate(source: Path, mutant: Mutant) -> None:
    """Put the fault into a copy.

    Raises:
        ValueError: the text to change is not there exactly once.
    """
    file = source / "foreframe" / mutant.file
    text = file.read_text()
    changes = [
        (mutant.right, mutant.wrong),
        *([_ALSO[mutant.name]] if mutant.name in _ALSO else []),
    ]
    for right, wrong in changes:
        if text.count(right) != 1:
            raise ValueError(
                f"{mutant.name}: {mutant.file} has {right!r} {text.count(right)} times; "
                "expected once: adapt the mutant to the source"
            )
        text = text.replace(right, wrong)
    file.write_text(text)


def tried(mutant: Mutant) -> tuple[str, float]:
    """What the tests say of a fault: `caught`, `SURVIVED` or what went wrong.

    And the seconds it took.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        place = Path(folder)
        for name in ("src", "tests", "benchmarks"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, place / name, ignore=ignored)
        shutil.copy(ROOT / "pyproject.toml", place)
        mutate(place / "src", mutant)
        said = run_tests(place, mutant.tests)
    return said, time.monotonic() - began


def run_tests(place: Path, tests: Sequence[str]) -> str:
    """Run tests in a copy and return what came of it."""
    environment = {**os.environ, "PYTHONPATH": str(place / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(
            command,
            cwd=place,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer after {PATIENCE_S} s"
    if done.returncode in (0, 1):
        return "caught" if done.returncode else "SURVIVED"
    return f"pytest ended with {done.returncode}: {(done.stdout + done.stderr).strip()[-300:]}"


def main() -> int:
    """Try every fault and print the table; the exit status is the number that were not caught."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only", nargs="*", default=[""], help="mutants whose name has such a word"
    )
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    chosen = [m for m in MUTANTS if any(word in m.name for word in given.only)]
    missed = 0
    with ThreadPoolExecutor(given.jobs) as pool:
        for mutant, (said, seconds) in zip(chosen, pool.map(tried, chosen), strict=True):
            missed += said != "caught"
            print(f"{said:<10} {seconds:5.0f} s  {mutant.file:<24} {mutant.name}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} caught")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
