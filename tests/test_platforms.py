"""Other systems, as far as Linux can play them: what they lack is not missed.

Neither macOS nor Windows was at hand. What they lack is taken away from Python, in this process and
in the workers that it spawns.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

import foreframe
from foreframe.errors import InputError
from foreframe.runtime import systems, unfinished
from foreframe.runtime.files import atomic_folder, atomic_write
from foreframe.runtime.locks import LOCK, lock_folder

SOURCES = Path(__file__).resolve().parents[1] / "src"

# Runs before anything else in each Python that finds it on its path.
_WITHOUT_POSIX = """
import importlib.abc, multiprocessing.util, os, signal, subprocess, sys  # these keep what they need

class Blocker(importlib.abc.MetaPathFinder):
    gone = {"fcntl", "resource", "termios", "tty", "pty", "pwd", "grp", "syslog", "crypt"}

    def find_spec(self, name, path=None, target=None):
        if name in self.gone:
            raise ModuleNotFoundError(f"no module named {name!r} on this system", name=name)

sys.meta_path.insert(0, Blocker())
for name in Blocker.gone:
    sys.modules.pop(name, None)
for name in ("fork", "forkpty", "nice", "getuid", "geteuid", "getgid", "setsid", "getpgid",
             "killpg", "sched_getaffinity", "O_DIRECTORY", "statvfs", "fchmod", "chown", "mkfifo"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGPIPE", "SIGQUIT", "SIGKILL", "alarm",
             "setitimer", "pause", "siginterrupt"):
    if hasattr(signal, name):
        delattr(signal, name)
"""


def python(tmp_path: Path, code: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run code in a Python without what only POSIX has."""
    (tmp_path / "sitecustomize.py").write_text(_WITHOUT_POSIX)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(SOURCES)]),
        "PYTHONWARNINGS": "",
        "OMP_NUM_THREADS": "1",
        **more,
    }
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


_FIRST_STEPS = """
import importlib, pkgutil, sys
import foreframe
from foreframe.cli import main

def run(*words):
    try:
        main(words)
    except SystemExit as end:
        if end.code:
            raise

if __name__ == "__main__":
    sys.meta_path[0].gone.add("mujoco")
    names = [m.name for m in pkgutil.walk_packages(foreframe.__path__, "foreframe.")]
    for name in names:
        if name not in ("foreframe.env", "foreframe.__main__"):
            importlib.import_module(name)
    print(len(names), "modules")
    sys.meta_path[0].gone.remove("mujoco")
    run("data", "make", "push", "data", "--trajectories", "3", "--workers", "2", "--futures", "0",
        "--length", "12")
    run("train", "push-tiny", "--data", "data", "--out", "run", "--training.steps", "2",
        "--training.batch", "2", "--clip.horizon", "4", "--training.validate_every", "2")
"""


@pytest.mark.slow
def test_data_are_made_by_spawned_workers_and_trained_on(tmp_path: Path) -> None:
    """Every module is imported first, without MuJoCo, which the last steps then need."""
    (tmp_path / "steps.py").write_text(_FIRST_STEPS)
    done = python(tmp_path, "import runpy; runpy.run_path('steps.py', run_name='__main__')")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split(" modules")[0]) > 250
    assert "going on: make sure that no other process" in done.stderr  # there are no locks here
    assert (tmp_path / "data" / "manifest.json").is_file()
    assert (tmp_path / "run" / "model.safetensors").is_file()
    assert not list(tmp_path.glob("*.partial"))


