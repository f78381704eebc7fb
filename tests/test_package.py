"""What is released: a wheel and an sdist that hold what they should and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from foreframe.version import __version__

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
NEVER = (
    "tests/",
    "benchmarks/",
    "results/",
    "docs/",
    "examples/",
    "__pycache__",
    ".pyc",
    "mutants",
    "soak",
)

pytest.importorskip("hatchling", reason="no hatchling in this environment: pip install -e '.[dev]'")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both, built without a network."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(out)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def wheel(built: Path) -> dict[str, int]:
    """The files of the wheel and their sizes."""
    with zipfile.ZipFile(built / f"foreframe-{__version__}-py3-none-any.whl") as archive:
        return {info.filename: info.file_size for info in archive.infolist()}


@pytest.fixture(scope="module")
def sdist(built: Path) -> dict[str, int]:
    """The files of the sdist and their sizes, without its first folder."""
    with tarfile.open(built / f"foreframe-{__version__}.tar.gz") as archive:
        return {m.name.partition("/")[2]: m.size for m in archive if m.isfile()}


def test_the_wheel_has_every_file_of_the_package(wheel: dict[str, int]) -> None:
    package = ROOT / "src" / "foreframe"
    files = [f for f in package.rglob("*") if f.is_file() and "__pycache__" not in f.parts]
    wanted = {f"foreframe/{f.relative_to(package)}": f.stat().st_size for f in files}
    assert {name: wheel.get(name) for name in wanted} == wanted
    for needed in ("pretrained/push/model.safetensors", "pretrained/dance/clips/manifest.json"):
        assert f"foreframe/{needed}" in wheel
    assert "foreframe/py.typed" in wheel
    assert f"foreframe-{__version__}.dist-info/licenses/LICENSE" in wheel


def test_neither_has_what_belongs_to_the_repository(
    wheel: dict[str, int], sdist: dict[str, int]
) -> None:
    for name in [*wheel, *sdist]:
        assert not any(part in name.removeprefix("src/foreframe/") for part in NEVER), name
    assert {name.split("/")[0] for name in wheel} == {
        "foreframe",
        f"foreframe-{__version__}.dist-info",
    }


def test_the_sdist_builds_the_wheel(sdist: dict[str, int], wheel: dict[str, int]) -> None:
    needed = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "PKG-INFO"}
    assert needed <= set(sdist)
    assert {f"src/{name}" for name in wheel if name.startswith("foreframe/")} <= set(sdist)


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel alone; it finds what it depends on in this one."""
    place = tmp_path_factory.mktemp("clean") / "venv"
    venv.create(place, with_pip=False)
    scripts = place / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / "python"
    file = built / f"foreframe-{__version__}-py3-none-any.whl"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install"]
    subprocess.run(
        [*pip, "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", str(file)],
        check=True,
        timeout=120,
    )
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    said = subprocess.run([str(python), "-c", where], capture_output=True, text=True, check=True)
    dependencies = sysconfig.get_path("purelib")
    (Path(said.stdout.strip()) / "dependencies.pth").write_text(f"{dependencies}\n")
    return scripts / "foreframe"


def _package_of(script: Path) -> Path:
    """Return where the package lies that a script runs."""
    code = "import importlib.util as i; print(i.find_spec('foreframe').origin)"
    command = [str(script.with_name("python")), "-I", "-c", code]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    return Path(said.stdout.strip())


_FIRST_MINUTE = """
from foreframe.cli import main
for words in (
    "data make push data --trajectories 3 --length 12 --futures 0 --workers 1",
    "train push-tiny --data data --out run --training.steps 2 --training.batch 2 --clip.horizon 4",
):
    main(words.split())
"""


def test_the_first_minute_is_run_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    assert _package_of(installed).is_relative_to(installed.parents[1])
    python = str(installed.with_name("python"))
    script, minute = [str(installed)], [python, "-I", "-c", _FIRST_MINUTE]
    commands = ([*script, "--help"], [*script, "info"], minute)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    said = []
    for command in commands:
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
    assert "data make" in said[0]
    assert __version__ in said[1]
    assert "3 episodes" in said[2]
    assert (tmp_path / "run" / "model.safetensors").is_file()


def test_a_plain_install_needs_no_physics(built: Path) -> None:
    with zipfile.ZipFile(built / f"foreframe-{__version__}-py3-none-any.whl") as archive:
        metadata = archive.read(f"foreframe-{__version__}.dist-info/METADATA").decode()
    needs = [line for line in metadata.splitlines() if line.startswith("Requires-Dist: mujoco")]
    assert needs
    assert all("extra ==" in line for line in needs)


def test_the_wheels_metadata_point_to_the_project(built: Path) -> None:
    with zipfile.ZipFile(built / f"foreframe-{__version__}-py3-none-any.whl") as archive:
        metadata = archive.read(f"foreframe-{__version__}.dist-info/METADATA").decode()
    assert "https://github.com/foreframe/foreframe" in metadata
    assert "License-Expression: MIT" in metadata
    assert "Requires-Python: >=3.11" in metadata
