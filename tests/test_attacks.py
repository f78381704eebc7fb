"""Attacks on every door: files that say one thing and are another, small ones that stand for much,
pipes and devices, names that no store can hold.

Each costs one line, and nothing outside is read, run or waited for.
"""

from __future__ import annotations

import io
import json
import os
import socket
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import foreframe
import small_recordings as small
from conftest import squares_store
from foreframe.data.formats import _videos
from foreframe.data.formats._unpacked import unpacks_within
from foreframe.data.store import ClipStore
from foreframe.errors import InputError
from foreframe.evaluation.external.exported_clips import read_exported
from foreframe.evaluation.external.files import open_stored
from foreframe.runtime.yaml_text import parse_yaml
from foreframe.serve.watching import Watching
from foreframe.training import resolve

FRAMES = np.random.default_rng(0).integers(0, 255, (6, 16, 16, 3), dtype=np.uint8)
MEGABYTE = bytes(1 << 20)


def imported(source: Path, **options: Any) -> ClipStore:
    out = source.with_name(f"{source.name}-out")
    return foreframe.data.import_recordings(source, out, workers=1, **options)


def refused(source: Path, message: str, **options: Any) -> None:
    with pytest.raises(InputError, match=message) as caught:
        imported(source, **options)
    assert "\n" not in str(caught.value)


def episode(folder: Path, name: str = "a.npz") -> Path:
    folder.mkdir(exist_ok=True)
    np.savez(folder / name, image=FRAMES, action=np.ones((6, 2), np.float32))
    return folder


def pictures(folder: Path) -> Path:
    folder.mkdir()
    for number, frame in enumerate(FRAMES):
        (folder / f"{number}.png").write_bytes(small.coded(frame, "PNG"))
    return folder


def deflated(megabytes: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(MEGABYTE) for _ in range(megabytes)) + packer.flush()


# What is no file


def fifo(path: Path) -> None:
    os.mkfifo(path)


def fifo_behind_a_link(path: Path) -> None:
    fifo(path.parent.parent / "elsewhere")
    path.symlink_to(path.parent.parent / "elsewhere")


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def unix_socket(path: Path) -> None:
    before = Path.cwd()
    os.chdir(path.parent)  # the name of a socket may be short only
    try:
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind(path.name)
    finally:
        os.chdir(before)


@pytest.mark.parametrize("make", [fifo, fifo_behind_a_link, device, unix_socket])
@pytest.mark.parametrize("place", ["b.npz", "catalog_0.catalog", ".zattrs", "log.csv"])
def test_what_is_no_file_is_not_waited_for(
    make: Callable[[Path], None], place: str, tmp_path: Path
) -> None:
    source = episode(tmp_path / "src")
    make(source / place)
    refused(source, "is a pipe, a device or a socket")


@pytest.mark.parametrize("name", ["x.npz", "x.hdf5", "x.mp4", "x.zarr.zip", "x.png"])
def test_a_pipe_is_no_source(name: str, tmp_path: Path) -> None:
    fifo(tmp_path / name)
    refused(tmp_path / name, "is a pipe, a device or a socket")


@pytest.mark.parametrize("name", ["p.npz", "p.npy"])
def test_a_pipe_is_no_prediction(name: str, tmp_path: Path) -> None:
    fifo(tmp_path / name)
    with pytest.raises(InputError, match="no regular file"):
        open_stored(tmp_path / name)
    with pytest.raises(InputError, match="no regular file"):
        read_exported(tmp_path / name)


# Names


@pytest.mark.parametrize("name", [b"ep\xff.npz", b"\xc3\x28.npz"])
def test_names_that_are_not_utf_8_are_refused(name: bytes, tmp_path: Path) -> None:
    refused(episode(tmp_path / "src", os.fsdecode(name)), "name that is not UTF-8")
    folder = tmp_path / os.fsdecode(name[:-4])
    refused(episode(folder), "name that is not UTF-8")


