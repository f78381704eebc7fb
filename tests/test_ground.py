"""Distributions, schedules, plug-in names and files."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from foreframe.errors import InputError
from foreframe.gaussian import Gaussian
from foreframe.noise import clip_seeds
from foreframe.objective import beta_of_sigma, sigma_of_beta
from foreframe.plugins import SCHEDULES
from foreframe.runtime.digests import digest, digest_file
from foreframe.runtime.files import atomic_folder, atomic_write
from foreframe.runtime.outputs import claim_output
from foreframe.schedules import (
    Constant,
    Cyclical,
    InverseSigmoid,
    LinearDecay,
    LinearWarmup,
    Monotonic,
    MultiStep,
    RampDown,
    Staircase,
    WarmupCosine,
    kind_of,
    schedule_class,
)
from foreframe.training import resolve


def test_kl_is_that_of_torch() -> None:
    q, p = (Gaussian(torch.randn(5, 2, 3), torch.randn(5, 2, 3)) for _ in range(2))
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(q.mean, (q.logvar / 2).exp()),
        torch.distributions.Normal(p.mean, (p.logvar / 2).exp()),
    )
    torch.testing.assert_close(q.kl_per_dimension(p), expected)
    torch.testing.assert_close(q.kl(p), expected.flatten(1).sum(1))


def test_a_sample_has_the_gaussians_mean_and_variance() -> None:
    g = Gaussian(torch.full((200_000, 1), 2.0), torch.full((200_000, 1), math.log(9.0)))
    drawn = g.sample(torch.randn(200_000, 1))
    assert drawn.mean() == pytest.approx(2.0, abs=0.03)
    assert drawn.std() == pytest.approx(3.0, abs=0.03)


HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


_KEEPS = """
import resource
from pathlib import Path
import torch
from foreframe.runtime.memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.empty(64 << 20, dtype=torch.uint8).fill_(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

page, size = resource.getpagesize(), 64 << 20
with keep_freed_memory():
    kept = [faults() for _ in range(20)]
    held = int(Path("/proc/self/statm").read_text().split()[1]) * page
assert sum(kept[-5:]) < 100, kept
assert faults() > size // page // 2
assert held - int(Path("/proc/self/statm").read_text().split()[1]) * page > size
"""


@pytest.mark.skipif(
    sys.platform != "linux" or (HUGE_PAGES.exists() and "[always]" in HUGE_PAGES.read_text()),
    reason="glibc's memory, counted in small pages",
)
def test_freed_memory_is_kept_for_the_next_step_and_then_returned() -> None:
    """In a process of its own: in one with many libraries the heap may have nowhere to grow."""
    done = subprocess.run(
        [sys.executable, "-c", _KEEPS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_cyclical_has_its_cycles_and_monotonic_never_resets() -> None:
    cyclical, monotonic = Cyclical(1.0, 1000, cycles=4), Monotonic(1.0, 1000)
    values = [cyclical(s) for s in range(1000)]
    assert sum(b < a for a, b in zip(values, values[1:])) == 3
    rising = [monotonic(s) for s in range(1500)]
    assert rising == sorted(rising)
    assert rising[-1] == 1.0


def test_linear_decay_has_a_start_and_a_floor() -> None:
    decay = LinearDecay(1.0, 100, 0.01, 0.25)
    assert decay(100) == 1.0
    assert decay(150) == pytest.approx(0.5)
    assert decay(10**6) == 0.25


@pytest.mark.parametrize("kind", SCHEDULES.names())
def test_schedules_are_pure_and_finite(kind: str) -> None:
    import inspect

    values = {
        "value": 0.5,
        "start": 1.0,
        "peak": 1.0,
        "total_steps": 100,
        "warmup_steps": 10,
        "from_step": 10,
        "per_step": 0.1,
    }
    values |= {
        "k": 20.0,
        "milestones": (5, 10),
        "begin": 0.2,
        "end": 0.8,
        "every_steps": 10,
        "by": 0.1,
        "before": 1.0,
        "after": 0.0,
        "share": 0.4,
    }
    cls = schedule_class(kind)
    schedule = cls(**{n: values[n] for n in inspect.signature(cls).parameters if n in values})
    assert kind_of(schedule) == kind
    once, again = [schedule(s) for s in (0, 7, 99, 10**7)], [schedule(s) for s in (0, 7, 99, 10**7)]
    assert once == again
    assert all(0 <= v <= 1 for v in once)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Constant(math.nan), "value is nan; expected a finite number"),
        (lambda: Cyclical(1.0, 100, cycles=0), "cycles is 0; expected at least 1"),
        (lambda: Cyclical(1.0, 100, ramp=0), "ramp is 0; expected a share above 0, at most 1"),
        (lambda: Cyclical(1.0, 0), "total_steps is 0; expected at least 1"),
        (lambda: Monotonic(1.0, 100, ramp=1.5), "ramp is 1.5; expected a share"),
        (lambda: LinearWarmup(1.0, -1), "warmup_steps is -1; expected at least 0"),
        (lambda: LinearDecay(1.0, 0, -0.1), "per_step is -0.1; expected at least 0"),
        (lambda: RampDown(100, 0.8, 0.2), "end is 0.2; expected at least 0.8"),
        (lambda: Staircase(1.0, 0, 0.1), "every_steps is 0; expected at least 1"),
        (lambda: InverseSigmoid(0.0), "k is 0.0; expected a number above 0"),
        (lambda: WarmupCosine(math.inf, 100), "peak is inf; expected a finite number"),
        (lambda: MultiStep(1.0, (10, -1)), "milestone is -1; expected at least 0"),
    ],
)
def test_a_schedule_refuses_what_it_cannot_do(build: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build()


def test_a_wrong_schedule_in_a_configuration_is_named() -> None:
    changes = {"objective.beta": {"kind": "cyclical", "value": 1.0, "cycles": 0}}
    with pytest.raises(InputError, match=r"objective.beta: cycles is 0; expected at least 1"):
        resolve("push-tiny", None, changes)


def test_beta_and_sigma_are_two_names_of_one_thing() -> None:
    pixels = 3 * 64 * 64
    assert sigma_of_beta(1e-4, pixels) == pytest.approx(0.784, abs=1e-3)
    assert sigma_of_beta(1.0, 3 * 32 * 64) == pytest.approx(55.4, abs=0.1)
    assert beta_of_sigma(sigma_of_beta(3e-5, pixels), pixels) == pytest.approx(3e-5)


def test_a_folder_is_whole_or_absent(tmp_path: Path) -> None:
    def fill_and_fail() -> None:
        with atomic_folder(tmp_path / "out") as folder:
            (folder / "half").write_text("x")
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        fill_and_fail()
    assert os.listdir(tmp_path) == []
    with atomic_folder(tmp_path / "out") as folder:
        (folder / "whole").write_text("x")
        assert not (tmp_path / "out").exists()
    assert os.listdir(tmp_path / "out") == ["whole"]


def test_files_are_written_whole_and_digested(tmp_path: Path) -> None:
    file = atomic_write(tmp_path / "a" / "b.txt", "content")
    assert digest_file(file) == digest(b"content")
    assert [f.name for f in (tmp_path / "a").iterdir()] == ["b.txt"]


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(InputError, match="holds something else"):
        claim_output(tmp_path, "run", ("identity.json",))


def test_every_clip_has_its_own_seed_whatever_is_beside_it() -> None:
    seeds = [seed for run in (0, 1) for seed in clip_seeds(run, range(100))]
    assert len(set(seeds)) == 200
    assert clip_seeds(7, [3]) == clip_seeds(7, [1, 2, 3])[2:]
