"""Recordings that are valid but unusual, drawn with a seed, and whether they come in as written.

Every picture tells its episode and its place in it, so that whatever a store holds can be traced
back: a frame that was not written, frames out of order, numbers of another picture, or frames that
are gone without a word are findings. Refusing is always right.
"""

from __future__ import annotations

import io
import json
import shutil
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Array = np.ndarray[Any, Any]
Rng = np.random.Generator
SIDE = 16
_STEP, _EPISODE = 9, 40  # grey levels between neighbouring pictures and episodes
_FIRST = 8
_GONE = ("left out", "not read", "deleted", "have no", "no partner", "in no row", "broken")


@dataclass(frozen=True)
class Episode:
    """What was written: numbers of each picture by name, T rows or T - 1."""

    length: int
    numbers: dict[str, Array]


@dataclass(frozen=True)
class Written:
    """A source, its episodes by number, options that a person would give, splits that it says."""

    source: Path
    episodes: dict[int, Episode]
    options: dict[str, Any]
    splits: dict[int, str] = field(default_factory=dict)


def picture(episode: int, place: int) -> Array:
    """A flat picture that tells its episode in red and its place in green."""
    found = np.empty((SIDE, SIDE, 3), np.uint8)
    found[:] = (_FIRST + _EPISODE * episode, _FIRST + _STEP * place, 128)
    return found


def told(frame: Array) -> tuple[int, int] | None:
    """The episode and place that a stored picture tells; None if it was never written."""
    red, green, _ = (float(v) for v in frame.reshape(-1, 3).mean(0))
    episode, place = round((red - _FIRST) / _EPISODE), round((green - _FIRST) / _STEP)
    near = abs(red - _FIRST - _EPISODE * episode) < 4 and abs(green - _FIRST - _STEP * place) < 4
    return (episode, place) if near and frame.std((0, 1)).max() < 4 else None


def _one(rng: Rng, *choices: Any) -> Any:
    return choices[int(rng.integers(len(choices)))]


def _lengths(rng: Rng) -> list[int]:
    return [int(n) for n in rng.integers(2, 24, int(rng.integers(1, 6)))]


def _values(rng: Rng, sort: str, count: int) -> Array:
    """Numbers of any sort that a column may hold."""
    if sort == "integer":
        return rng.integers(-50, 50, count)
    if sort == "boolean":
        return rng.integers(0, 2, count).astype(bool)
    scale = {"real": 1.0, "small": 1e-4, "large": 1e3}[sort]
    return rng.normal(size=count).astype(np.float32).astype(np.float64) * scale


def _coded(pixels: Array, kind: str, **more: Any) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind, **more)
    return content.getvalue()