def test_a_column_may_be_called_anything(tmp_path: Path) -> None:
    source = pictures(tmp_path / "src")
    rows = ", ".join(["[1, 2]"] * 6)
    (source / "log.json").write_text(f'{{"action_\\ud800": [{rows}]}}')
    store = imported(source)
    assert ClipStore(store.path).content == store.content


# Files that are something else


def test_a_picture_that_would_run_a_program_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow goes by the content, and asks Ghostscript to run PostScript."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "gs").write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    (programs / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    source = pictures(tmp_path / "src")
    for file in source.iterdir():
        file.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 16 16\n%%EndComments\n")
    refused(source, "cannot be read as a picture")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile secret.dat\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nsecret.dat\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n",
        "v=0\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    ],
    ids=["concat", "HLS", "HLS over a network", "SDP"],
)
def test_a_playlist_is_no_video(text: str, tmp_path: Path) -> None:
    """FFmpeg goes by the content, and would read what a playlist names."""
    source = tmp_path / "src"
    small.write_video(source / "secret.mp4", small.frames_of(0))
    (source / "secret.mp4").rename(source / "secret.dat")
    (source / "v.mp4").write_text(text)
    refused(source, "cannot be decoded")


# Bombs


def gif(width: int, frames: list[int], inner: int = 1) -> bytes:
    """A GIF of frames that stand so many hundredths of a second each."""
    content = b"GIF89a" + struct.pack("<HH", width, width) + b"\x80\x00\x00" + bytes(6)
    for stands in frames:
        content += b"\x21\xf9\x04\x04" + struct.pack("<H", stands) + b"\x00\x00"
        content += b"\x2c" + struct.pack("<HHHH", 0, 0, inner, inner) + b"\x00\x02\x02\x44\x01\x00"
    return content + b";"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gif(8000, [1] * 1000), "expected at most .* pixels in all"),
        (gif(16, [1] + [65535] * 1000), "as 65535001 pictures of 10 ms"),
        (gif(16, [1, 1], inner=60000), "no camera's picture"),
        (gif(16, [1, 1])[:-9], "cut off"),
        (gif(16, [1, 1])[:40] + b"\x77" * 40, "cannot be decoded"),
    ],
    ids=["many frames", "long frames", "a frame beyond the canvas", "cut off", "noise"],
)
def test_a_gif_says_what_it_takes(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.gif").write_bytes(content)
    refused(tmp_path / "src", message)


def test_a_gif_in_a_pictures_clothes_is_not_counted(tmp_path: Path) -> None:
    source = pictures(tmp_path / "src")
    (source / "3.png").write_bytes(gif(8000, [1] * 1000))
    refused(source, "cannot be read as a picture")


def packed_as(codec: str) -> bytes:
    """Megabytes of zeros in few bytes."""
    numcodecs = pytest.importorskip("numcodecs")
    zeros = np.zeros((4 if codec in ("lzma", "bz2") else 20) << 20, np.uint8)
    if codec == "zstd of no length":
        head = b"\x28\xb5\x2f\xfd\x00\x58"
        blocks = [(1 << 20 | 1 << 1 | (n == 159)).to_bytes(3, "little") + b"\0" for n in range(160)]
        return head + b"".join(blocks)
    if codec == "lz4 that lies":
        return struct.pack("<I", 0x7FFFFFF0) + bytes(100)
    return bytes(numcodecs.get_codec({"id": codec.split()[0]}).encode(zeros))


BOMBS = ["gzip", "zlib", "bz2", "lzma", "zstd", "zstd of no length", "blosc", "lz4 that lies"]


@pytest.mark.parametrize("kind", BOMBS)
def test_a_chunk_does_not_unpack_to_more_than_its_array_says(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("zarr")
    source = small.zarr(tmp_path / "src")
    array = source / "data" / "img"
    described = json.loads((array / ".zarray").read_text())
    compressor = {"id": kind.split()[0], **({"level": 1} if kind == "gzip" else {})}
    compressor |= {"cname": "lz4", "clevel": 5, "shuffle": 1} if kind == "blosc" else {}
    (array / ".zarray").write_text(json.dumps({**described, "compressor": compressor}))
    for chunk in (f for f in array.rglob("*") if f.is_file() and not f.name.startswith(".")):
        chunk.write_bytes(packed_as(kind))
    refused(source, "unpacks to more than|cut off or damaged")


@pytest.mark.parametrize("kind", BOMBS)
def test_what_is_as_long_as_it_says_is_read(kind: str) -> None:
    """The negative control of the bombs."""
    packed, codec = packed_as(kind), kind.split()[0]
    assert not unpacks_within(codec, packed, 1 << 20)
    assert unpacks_within(codec, packed, 1 << 31) or codec == "lz4"


def test_chunks_that_are_packed_twice_are_refused(tmp_path: Path) -> None:
    source = small.zarr(tmp_path / "src")
    file = source / "data" / "img" / ".zarray"
    file.write_text(json.dumps({**json.loads(file.read_text()), "filters": [{"id": "zlib"}]}))
    refused(source, "packed by zlib and then")


@pytest.mark.parametrize(
    "changes",
    [{"shape": [float("inf"), 1, 1, 3]}, {"chunks": [-1, 1, 1, 3]}, {"compressor": {"id": ["x"]}}],
)
def test_odd_metadata_of_zarr_cost_one_line(changes: dict[str, Any], tmp_path: Path) -> None:
    source = small.zarr(tmp_path / "src")
    file = source / "data" / "img" / ".zarray"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    refused(source, r"\.zarray|cannot be read")


CAMERA = "data/demo_0/obs/agentview_image"


def hdf5(folder: Path, edit: Callable[[Any], None]) -> Path:
    h5py = pytest.importorskip("h5py")
    file = small.robomimic(folder)
    with h5py.File(file, "a") as root:
        edit(root)
    return file


@pytest.mark.parametrize("twice", [False, True])
def test_a_chunk_of_hdf5_does_not_unpack_to_more_than_it_says(
    twice: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    h5py = pytest.importorskip("h5py")
    monkeypatch.setattr("foreframe.data.formats._hdf5._CAREFUL", 1 << 20)

    def put(root: Any) -> None:
        shape = root[CAMERA].shape
        del root[CAMERA]
        pipeline = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        pipeline.set_chunk(shape)
        for _ in range(2 if twice else 1):
            pipeline.set_deflate(9)
        place, kind = h5py.h5s.create_simple(shape), h5py.h5t.NATIVE_UINT8
        group, name = root["data/demo_0/obs"].id, b"agentview_image"
        made = h5py.h5d.create(group, name, kind, place, pipeline)
        made.write_direct_chunk((0,) * 4, deflated(20))

    file = hdf5(tmp_path / "src", put)
    refused(file, "is packed twice" if twice else "unpacks to more than its")


@pytest.mark.parametrize("kind", ["external link", "soft link", "raw file", "virtual", "regions"])
def test_hdf5_keeps_to_its_file(kind: str, tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    secret = small.robomimic(tmp_path / "secret")

    def put(root: Any) -> None:
        shape = root[CAMERA].shape
        del root[CAMERA]
        if kind == "external link":
            root[CAMERA] = h5py.ExternalLink(str(secret), CAMERA)
        elif kind == "soft link":
            root[CAMERA] = h5py.SoftLink(f"/{CAMERA}")
        elif kind == "raw file":
            root.create_dataset(CAMERA, shape, "u1", external=[(str(secret), 0, 1 << 20)])
        elif kind == "virtual":
            layout = h5py.VirtualLayout(shape, "u1")
            layout[...] = h5py.VirtualSource(str(secret), CAMERA, shape)
            root.create_virtual_dataset(CAMERA, layout)
        else:
            root.create_dataset(CAMERA, shape[:1], h5py.regionref_dtype)

    refused(hdf5(tmp_path / "src", put), "link|other files|cannot be read|expected")


def test_a_value_that_stands_in_every_row_counts_each_time(tmp_path: Path) -> None:
    """A dictionary of parquet holds a picture once, and its rows name it."""
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    from foreframe.data.formats._lerobot_tables import read_parquet
    from foreframe.data.sources.options import SourceOptions

    file = tmp_path / "t.parquet"
    numbers = arrow.array(np.zeros(200, np.int32))
    column = arrow.DictionaryArray.from_arrays(numbers, arrow.array([bytes(1 << 20)]))
    parquet.write_table(
        arrow.table({"a": column}), file, compression="zstd", dictionary_pagesize_limit=1 << 30
    )
    with pytest.raises(InputError, match="say --memory-gb"):
        read_parquet(file, ["a"], options=SourceOptions(memory_gb=0.05))
    assert len(read_parquet(file, ["a"], options=SourceOptions(memory_gb=0.5))) == 200


def npy(header: str, content: bytes = b"") -> bytes:
    text = header.encode("latin1") + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + content


def archive(file: Path, packing: int = zipfile.ZIP_DEFLATED, **members: bytes) -> Path:
    file.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(file, "w", packing) as opened:
        for name, content in members.items():
            opened.writestr(f"{name}.npy", content)
    return file


PLAIN = "{'descr': '|u1', 'fortran_order': False, 'shape': (6, 16, 16, 3)}"


@pytest.mark.parametrize(
    "header",
    [
        "(" * 4000,
        "-" * 9000 + "1",
        "{'descr': '<f8', 'shape': (3L, '''",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (-6, 16, 16, 3)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (0, 10**12, 16, 3)}",
        "{'descr': '|V0', 'fortran_order': False, 'shape': (1000000000, 16, 16, 3)}",
        "{'descr': [('a', '<f4', (100000, 100000))], 'fortran_order': False, 'shape': (6,)}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (6, 16, 16, 3)}",
    ],
)
def test_headers_of_arrays_that_lie_cost_one_line(header: str, tmp_path: Path) -> None:
    refused(archive(tmp_path / "src" / "a.npz", image=npy(header)).parent, "expected")
    (tmp_path / "p.npy").write_bytes(npy(header))
    with pytest.raises(InputError):
        open_stored(tmp_path / "p.npy")


def test_archives_that_are_packed_strangely_cost_one_line(tmp_path: Path) -> None:
    content = npy(PLAIN, FRAMES.tobytes())
    file = archive(tmp_path / "src" / "a.npz", zipfile.ZIP_LZMA, image=content)
    damaged = bytearray(file.read_bytes())
    damaged[60:400] = bytes(340)
    file.write_bytes(damaged)
    refused(file.parent, "cannot be read")
    file = archive(tmp_path / "locked" / "a.npz", image=content)
    locked = bytearray(file.read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.find(mark) + at] |= 1
    file.write_bytes(locked)
    refused(file.parent, "encrypted")
    members = {f"x{number}": npy(PLAIN) for number in range(5000)}
    refused(archive(tmp_path / "many" / "a.npz", **members).parent, "holds 5000 arrays")


def test_predictions_that_do_not_fit_are_not_unpacked(tmp_path: Path) -> None:
    """An npz of kilobytes that says, and holds, gigabytes."""
    shape = "{'descr': '|u1', 'fortran_order': False, 'shape': (1000000, 64, 64, 3)}"
    stored = open_stored(archive(tmp_path / "p.npz", p=npy(shape)))
    assert stored.shape == (1000000, 64, 64, 3)
    values = io.BytesIO()
    np.save(values, FRAMES[None])
    packed = open_stored(archive(tmp_path / "q.npz", p=values.getvalue()))
    np.testing.assert_array_equal(packed.clip(0, 0), FRAMES)


def test_what_an_export_says_of_itself_is_short(tmp_path: Path) -> None:
    about = "{'descr': '<U5000000', 'fortran_order': False, 'shape': (1,)}"
    with pytest.raises(InputError, match="does not say which clips"):
        read_exported(archive(tmp_path / "e.npz", about=npy(about, MEGABYTE * 20)))


def test_merges_in_yaml_count_before_they_are_made(tmp_path: Path) -> None:
    """A merge copies: eleven lines would be a billion pairs."""
    lines = ["a0: &a0 {x0: 1}"]
    for n in range(1, 11):
        lines.append(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}], x{n}: 1}}")
    with pytest.raises(InputError, match="stands for"):
        parse_yaml("\n".join(lines), "it")
    inner = ", ".join(line.split(": ", 1)[1] for line in lines)
    (tmp_path / "c.yaml").write_text(f"model:\n  channels: '[{inner}]'\n")
    with pytest.raises(InputError, match="expected a plain value"):
        resolve("push-tiny", tmp_path / "c.yaml")


