"""onnxruntime-web, the runtime of the page: fetched from npm once, checked, and kept in a cache.

It is never part of the package.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import os
import tarfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import ForeframeError, InputError
from ..runtime.files import atomic_folder, atomic_write, is_inside

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
INTEGRITY = (
    "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZ"
    "ClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
)
_REGISTRY = "https://registry.npmjs.org"
_MOST_BYTES = 64 << 20
_TIMEOUT_S = 60.0

GLUE, LOADER, BINARY = "ort.js", "ort-wasm.js", "ort.wasm.gz"
NOTICE = "LICENSE.txt"
RUNTIME_FILES = (GLUE, LOADER, BINARY, NOTICE)
_BINARY_IN_PACKAGE = "ort-wasm-simd-threaded.wasm"
_IN_PACKAGE = {GLUE: "ort.wasm.min.mjs", LOADER: "ort-wasm-simd-threaded.mjs"}
_NOTICE_TEXT = f"""\
{GLUE}, {LOADER} and {BINARY} are onnxruntime-web {VERSION}, unchanged but for their names and the
compression of the last. https://github.com/microsoft/onnxruntime

MIT License. Copyright (c) Microsoft Corporation.

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial
portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES
OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


@dataclass(frozen=True)
class Runtime:
    """The files of a runtime by the name that the page has for them."""

    files: Mapping[str, bytes]

    def write(self, folder: Path) -> None:
        """Write the files into a folder."""
        for name in RUNTIME_FILES:
            atomic_write(folder / name, self.files[name])


def runtime_of(folder: Path) -> Runtime:
    """Return the runtime in an unpacked npm package, or in its folder `dist`.

    Raises:
        InputError: a file is missing.
    """
    place = folder / "dist" if (folder / "dist").is_dir() else folder
    found = {}
    for name in (*_IN_PACKAGE.values(), _BINARY_IN_PACKAGE):
        if not is_inside(place / name, place):
            raise InputError(
                f"{folder} has no {name}; expected the unpacked npm package {PACKAGE} {VERSION}: "
                f"npm pack {PACKAGE}@{VERSION}"
            )
        found[name] = (place / name).read_bytes()
    return _runtime(found)


def fetched_runtime(cache: Path | None = None) -> Runtime:
    """Return the runtime from the cache; it is fetched from the npm registry first if need be.

    Args:
        cache: the folder of the cache; by default the user's.

    Raises:
        ForeframeError: it cannot be fetched, or is not what was published under this version.
    """
    kept = (_user_cache() if cache is None else cache) / f"{PACKAGE}-{VERSION}"
    if not kept.is_dir():
        made = _runtime(_unpacked(_checked(_download())))
        with atomic_folder(kept) as folder:
            made.write(folder)
    lacking = [name for name in RUNTIME_FILES if not is_inside(kept / name, kept)]
    if lacking:
        raise InputError(f"{kept} lacks {lacking[0]}; remove the folder, and it is fetched again")
    return Runtime({name: (kept / name).read_bytes() for name in RUNTIME_FILES})


def _user_cache() -> Path:
    """Return the folder for what can be fetched again: $XDG_CACHE_HOME/foreframe."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(given) if given else Path.home() / ".cache") / "foreframe"


def _runtime(found: Mapping[str, bytes]) -> Runtime:
    files = {name: found[inside] for name, inside in _IN_PACKAGE.items()}
    files[BINARY] = gzip.compress(found[_BINARY_IN_PACKAGE], 9, mtime=0)
    files[NOTICE] = _NOTICE_TEXT.encode()
    return Runtime(files)


def _download() -> bytes:
    """Return the archive of the package, from the registry that npm is configured with."""
    registry = os.environ.get("npm_config_registry", _REGISTRY).rstrip("/")  # noqa: SIM112 - npm spells it so
    address = f"{registry}/{PACKAGE}/-/{PACKAGE}-{VERSION}.tgz"
    if not address.startswith(("https://", "http://")):
        raise InputError(f"npm_config_registry is {registry}; expected an address of a registry")
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as answer:
            found: bytes = answer.read(_MOST_BYTES + 1)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise ForeframeError(
            f"{address} cannot be fetched ({error}); expected the runtime of the page: try again, "
            f"or give a folder with --runtime (npm pack {PACKAGE}@{VERSION}, unpacked)"
        ) from None
    return found


def _checked(archive: bytes) -> bytes:
    """Check an archive against the hash that its version was published with."""
    got = "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()
    if got != INTEGRITY:
        raise ForeframeError(
            f"the archive of {PACKAGE} {VERSION} has the hash {got}; expected {INTEGRITY}: "
            "it is not what was published, or was cut off; try again"
        )
    return archive


def _unpacked(archive: bytes) -> dict[str, bytes]:
    """Return the files that are needed from an archive; nothing else of it is read."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as opened:
        for name in (*_IN_PACKAGE.values(), _BINARY_IN_PACKAGE):
            file = opened.extractfile(f"package/dist/{name}")
            if file is None:
                raise ForeframeError(f"{PACKAGE} {VERSION} has no file {name}")
            found[name] = file.read()
    return found
