"""Damage, drawn with a seed, and what the readers make of it: a clean error, or a store that is not
silently wrong.

Each case runs in a process of its own with a bound on memory and time: a crash, a hang or a hunger
is a finding like a traceback.
"""

from __future__ import annotations

import json
import multiprocessing
import re
import resource
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_SECONDS, _BYTES = 60, 6 << 30
_TEXT = (".json", ".jsonl", ".csv", ".catalog", ".yaml")
_CHECKED = (".png", ".npz")  # formats whose checksums reveal any damage to what they hold
_WILD = (
    "-1",
    "0",
    "1e308",
    "99999999999999999999",
    "null",
    "true",
    '"x"',
    "[]",
    "{}",
    "NaN",
    "../../etc/passwd",
)


@dataclass(frozen=True)
class Outcome:
    """What became of case `number`.

    `ok`, `changed` (read, but not as written), `error` (a clean one), or a finding.
    """

    number: int
    file: str
    damage: str
    kind: str
    said: str = ""

    @property
    def is_finding(self) -> bool:
        name = Path(self.file).name
        silent = self.kind == "changed" and (name.endswith(_CHECKED) or "tfrecord" in name)
        return self.kind in ("traceback", "crash", "timeout") or silent


def damaged(content: bytes, rng: np.random.Generator, is_text: bool) -> tuple[bytes, str]:
    """The content with one piece of damage, and its name."""
    kinds: list[Callable[[bytes, np.random.Generator], bytes]] = [
        _truncate,
        _flip,
        _zero,
        _noise,
        _drop,
    ]
    if is_text:
        kinds += [_missing_line, _doubled_line, _lying_number, _lying_number, _lying_key]
    chosen = kinds[int(rng.integers(len(kinds)))]
    return chosen(content, rng), chosen.__name__.strip("_").replace("_", " ")


def _truncate(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: int(rng.integers(len(content) + 1))]


def _flip(content: bytes, rng: np.random.Generator) -> bytes:
    out = bytearray(content)
    for place in rng.integers(len(out), size=int(rng.integers(1, 4))):
        out[place] ^= 1 << int(rng.integers(8))
    return bytes(out)


def _block(content: bytes, rng: np.random.Generator) -> slice:
    first = int(rng.integers(len(content)))
    return slice(first, first + int(rng.integers(1, 513)))


def _zero(content: bytes, rng: np.random.Generator) -> bytes:
    out, block = bytearray(content), _block(content, rng)
    out[block] = bytes(len(out[block]))
    return bytes(out)


def _noise(content: bytes, rng: np.random.Generator) -> bytes:
    out, block = bytearray(content), _block(content, rng)
    out[block] = rng.bytes(len(out[block]))
    return bytes(out)


def _drop(content: bytes, rng: np.random.Generator) -> bytes:
    block = _block(content, rng)
    return content[: block.start] + content[block.stop :]


def _missing_line(content: bytes, rng: np.random.Generator) -> bytes:
    lines = content.splitlines(keepends=True)
    del lines[int(rng.integers(len(lines)))]
    return b"".join(lines)


def _doubled_line(content: bytes, rng: np.random.Generator) -> bytes:
    lines = content.splitlines(keepends=True)
    place = int(rng.integers(len(lines)))
    return b"".join([*lines[:place], lines[place], *lines[place:]])


def _lying_number(content: bytes, rng: np.random.Generator) -> bytes:
    numbers = list(re.finditer(rb"-?\d+(\.\d+)?", content))
    if not numbers:
        return _flip(content, rng)
    place = numbers[int(rng.integers(len(numbers)))]
    wild = _WILD[int(rng.integers(len(_WILD)))].encode()
    return content[: place.start()] + wild + content[place.end() :]


def _lying_key(content: bytes, rng: np.random.Generator) -> bytes:
    words = list(re.finditer(rb'"[^"]+"', content))
    if not words:
        return _flip(content, rng)
    place = words[int(rng.integers(len(words)))]
    wild = _WILD[int(rng.integers(len(_WILD)))].encode()
    return content[: place.start()] + wild + content[place.end() :]


