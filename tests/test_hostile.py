"""Nothing that is loaded runs code, leaves its folder, or takes memory without end."""

from __future__ import annotations

import ast
import io
import json
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

import foreframe
from conftest import squares_store
from foreframe import models
from foreframe.data.store import MANIFEST, ClipStore
from foreframe.errors import InputError
from foreframe.plugins import FORMATS
from foreframe.runtime.digests import with_digest, write_json_with_digest
from foreframe.training import resolve

SOURCE = Path(foreframe.__file__).parent
FORBIDDEN = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_ATTRIBUTES = {
    ("torch", "load"),
    ("yaml", "load"),
    ("yaml", "unsafe_load"),
    ("yaml", "full_load"),
    ("os", "system"),
}
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle"}
# Modules that are imported by name: each name is checked against the files of a folder of this
# package first.
BY_NAME = {"__init__.py", "cli/options.py", "plugins.py", "planning/goals.py"}


def calls() -> Iterator[tuple[str, ast.AST]]:
    for file in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            yield str(file.relative_to(SOURCE)), node


def _tensors_alone(owner: str, call: ast.Call) -> bool:
    """Whether it is a `torch.load` that builds tensors and nothing else, by a literal True."""
    words = {word.arg: word.value for word in call.keywords}
    only = words.get("weights_only")
    return owner == "torch" and isinstance(only, ast.Constant) and only.value is True


def test_no_call_in_the_source_can_run_what_it_reads() -> None:
    found = []
    for file, node in calls():
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", "") or ""]
            found += [
                f"{file}: {name}" for name in names if name.split(".")[0] in FORBIDDEN_MODULES
            ]
        if isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Name) and function.id in FORBIDDEN:
                found.append(f"{file}:{node.lineno}: {function.id}")
            if isinstance(function, ast.Attribute):
                owner = function.value.id if isinstance(function.value, ast.Name) else ""
                forbidden = (owner, function.attr) in FORBIDDEN_ATTRIBUTES
                if forbidden and not _tensors_alone(owner, node):
                    found.append(f"{file}:{node.lineno}: {owner}.{function.attr}")
                if function.attr == "import_module" and file not in BY_NAME:
                    found.append(f"{file}:{node.lineno}: import by name")
            found += [
                f"{file}:{node.lineno}: allow_pickle"
                for word in node.keywords
                if word.arg == "allow_pickle" and getattr(word.value, "value", True) is not False
            ]
            if isinstance(function, ast.Attribute) and function.attr == "load":
                owner = function.value.id if isinstance(function.value, ast.Name) else ""
                if owner == "np" and "allow_pickle" not in {word.arg for word in node.keywords}:
                    found.append(f"{file}:{node.lineno}: np.load without allow_pickle=False")
    assert not found


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "../evil",
        "svg;import os",
        "__init__",
        "models.svg",
        "",
        "a" * 10_000,
        "svg\x00",
    ],
)
def test_names_choose_from_what_is_installed(name: str) -> None:
    for lookup in (models.model_class, FORMATS.module, foreframe.data.worlds.world_module):
        with pytest.raises(InputError, match="unknown"):
            lookup(name)
    with pytest.raises(InputError, match="unknown recipe"):
        resolve(name)