@pytest.mark.parametrize(
    "text",
    [
        f"training:\n  steps: 0x{'f' * 5000}",
        f"training:\n  steps: {':'.join(['1'] * 5000)}",
        "training: !!set {a, b}",
        "training: [1]",
        f"model:\n  channels: '{'[' * 5000}'",
        "a: " + "x" * 300_000,
        "model: {channels: {class_path: os.system, init_args: {command: id}}}",
        "training:\n  steps: '@/etc/passwd'",
    ],
)
def test_odd_settings_cost_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(InputError) as caught:
        resolve("push-tiny", tmp_path / "c.yaml")
    assert "\n" not in str(caught.value)


def test_a_mean_picture_that_lies_is_damaged(tmp_path: Path) -> None:
    from foreframe.data.store import MANIFEST, MEAN
    from foreframe.runtime.digests import digest_file, write_json_with_digest

    store = squares_store(tmp_path / "s", 3)
    for header in ("(" * 4000, PLAIN.replace("6, 16", "999999999999, 16")):
        (store.path / MEAN).write_bytes(npy(header))
        manifest = json.loads((store.path / MANIFEST).read_text())
        manifest = {**manifest, "mean_frame": digest_file(store.path / MEAN)}
        del manifest["digest"]
        write_json_with_digest(store.path / MANIFEST, manifest)
        with pytest.raises(InputError, match="the store is damaged"):
            ClipStore(store.path).mean_frame()