def cases(
    source: Path, read: Callable[[Path, Path], str], count: int, seed: int
) -> Iterator[Outcome]:
    """Damage one file of `source` after the other, and read it.

    `read(source, scratch)` reads everything and returns a digest of it; anything but an InputError
    is a finding.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "src"
        copied = _copy(source, place)
        files = sorted(
            p for p in ([copied] if copied.is_file() else copied.rglob("*")) if p.is_file()
        )
        whole = _in_process(read, copied, Path(folder) / "whole")
        assert whole[0] == "ok", whole
        for number in range(count):
            rng = np.random.default_rng((seed, number))
            file = files[int(rng.integers(len(files)))]
            content = file.read_bytes()
            spoilt, damage = damaged(content, rng, file.suffix in _TEXT)
            file.write_bytes(spoilt)
            scratch = Path(folder) / "scratch"
            kind, said = _in_process(read, copied, scratch)
            shutil.rmtree(scratch, ignore_errors=True)
            file.write_bytes(content)
            if kind == "ok" and said != whole[1]:
                kind = "changed"
            yield Outcome(number, str(file.relative_to(Path(folder))), damage, kind, said)


def _copy(source: Path, place: Path) -> Path:
    if source.is_dir():
        shutil.copytree(source, place)
        return place
    place.mkdir()
    return Path(shutil.copy(source, place))


def _in_process(read: Callable[[Path, Path], str], source: Path, scratch: Path) -> tuple[str, str]:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_case, args=(theirs, read, source, scratch), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(_SECONDS):
            return "timeout", f"no answer after {_SECONDS} s"
        found: tuple[str, str] = ours.recv()
        return found
    except EOFError:
        process.join()
        return "crash", f"exit status {process.exitcode}"
    finally:
        process.kill()
        process.join()


def _case(pipe: Any, read: Callable[[Path, Path], str], source: Path, scratch: Path) -> None:
    import contextlib
    import io
    import os

    from foreframe.errors import InputError

    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + _BYTES, resource.RLIM_INFINITY))
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)  # libraries write what they think of the file
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            answer = ("ok", read(source, scratch))
    except InputError as error:
        answer = ("error", str(error))
    except BaseException:
        answer = ("traceback", traceback.format_exc())
    pipe.send(answer)
    pipe.close()


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def tally(outcomes: list[Outcome]) -> str:
    kinds = [o.kind for o in outcomes]
    return json.dumps({kind: kinds.count(kind) for kind in sorted(set(kinds))})


def fuzzed(count: int, seed: int = 1) -> dict[str, Any]:
    """Figures over every importer and the store, as many cases for each."""
    from conftest import squares_store
    from small_recordings import WRITERS

    readers: dict[str, Callable[[Path, Path], str]] = {
        name: importing(name) for name in WRITERS
    } | {"store": read_store}
    figures: dict[str, Any] = {"cases": 0, "findings": []}
    for name, read in readers.items():
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            source = (
                squares_store(root / "src", 6).path
                if name == "store"
                else WRITERS[name](root / "src")
            )
            outcomes = list(cases(source, read, count // len(readers) + 1, seed))
        figures["cases"] += len(outcomes)
        figures[name] = tally(outcomes)
        figures["findings"] += [f"{name}: {o}" for o in outcomes if o.is_finding]
    return figures


def unusual(count: int, seed: int = 1) -> dict[str, Any]:
    """Figures over recordings that are valid but unusual, as many of each kind."""
    import contextlib
    import io

    from unusual import KINDS, outcome

    figures: dict[str, Any] = {"cases": 0, "findings": []}
    for name in KINDS:
        kinds = []
        for number in range(count // len(KINDS) + 1):
            try:
                with contextlib.redirect_stderr(io.StringIO()):
                    kind, said = outcome(name, seed * 1_000_000 + number)
            except Exception:
                kind, said = "traceback", traceback.format_exc()
            kinds.append(kind)
            if kind not in ("ok", "refused"):
                figures["findings"].append(f"{name}, case {number}: {kind}: {said}")
        figures["cases"] += len(kinds)
        figures[name] = json.dumps({kind: kinds.count(kind) for kind in sorted(set(kinds))})
    return figures


def importing(name: str) -> Callable[[Path, Path], str]:
    import foreframe

    def read(source: Path, scratch: Path) -> str:
        return foreframe.data.import_recordings(source, scratch, format=name, workers=1).content

    return read


def read_store(source: Path, scratch: Path) -> str:
    """Everything that is read of a store, with a digest of it."""
    import foreframe

    store = foreframe.data.ClipStore(source)
    found = foreframe.data.validate(source)
    foreframe.data.inspect(source)
    foreframe.data.Windows(store, "train", 6, ("action", "state")).clips([0])
    return f"{found['content']} {found['damaged']}"


if __name__ == "__main__":
    import argparse

    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--unusual", action="store_true", help="valid recordings, not damaged ones")
    given = parser.parse_args()
    print(json.dumps((unusual if given.unusual else fuzzed)(given.count)))