def forged(run: Path, out: Path, **changes: Any) -> Path:
    """A model whose description is another, with a seal that is right."""
    described = models.describe(run) | changes
    out.mkdir()
    save_file(
        load_file(run / "model.safetensors"),
        out / "model.safetensors",
        {"config": json.dumps(with_digest(described))},
    )
    return out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "os"}, "unknown model 'os'"),
        ({"options": {"code": 10**9}}, "is of another model"),
        ({"options": {"width": 10**9, "code": 10**9}}, "is of another model|cannot be built"),
        ({"options": {"channels": "rm -rf"}}, "cannot be built|unknown|another model"),
        ({"options": {"__class__": "os.system"}}, "unknown option"),
        (
            {"spec": {"frame": [3, 10**9, 10**9], "condition": [2]}},
            "is of another model|cannot be built",
        ),
        ({"spec": {"frame": "x", "condition": None}}, "cannot be built .*: frame is 'x'"),
        ({"spec": []}, "cannot be built"),
        ({"schema": "foreframe.model/9"}, "has schema 'foreframe.model/9'"),
        ({"tensors": "0"}, "digest of its tensors differs"),
    ],
)
def test_forged_models_are_refused(
    run: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        models.load(forged(run, tmp_path / "forged", **changes))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        # a pickle
        b"\x80\x04\x95(\x00\x00\x00\x00\x00\x00\x00"
        b"\x8c\x05posix\x8c\x06system\x93\x8c\x08touch /t\x85R.",
        struct.pack("<Q", 1 << 60) + b"{}",
        struct.pack("<Q", 8) + b"[[[[[[[[",
        struct.pack("<Q", 60)
        + b'{"a":{"dtype":"F32","shape":[99999999],"data_offsets":[0,4]}}'[:60],
        b"PK\x03\x04" + bytes(100),
    ],
    ids=["empty", "pickle", "giant header", "nested header", "lying shape", "archive"],
)
def test_files_that_are_no_weights_are_refused(content: bytes, run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(InputError):
        models.load(folder)


@pytest.mark.parametrize("name", ["../../escape", "/etc/passwd", "a/b", "..", ""])
def test_columns_cannot_leave_their_folder(name: str, tmp_path: Path) -> None:
    store = squares_store(tmp_path / "s", 3)
    manifest = {
        k: v for k, v in json.loads((store.path / MANIFEST).read_text()).items() if k != "digest"
    }
    manifest["columns"][name] = manifest["columns"]["action"]
    write_json_with_digest(store.path / MANIFEST, manifest)
    with pytest.raises(InputError, match="lacks or garbles"):
        ClipStore(store.path)


def bomb(shape: tuple[int, ...]) -> bytes:
    """An archive of a few kilobytes that says it holds an array of this shape."""
    content, header = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": shape}
    )
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("image.npy", header.getvalue() + bytes(1 << 20))
    return content.getvalue()


@pytest.mark.parametrize(
    "kind", ["array bomb", "object array", "picture bomb", "link out", "pickle in a name"]
)
def test_hostile_recordings_are_refused(kind: str, tmp_path: Path) -> None:
    source = tmp_path / "src"
    source.mkdir()
    if kind == "array bomb":
        (source / "a.npz").write_bytes(bomb((10**6, 10**6)))
    elif kind == "object array":
        np.savez(source / "a.npz", image=np.array([{"x": 1}], dtype=object))
    elif kind == "picture bomb":
        header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
        chunk = (
            struct.pack(">I", 13)
            + b"IHDR"
            + header
            + struct.pack(">I", __import__("zlib").crc32(b"IHDR" + header))
        )
        (source / "0.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk)
        (source / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk)
    elif kind == "link out":
        (source / "0.png").symlink_to("/etc/passwd")
        (source / "1.png").symlink_to("/etc/passwd")
    else:
        np.savez(
            source / "a.npz", **{"image": np.zeros((2, 8, 8, 3)), "../../action": np.zeros((2, 2))}
        )
        with pytest.raises(InputError, match="unknown --actions"):
            foreframe.data.import_recordings(
                source, tmp_path / "out", actions=("action",), workers=1
            )
        return
    with pytest.raises(InputError):
        foreframe.data.import_recordings(source, tmp_path / "out", workers=1)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["src"]


def test_a_config_cannot_build_objects(tmp_path: Path) -> None:
    for text in (
        "!!python/object/apply:os.system ['touch pwned']",
        "training: !!python/name:os.system",
        "a: &a [*a, *a]",
        "\x00",
    ):
        (tmp_path / "c.yaml").write_text(text)
        with pytest.raises(InputError):
            resolve("push-tiny", tmp_path / "c.yaml")
    assert not Path("pwned").exists()