# What is watched


def test_the_page_of_a_run_shows_nothing_from_outside(tmp_path: Path) -> None:
    from starlette.requests import Request

    (tmp_path / "secret").write_text("the secret")
    progress = tmp_path / "run" / "progress"
    progress.mkdir(parents=True)
    (progress / "step-1.webp").symlink_to(tmp_path / "secret")
    fifo(tmp_path / "run" / "identity.json")
    watching = Watching(tmp_path / "run")
    asked = Request({"type": "http", "path_params": {"name": "step-1.webp"}})
    assert watching.picture(asked).status_code == 404
    assert watching.summary()["steps"] is None


def test_a_report_shows_no_strip_and_no_picture_from_outside(tmp_path: Path) -> None:
    from foreframe.reporting.comparison import _last_picture
    from foreframe.reporting.page import _strip_of

    (tmp_path / "secret").write_text("the secret")
    for folder, name in (("samples", "x.png"), ("progress", "step-9.webp")):
        (tmp_path / "run" / folder).mkdir(parents=True)
        (tmp_path / "run" / folder / name).symlink_to(tmp_path / "secret")
    run = tmp_path / "run"
    assert _strip_of(run / "samples" / "x.webp", run) == ""
    assert _last_picture(run) is None


def test_containers_that_hold_their_pictures_are_read(tmp_path: Path) -> None:
    """The negative control of the playlists."""
    pytest.importorskip("av")
    small.write_video(tmp_path / "v.mp4", small.frames_of(0))
    assert len(list(_videos.pictures(tmp_path / "v.mp4"))) == len(small.frames_of(0))