def images(rng: Rng, root: Path) -> Written:
    """Folders of pictures, with a table each: names, places, dialects and columns of any sort."""
    suffix, form = _one(rng, (".png", "PNG"), (".bmp", "BMP"), (".PNG", "PNG"), (".tif", "TIFF"))
    named = _one(rng, "plain", "padded", "words", "from", "hashed", "listed")
    place = _one(rng, "inside", "subfolder", "mirrored", "splits")
    names = (_one(rng, "steering", "action_x"), _one(rng, "throttle", "action_y"))
    sorts = {n: _one(rng, "real", "small", "large", "integer", "boolean") for n in names}
    short = bool(rng.integers(4) == 0) and named not in ("hashed", "listed")
    clock, counted = _one(rng, None, "timestamp", "time_ms", "stamp_ns"), bool(rng.integers(2))
    clear, paused, dialect = bool(rng.integers(4) == 0), bool(rng.integers(3) == 0), _dialect(rng)
    splits = [_one(rng, "train", "Training"), _one(rng, "val", "valid"), _one(rng, "Test", "test")]
    padded, episodes = _one(rng, "", "03d"), {}
    for e, length in enumerate(_lengths(rng)):
        folder, file = {
            "inside": (root / f"run_{e:{padded}}", root / f"run_{e:{padded}}" / "log.csv"),
            "subfolder": (root / f"run_{e}" / "img", root / f"run_{e}" / "log.csv"),
            "mirrored": (root / "images" / f"ep{e}", root / "actions" / f"ep{e}.csv"),
            "splits": (root / splits[e % 3] / f"ep{e}", root / splits[e % 3] / f"ep{e}" / "a.csv"),
        }[place]
        folder.mkdir(parents=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        called = [_name(rng, named, t) + suffix for t in range(length)]
        for t, name in enumerate(called):
            (folder / name).write_bytes(
                _coded(_clear(picture(e, t), clear and form == "PNG"), form)
            )
        rows = length - short
        numbers = {name: _values(rng, sort, rows) for name, sort in sorts.items()}
        table: dict[str, Sequence[Any]] = {name: v.tolist() for name, v in numbers.items()}
        table |= {"filename": called} if named in ("hashed", "listed") else {}
        table |= {clock: _clock(clock, rows, paused)} if clock else {}
        table |= {"index": list(range(rows))} if counted else {}
        keys = [str(key) for key in rng.permutation(list(table))]
        order = rng.permutation(rows) if named == "listed" else np.arange(rows)
        file.write_bytes(dialect(keys, [[table[k][int(i)] for k in keys] for i in order]))
        episodes[e] = Episode(length, numbers)
    said = dict(enumerate(("train", "validate", "test") * 2)) if place == "splits" else {}
    return Written(root, episodes, {}, said)


def _clear(pixels: Array, clear: bool) -> Array:
    """Pixels with an alpha channel that hides nothing."""
    full = np.full_like(pixels[..., :1], 255)
    return np.concatenate([pixels, full], -1) if clear else pixels


def _name(rng: Rng, named: str, place: int) -> str:
    if named == "hashed":
        return rng.bytes(4).hex() + "x"
    return {
        "plain": f"{place}",
        "listed": f"shot{place}",
        "padded": f"frame_{place:05d}",
        "words": f"{place}_left",
        "from": f"img-{place + 98}",
    }[named]


def _clock(name: str, rows: int, paused: bool) -> list[Any]:
    steps = np.arange(rows)
    steps = steps + 200 * (steps > rows // 2) * paused
    if name == "stamp_ns":
        return (1_700_000_000_000_000_000 + steps * 50_000_000).tolist()
    return (steps * 50).tolist() if name == "time_ms" else (1.7e9 + steps * 0.05).tolist()


def _dialect(rng: Rng) -> Callable[[list[str], list[list[Any]]], bytes]:
    delimiter = _one(rng, ",", ";", "\t")
    end, mark = _one(rng, "\n", "\r\n"), _one(rng, b"", b"\xef\xbb\xbf")
    comma, quote = delimiter == ";" and bool(rng.integers(2)), _one(rng, "", '"')
    tail = _one(rng, "", end)

    def cell(value: Any) -> str:
        text = repr(value) if isinstance(value, float) else str(value)
        return text.replace(".", ",") if comma and isinstance(value, float) else text

    def written(header: list[str], rows: list[list[Any]]) -> bytes:
        lines = [delimiter.join(f"{quote}{name}{quote}" for name in header)]
        lines += [delimiter.join(map(cell, row)) for row in rows]
        return mark + (end.join(lines) + tail).encode()

    return written


def _arrays(rng: Rng, lengths: Sequence[int]) -> tuple[dict[int, Array], dict[int, Array]]:
    """Pictures and actions of each episode, all of the same types and axes."""
    dtype = _one(rng, np.uint8, np.float32, np.float64)
    width, kind = int(rng.integers(1, 5)), _one(rng, np.float32, np.float64, np.int64, bool)
    frames, actions = {}, {}
    for e, length in enumerate(lengths):
        pictures = np.stack([picture(e, t) for t in range(length)])
        frames[e] = pictures if dtype == np.uint8 else (pictures / 255).astype(dtype)
        drawn = rng.normal(size=(length, width)) * 5
        actions[e] = (drawn > 0) if kind is bool else drawn.astype(kind)
    return frames, actions


def _episodes(actions: dict[int, Array], lengths: Sequence[int]) -> dict[int, Episode]:
    return {e: Episode(lengths[e], {"action": rows}) for e, rows in actions.items()}


def npz(rng: Rng, root: Path) -> Written:
    """An archive per episode: keys, types, order of axes, extra arrays."""
    lengths = _lengths(rng)
    frames, actions = _arrays(rng, lengths)
    first, short = bool(rng.integers(2)), bool(rng.integers(4) == 0)
    picture_key, action_key = _one(rng, "image", "frames", "rgb"), _one(rng, "action", "actions")
    save = _one(rng, np.savez, np.savez_compressed)
    root.mkdir(parents=True)
    for e in frames:
        more = {"reward": np.ones(lengths[e]), "seed": np.int64(e)} if rng.integers(2) else {}
        actions[e] = actions[e][: lengths[e] - short]
        pictures = np.moveaxis(frames[e], -1, 1) if first else frames[e]
        save(root / f"run_{e}.npz", **{picture_key: pictures, action_key: actions[e]}, **more)
    return Written(root, _episodes(actions, lengths), {"format": "npz"})


def robomimic(rng: Rng, root: Path) -> Written:
    """One HDF5 file: names of demonstrations, compression, types, states or none."""
    import h5py

    lengths = _lengths(rng)
    frames, actions = _arrays(rng, lengths)
    packed = _one(rng, {}, {"compression": "gzip"}, {"chunks": True})
    first = int(_one(rng, 0, 7))
    root.mkdir(parents=True)
    with h5py.File(root / "image.hdf5", "w") as file:
        for e in rng.permutation(list(frames)):
            demo = file.create_group(f"data/demo_{e + first}")
            demo.create_dataset("obs/agentview_image", data=frames[e], **packed)
            demo.create_dataset("actions", data=actions[e], **packed)
            if rng.integers(2):
                demo["rewards"] = np.ones(lengths[e])
    return Written(root / "image.hdf5", _episodes(actions, lengths), {})


def zarr(rng: Rng, root: Path) -> Written:
    """A replay buffer: version, chunks, types, actions of one axis."""
    import zarr as library

    lengths = _lengths(rng)
    frames, actions = _arrays(rng, lengths)
    flat = actions[0].shape[1] == 1 and bool(rng.integers(2))
    group = library.open_group(str(root), mode="w", zarr_format=_one(rng, 2, 3))
    every = np.concatenate([actions[e] for e in frames])
    pictures = np.concatenate(list(frames.values()))
    many = int(rng.integers(1, len(pictures) + 2))
    group.create_array("data/img", data=pictures, chunks=(many, SIDE, SIDE, 3))
    group.create_array("data/action", data=every[:, 0] if flat else every)
    if rng.integers(2):
        group.create_array("data/n_contacts", data=np.ones((len(every), 1), np.float32))
    group.create_array("meta/episode_ends", data=np.cumsum(lengths))
    return Written(root, _episodes(actions, lengths), {})


def donkeycar(rng: Rng, root: Path) -> Written:
    """A tub: catalogs of any size, deleted and missing records, sessions, extra inputs."""
    lengths, records, deleted = _lengths(rng), [], []
    (root / "images").mkdir(parents=True)
    episodes, index = {}, int(_one(rng, 0, 40))
    for e, length in enumerate(lengths):
        numbers = {n: rng.normal(size=length) for n in ("user/angle", "user/throttle")}
        for t in range(length):
            name = f"{index}_cam_image_array_.jpg"
            (root / "images" / name).write_bytes(_coded(picture(e, t), "JPEG", quality=98))
            record = {"_index": index, "_session_id": f"s{e}", "cam/image_array": name}
            record["_timestamp_ms"] = 1_700_000_000_000 + 60_000 * e + 50 * t
            records.append(record | {n: float(v[t]) for n, v in numbers.items()})
            if rng.integers(20) == 0:
                deleted.append(index)
            index += 1
        index += int(_one(rng, 0, 3))
        episodes[e] = Episode(length, numbers)
    size, paths = int(rng.integers(1, len(records) + 2)), []
    for start in range(0, len(records), size):
        paths.append(f"catalog_{start // size}.catalog")
        lines = [json.dumps(record) + "\n" for record in records[start : start + size]]
        (root / paths[-1]).write_text("".join(lines))
    inputs = ["cam/image_array", "user/angle", "user/throttle"]
    head = {"paths": paths, "current_index": index, "max_len": size, "deleted_indexes": deleted}
    manifest = [inputs, ["image_array", "float", "float"], {}, {"created_at": 0.0}, head]
    (root / "manifest.json").write_text("".join(json.dumps(line) + "\n" for line in manifest))
    return Written(root, episodes, {})


def lerobot_v3(rng: Rng, root: Path) -> Written:
    """A LeRobotDataset whose pictures are in its tables: episodes over files, types of columns."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    lengths, rate = _lengths(rng), int(_one(rng, 5, 10, 30, 50))
    _, actions = _arrays(rng, lengths)
    width, kind = actions[0].shape[1], actions[0].dtype.name
    camera, files = "observation.images.top", int(rng.integers(1, 4))
    features = {
        camera: {
            "dtype": "image",
            "shape": [SIDE, SIDE, 3],
            "names": ["height", "width", "channel"],
        },
        "action": {
            "dtype": kind,
            "shape": [width],
            "names": _one(rng, None, [f"m{i}" for i in range(width)]),
        },
    }
    info = {"codebase_version": "v3.0", "fps": rate, "features": features}
    listed, tables = [], dict[int, list[dict[str, Any]]]()
    for e in actions:
        number = e * files // len(actions)
        rows = tables.setdefault(number, [])
        for t in range(lengths[e]):
            cell = {"bytes": _coded(picture(e, t), "PNG"), "path": f"frame_{t}.png"}
            row = {"action": actions[e][t].tolist(), "timestamp": t / rate, "frame_index": t}
            rows.append(row | {"episode_index": e, camera: cell})
        listed.append(
            {
                "episode_index": e,
                "length": lengths[e],
                "data/chunk_index": 0,
                "data/file_index": number,
            }
        )
    for inner in ("meta/episodes/chunk-000", "data/chunk-000"):
        (root / inner).mkdir(parents=True)
    (root / "meta" / "info.json").write_text(json.dumps(info))
    order = rng.permutation(len(listed))
    meta = pa.Table.from_pylist([listed[int(i)] for i in order])
    parquet.write_table(meta, root / "meta" / "episodes" / "chunk-000" / "file-000.parquet")
    for number, rows in tables.items():
        file = root / "data" / "chunk-000" / f"file-{number:03d}.parquet"
        parquet.write_table(pa.Table.from_pylist(rows), file)
    return Written(root, _episodes(actions, lengths), {})


KINDS: dict[str, Callable[[Rng, Path], Written]] = {
    "images": images,
    "npz": npz,
    "robomimic": robomimic,
    "zarr": zarr,
    "donkeycar": donkeycar,
    "lerobot_v3": lerobot_v3,
}


def silent(written: Written, store: Any) -> list[str]:
    """What of a store is not as it was written, and was not said."""
    from foreframe.data.sources.findings import Findings

    notes = store.manifest["notes"]
    lines = Findings.from_json(notes["findings"]).lines()
    lines += [*notes.get("skipped", ()), *notes.get("warnings", ())]
    said_out = {c.key for c in Findings.from_json(notes["findings"]).left_out}
    found, seen, splits = [], set[tuple[int, int]](), dict[int, set[str]]()
    for episode in store.episodes:
        rows = slice(episode.start, episode.start + episode.length)
        places = [told(frame) for frame in store.column("frames")[rows]]
        if None in places or len({p[0] for p in places if p}) > 1:
            found.append(f"{episode.name}: pictures of {places}")
            continue
        of, first = places[0] or (0, 0)
        if [p[1] for p in places if p] != list(range(first, first + len(places))):
            found.append(f"{episode.name}: pictures in the order {places}")
        seen |= {p for p in places if p}
        splits.setdefault(of, set()).add(episode.split)
        lost = {*written.episodes[of].numbers} - {*store.columns["action"].names} - said_out
        found += [f"{episode.name}: {lost} are gone"] if lost - {"action"} else []
        found += _other_numbers(written.episodes[of], store, rows, first, episode.name)
    gone = {(e, t) for e, w in written.episodes.items() for t in range(w.length)} - seen
    if gone and not any(word in line for line in lines for word in _GONE):
        found.append(f"{sorted(gone)[:3]} of {len(gone)} are gone without a word")
    moved = [e for e, of in splits.items() if written.splits and of != {written.splits[e]}]
    if moved:
        found.append(f"episodes {moved} are in other splits than their folders: {splits}")
    by_time = any("by time" in line or "in order of time" in line for line in lines)
    torn = [e for e, of in splits.items() if len(of) > 1]
    return found + ([f"episodes {torn} are in several splits"] if torn and not by_time else [])


def _other_numbers(episode: Episode, store: Any, rows: slice, first: int, name: str) -> list[str]:
    column = store.columns["action"]
    stored = np.asarray(store.column("action")[rows], np.float64)
    stored = stored + np.asarray(column.offset or (0.0,))
    expected = _expected(episode, column.names, first, len(stored))
    if expected is None:
        return [f"{name}: columns {column.names} for {list(episode.numbers)}"]
    if stored.shape == expected.shape and np.allclose(stored, expected, rtol=1e-5, atol=1e-6):
        return []
    return [f"{name}: other numbers, first {stored[0]} for {expected[0]}"]


def _expected(episode: Episode, names: Sequence[str], first: int, count: int) -> Array | None:
    """The numbers of `count` pictures from the first on, zeros where no action leads on."""
    parts = {name: np.asarray(part, np.float64) for name, part in episode.numbers.items()}
    parts = {name: part.reshape(len(part), -1) for name, part in parts.items()}
    chosen = [parts[name] for name in names if name in parts] or list(parts.values())
    rows = np.concatenate(chosen, 1)
    if rows.shape[1] != len(names):
        return None
    rows = np.concatenate([rows, np.zeros((episode.length - len(rows), rows.shape[1]))])
    return rows[first : first + count]


def outcome(kind: str, seed: int) -> tuple[str, str]:
    """Write a recording, import it, and compare: ok, refused, or what was silently wrong."""
    import foreframe
    from foreframe.errors import InputError

    rng = np.random.default_rng((seed, *kind.encode()))
    folder = Path(tempfile.mkdtemp())
    try:
        written = KINDS[kind](rng, folder / "src")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            store = foreframe.data.import_recordings(
                written.source, folder / "store", workers=1, **written.options
            )
        wrong = silent(written, store)
        return ("silent", "; ".join(wrong)[:500]) if wrong else ("ok", "")
    except InputError as error:
        return "refused", str(error).replace(str(folder), "")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