def test_text_is_utf8_whatever_the_locale(tmp_path: Path) -> None:
    code = """
import warnings
from foreframe.runtime.files import atomic_write, read_json
from foreframe.runtime.locks import lock_folder
from pathlib import Path
warnings.simplefilter("error", EncodingWarning)
atomic_write(Path("a.json"), '{"name": "\\u00e9t\\u00e9"}')
assert read_json(Path("a.json"), "a test")["name"] == "\\u00e9t\\u00e9"
with lock_folder(Path("folder"), "test"):
    pass
"""
    done = python(tmp_path, code, PYTHONWARNDEFAULTENCODING="1", LC_ALL="C", PYTHONUTF8="0")
    assert done.returncode == 0, done.stderr


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Locks as Windows has them; the descriptors that are locked."""
    held: dict[int, int] = {}  # a file's number to the descriptor that locked it
    log: list[int] = []

    def locking(descriptor: int, mode: int, count: int) -> None:
        assert (mode, count) == (2, 1)
        assert os.lseek(descriptor, 0, os.SEEK_CUR) > 10_000, "the text would be locked"
        place = os.fstat(descriptor).st_ino
        if held.get(place, descriptor) != descriptor and _is_open(held[place]):
            raise OSError(errno.EACCES, "Permission denied")
        held[place] = descriptor
        log.append(descriptor)

    msvcrt = types.ModuleType("msvcrt")
    msvcrt.__dict__.update(locking=locking, LK_NBLCK=2)
    monkeypatch.setitem(sys.modules, "msvcrt", msvcrt)
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setattr(systems, "WINDOWS", True)
    monkeypatch.setattr(unfinished, "WINDOWS", True)
    return log


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def test_a_folder_is_locked_as_on_windows(windows: list[int], tmp_path: Path) -> None:
    with lock_folder(tmp_path, "run"):
        with (
            pytest.raises(InputError, match=f"in use by process {os.getpid()}"),
            lock_folder(tmp_path, "run"),
        ):
            pass
        assert len(windows) == 1
    with lock_folder(tmp_path, "run"):
        assert len(windows) == 2


def test_nothing_is_left_beside_a_lock_that_cannot_be_removed(
    windows: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows removes no file that is open, so the lock goes when it is closed."""
    unlink = Path.unlink

    def while_closed(path: Path, missing_ok: bool = False) -> None:
        if path.name == LOCK and any(_is_open(n) and _is_lock(n, path) for n in windows):
            raise PermissionError(errno.EACCES, "it is open", str(path))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", while_closed)
    with unfinished.unfinished(tmp_path / "out", "store") as making:
        making.claim({"what": "a test"})
        (making.folder / "a").write_bytes(b"a")
        (tmp_path / "out").mkdir()  # an empty folder may stand there
        making.finish()
    assert os.listdir(tmp_path) == ["out"]
    assert os.listdir(tmp_path / "out") == ["a"]


def _is_lock(descriptor: int, path: Path) -> bool:
    return path.exists() and os.path.samestat(os.fstat(descriptor), path.stat())


def test_a_file_that_is_open_elsewhere_is_replaced_a_moment_later(
    windows: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, refused = os.replace, []

    def busy(old: Any, new: Any) -> None:
        if len(refused) < 2:
            refused.append(new)
            raise PermissionError(errno.EACCES, "in use")
        replace(old, new)

    monkeypatch.setattr(os, "replace", busy)
    monkeypatch.setattr(systems, "_PAUSE_S", 0)
    atomic_write(tmp_path / "a.json", "{}")
    with atomic_folder(tmp_path / "folder") as folder:
        (folder / "b").write_bytes(b"b")
    assert (len(refused), (tmp_path / "a.json").read_text()) == (2, "{}")
    assert (tmp_path / "folder" / "b").is_file()


def test_a_process_is_looked_for_without_a_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signal 0 is Ctrl-C on Windows."""
    import ctypes

    class Kernel:
        def OpenProcess(self, access: int, inherit: bool, process: int) -> int:  # noqa: N802
            return process if process in (1, 2) else 0

        def GetLastError(self) -> int:  # noqa: N802
            return 87

        def GetExitCodeProcess(self, handle: int, status: Any) -> None:  # noqa: N802
            status._obj.value = 259 if handle == 1 else 0

        def CloseHandle(self, handle: int) -> None:  # noqa: N802
            pass

    kernels = types.SimpleNamespace(kernel32=Kernel())
    monkeypatch.setattr(ctypes, "windll", kernels, raising=False)
    monkeypatch.setattr(systems, "WINDOWS", True)
    monkeypatch.setattr(os, "kill", lambda *args: pytest.fail("a signal was sent"))
    assert [systems.is_running(n) for n in (1, 2, 3)] == [True, False, False]


def test_macos_spawns_its_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert systems.may_fork()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not systems.may_fork()
    assert signal.SIGTERM  # what workers are ended with, on every system


def test_the_worlds_name_their_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A plain install has no MuJoCo; what tells how a model of a world is driven needs none."""
    monkeypatch.setitem(sys.modules, "mujoco", None)
    for act in (foreframe.data.make, lambda world, out: foreframe.demo(out)):
        with pytest.raises(InputError, match=r"install it with: pip install 'foreframe\[worlds\]'"):
            act("push", tmp_path / "out")
    assert foreframe.data.worlds.world_module("dance").STEERING["joints"]
    assert not (tmp_path / "out").exists()
