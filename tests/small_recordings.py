"""The same few episodes in every format, written as the format's own tools would: a contract for
every importer.

Each writer takes a new folder and returns what a person would name as SRC. Episode i has FRAMES + i
frames of HxW.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

EPISODES, FRAMES, SIDE = 4, 8, 64
Array = np.ndarray[Any, Any]


def frames_of(episode: int) -> Array:
    """Smooth pictures, so that lossy codecs keep them: uint8 [T, 64, 64, 3]."""
    count = FRAMES + episode
    y, x = np.mgrid[:SIDE, :SIDE]
    pictures = np.empty((count, SIDE, SIDE, 3), np.uint8)
    for t in range(count):
        pictures[t] = np.stack([x * 3, y * 3, np.full_like(x, 20 * t + 5 * episode)], -1)
    return pictures


def actions_of(episode: int, width: int = 2) -> Array:
    rng = np.random.default_rng(episode)
    return rng.normal(size=(FRAMES + episode, width)).astype(np.float32)


def states_of(episode: int, width: int = 3) -> Array:
    return np.cumsum(actions_of(episode, width), 0).astype(np.float32)


def coded(picture: Array, kind: str) -> bytes:
    content = io.BytesIO()
    Image.fromarray(picture).save(content, kind, **({"quality": 95} if kind == "JPEG" else {}))
    return content.getvalue()


def write_video(file: Path, pictures: Array, rate: int = 10) -> None:
    import av

    file.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(file), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = (
            SIDE,
            SIDE,
            "yuv420p",
            4_000_000,
        )
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def masked_crc(content: bytes) -> int:
    import google_crc32c

    crc = google_crc32c.value(content)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def write_records(file: Path, examples: Sequence[Mapping[str, Any]]) -> None:
    """TFRecords of tf.Example, coded by hand: what the reader's protobuf must understand."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as out:
        for example in examples:
            content = field(
                1, b"".join(field(1, entry(key, value)) for key, value in example.items())
            )
            length = struct.pack("<Q", len(content))
            out.write(
                length
                + struct.pack("<I", masked_crc(length))
                + content
                + struct.pack("<I", masked_crc(content))
            )


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def entry(key: str, value: Any) -> bytes:
    if isinstance(value, list):  # of bytes
        feature = field(1, b"".join(field(1, item) for item in value))
    elif np.asarray(value).dtype.kind in "iub":
        feature = field(3, field(1, b"".join(varint(int(v)) for v in np.ravel(value))))
    else:
        feature = field(2, field(1, np.ravel(value).astype("<f4").tobytes()))
    return field(1, key.encode()) + field(2, feature)


def bair(folder: Path) -> Path:
    def example(episode: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for t, picture in enumerate(frames_of(episode)):
            found[f"{t}/image_aux1/encoded"] = [picture.tobytes()]
            found[f"{t}/image_main/encoded"] = [picture[::-1].tobytes()]
            found[f"{t}/action"] = actions_of(episode, 4)[t]
            found[f"{t}/endeffector_pos"] = states_of(episode)[t]
        return found

    root = folder / "softmotion30_44k"
    write_records(root / "train" / "traj_0_to_255.tfrecords", [example(0), example(1)])
    write_records(root / "train" / "traj_256_to_511.tfrecords", [example(2)])
    write_records(root / "test" / "traj_0_to_255.tfrecords", [example(3)])
    return folder


def rlds(folder: Path) -> Path:
    def tensor(*shape: int) -> dict[str, Any]:
        return {"tensor": {"shape": {"dimensions": [str(n) for n in shape]}, "dtype": "float32"}}

    image = {"image": {"dtype": "uint8", "encodingFormat": "png"}}
    observation = {"image_0": image, "image_1": image, "state": tensor(3)}
    step = {
        "action": tensor(2),
        "observation": {"featuresDict": {"features": observation}},
        "is_last": {"tensor": {"dtype": "bool"}},
    }
    features = {"steps": {"sequence": {"feature": {"featuresDict": {"features": step}}}}}
    folder.mkdir(parents=True)
    (folder / "features.json").write_text(json.dumps({"featuresDict": {"features": features}}))
    info = {"name": "toy", "splits": [{"name": "train", "shardLengths": ["4"]}]}
    (folder / "dataset_info.json").write_text(json.dumps(info))
    black = coded(np.zeros((SIDE, SIDE, 3), np.uint8), "PNG")
    examples = [
        {
            "steps/observation/image_0": [black] * (FRAMES + i),
            "steps/observation/image_1": [coded(p, "PNG") for p in frames_of(i)],
            "steps/action": actions_of(i),
            "steps/observation/state": states_of(i),
            "steps/is_last": np.zeros(FRAMES + i, int),
            "steps/language_instruction": [b"push it"] * (FRAMES + i),
        }
        for i in range(EPISODES)
    ]
    write_records(folder / "toy-train.tfrecord-00000-of-00001", examples)
    return folder


_FEATURES = {
    "observation.images.top": {
        "dtype": "video",
        "shape": [SIDE, SIDE, 3],
        "names": ["height", "width", "channels"],
    },
    "observation.state": {"dtype": "float32", "shape": [3], "names": {"motors": ["a", "b", "c"]}},
    "action": {"dtype": "float32", "shape": [2], "names": None},
}


def _table(episodes: Sequence[int]) -> Any:
    import pyarrow as pa

    return pa.table(
        {
            "action": [row.tolist() for i in episodes for row in actions_of(i)],
            "observation.state": [row.tolist() for i in episodes for row in states_of(i)],
            "episode_index": [i for i in episodes for _ in range(FRAMES + i)],
        }
    )


def lerobot(folder: Path) -> Path:
    import pyarrow.parquet as parquet

    (folder / "meta").mkdir(parents=True)
    (folder / "data" / "chunk-000").mkdir(parents=True)
    name = "{key}/chunk-{{episode_chunk:03d}}/{rest}episode_{{episode_index:06d}}"
    info = {
        "codebase_version": "v2.1",
        "fps": 10,
        "chunks_size": 1000,
        "data_path": name.format(key="data", rest="") + ".parquet",
        "video_path": name.format(key="videos", rest="{video_key}/") + ".mp4",
        "features": _FEATURES,
    }
    (folder / "meta" / "info.json").write_text(json.dumps(info))
    listed = [{"episode_index": i, "length": FRAMES + i} for i in range(EPISODES)]
    (folder / "meta" / "episodes.jsonl").write_text(
        "".join(json.dumps(line) + "\n" for line in listed)
    )
    for i in range(EPISODES):
        parquet.write_table(_table([i]), folder / "data" / "chunk-000" / f"episode_{i:06d}.parquet")
        write_video(
            folder / "videos" / "chunk-000" / "observation.images.top" / f"episode_{i:06d}.mp4",
            frames_of(i),
        )
    return folder


def lerobot_v3(folder: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    camera = "observation.images.top"
    for inner in ("meta/episodes/chunk-000", "data/chunk-000"):
        (folder / inner).mkdir(parents=True)
    (folder / "meta" / "info.json").write_text(
        json.dumps({"codebase_version": "v3.0", "fps": 10, "features": _FEATURES})
    )
    begins = np.cumsum([0, *(FRAMES + i for i in range(EPISODES))])
    rows = [
        {
            "episode_index": i,
            "length": FRAMES + i,
            "data/chunk_index": 0,
            "data/file_index": 0,
            f"videos/{camera}/chunk_index": 0,
            f"videos/{camera}/file_index": 0,
            f"videos/{camera}/from_timestamp": begins[i] / 10,
        }
        for i in range(EPISODES)
    ]
    parquet.write_table(
        pa.Table.from_pylist(rows), folder / "meta" / "episodes" / "chunk-000" / "file-000.parquet"
    )
    parquet.write_table(_table(range(EPISODES)), folder / "data" / "chunk-000" / "file-000.parquet")
    everything = np.concatenate([frames_of(i) for i in range(EPISODES)])
    write_video(folder / "videos" / camera / "chunk-000" / "file-000.mp4", everything)
    return folder


def robonet(folder: Path) -> Path:
    import h5py

    folder.mkdir(parents=True)
    for i in range(EPISODES):
        with h5py.File(folder / f"traj_{i}.hdf5", "w") as file:
            file["policy/actions"], file["env/state"] = actions_of(i)[:-1], states_of(i)
            for t, picture in enumerate(frames_of(i)):
                content = np.frombuffer(coded(picture[..., ::-1], "JPEG"), np.uint8)
                file[f"env/cam0_video/frame{t}"] = content
            write_video(folder / "tmp.mp4", frames_of(i))
            file["env/cam1_video/frames"] = np.frombuffer(
                (folder / "tmp.mp4").read_bytes(), np.uint8
            )
            (folder / "tmp.mp4").unlink()
    return folder


def robomimic(folder: Path) -> Path:
    import h5py

    folder.mkdir(parents=True)
    with h5py.File(folder / "image.hdf5", "w") as file:
        for i in range(EPISODES):
            demo = file.create_group(f"data/demo_{i}")
            demo["actions"] = actions_of(i).astype(np.float64)
            demo["obs/agentview_image"] = frames_of(i)
            demo["obs/robot0_eef_pos"] = states_of(i).astype(np.float64)
        file["data"].attrs["env_args"] = json.dumps({"env_kwargs": {"control_freq": 20}})
        file["mask/train"] = [b"demo_0", b"demo_1"]
        file["mask/valid"] = [b"demo_2", b"demo_3"]
    return folder / "image.hdf5"


def libero(folder: Path) -> Path:
    """As LIBERO's create_dataset writes it: pictures bottom up, each after its action."""
    import h5py

    folder.mkdir(parents=True)
    with h5py.File(folder / "push_it_demo.hdf5", "w") as file:
        for i in range(EPISODES):
            count = FRAMES + i
            joints = np.cumsum(np.full((count + 1, 7), 0.01 * (i + 1)), 0)
            demo = file.create_group(f"data/demo_{i}")
            demo["actions"] = actions_of(i).astype(np.float64)
            demo["dones"] = demo["rewards"] = np.zeros(count, np.uint8)
            demo["robot_states"] = np.zeros((count, 9))
            demo["states"] = np.concatenate(
                [np.arange(count)[:, None], joints[:-1], np.zeros((count, 5))], 1
            )
            demo["obs/agentview_rgb"] = frames_of(i)[:, ::-1]
            demo["obs/eye_in_hand_rgb"] = np.zeros((count, SIDE, SIDE, 3), np.uint8)
            demo["obs/ee_pos"] = states_of(i).astype(np.float64)
            demo["obs/joint_states"] = joints[1:]
        data = file["data"]
        data.attrs["macros_image_convention"] = "opengl"
        data.attrs["problem_info"] = json.dumps({"language_instruction": '"push it"'})
        data.attrs["env_args"] = json.dumps({"env_kwargs": {"control_freq": 20}})
        data.attrs["bddl_file_name"], data.attrs["num_demos"] = "push_it.bddl", EPISODES
    return folder


def aloha(folder: Path, *, compress: bool = False, swapped: bool = False) -> Path:
    """As ACT's record_episodes writes it; `swapped` as where OpenCV takes RGB for BGR."""
    import h5py

    folder.mkdir(parents=True)
    for i in range(EPISODES):
        with h5py.File(folder / f"episode_{i}.hdf5", "w") as file:
            file.attrs["sim"], file.attrs["compress"] = False, compress
            file["action"] = actions_of(i)
            file["observations/qpos"] = states_of(i)
            file["observations/qvel"] = np.zeros((FRAMES + i, 3))
            frames = frames_of(i)[..., ::-1] if swapped else frames_of(i)
            black = np.zeros_like(frames)
            for name, pictures in (("cam_high", frames), ("cam_left_wrist", black)):
                key = f"observations/images/{name}"
                if not compress:
                    file.create_dataset(key, data=pictures, chunks=(1, SIDE, SIDE, 3))
                    continue
                coded_rows = [np.frombuffer(coded(p, "JPEG"), np.uint8) for p in pictures]
                padded = np.zeros((len(pictures), max(map(len, coded_rows)) + 7), np.uint8)
                for row, content in zip(padded, coded_rows):
                    row[: len(content)] = content
                file.create_dataset(key, data=padded, chunks=(1, padded.shape[1]))
            if compress:
                file["compress_len"] = np.zeros((2, FRAMES + i), np.float32)
    return folder


def zarr(folder: Path) -> Path:
    import zarr as library

    root = library.open_group(str(folder), mode="w", zarr_format=2)
    frames = np.concatenate([frames_of(i) for i in range(EPISODES)]).astype(np.float32)
    for name, rows in (
        ("data/img", frames),
        ("data/action", np.concatenate([actions_of(i) for i in range(EPISODES)])),
        ("data/state", np.concatenate([states_of(i) for i in range(EPISODES)])),
        ("meta/episode_ends", np.cumsum([FRAMES + i for i in range(EPISODES)])),
    ):
        root.create_array(name, data=rows)
    return folder


def npz(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for i in range(EPISODES):
        np.savez(
            folder / f"episode_{i}.npz",
            image=frames_of(i),
            action=actions_of(i),
            state=states_of(i),
        )
    return folder


def donkeycar(folder: Path) -> Path:
    (folder / "images").mkdir(parents=True)
    records = []
    for i in range(EPISODES):
        for t, picture in enumerate(frames_of(i)):
            index = len(records)
            (folder / "images" / f"{index}_cam.jpg").write_bytes(coded(picture, "JPEG"))
            angle, throttle = (float(v) for v in actions_of(i)[t])
            records.append(
                {
                    "_index": index,
                    "_session_id": f"s{i // 2}",
                    "_timestamp_ms": 50 * t + 60_000 * i,
                    "cam/image_array": f"{index}_cam.jpg",
                    "user/angle": angle,
                    "user/throttle": throttle,
                }
            )
    records.append({**records[-1], "_index": len(records)})
    (folder / "catalog_0.catalog").write_text(
        "".join(json.dumps(record) + "\n" for record in records)
    )
    lines = [
        ["cam/image_array", "user/angle", "user/throttle"],
        ["image_array", "float", "float"],
        {},
        {"created_at": 0.0, "sessions": {}},
        {
            "paths": ["catalog_0.catalog"],
            "current_index": len(records),
            "max_len": 1000,
            "deleted_indexes": [len(records) - 1],
        },
    ]
    (folder / "manifest.json").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def _rows(i: int) -> Array:
    return np.concatenate([actions_of(i), states_of(i)], 1)


def _write_csv(file: Path, i: int) -> None:
    header = "action_x,action_y,state_x,state_y,state_z"
    np.savetxt(file, _rows(i), fmt="%.9g", delimiter=",", header=header, comments="")


def videos(folder: Path) -> Path:
    for i in range(EPISODES):
        write_video(folder / f"drive_{i}.mp4", frames_of(i))
        _write_csv(folder / f"drive_{i}.csv", i)
    return folder


def kth(folder: Path) -> Path:
    for i, person in enumerate((1, 16, 17, 21)):
        write_video(folder / f"person{person:02d}_walking_d1_uncomp.avi", frames_of(i))
    return folder


def images(folder: Path) -> Path:
    for i in range(EPISODES):
        (folder / f"run_{i}").mkdir(parents=True)
        for t, picture in enumerate(frames_of(i)):
            Image.fromarray(picture).save(folder / f"run_{i}" / f"{t}.png")
        _write_csv(folder / f"run_{i}" / "conditions.csv", i)
    return folder


def pushing(folder: Path) -> Path:
    for i, split in enumerate(("train", "train", "validate", "test")):
        inner = folder / split / "traj_0_to_255.tfrecords" / str(i)
        inner.mkdir(parents=True)
        for t, picture in enumerate(frames_of(i)):
            Image.fromarray(picture).save(inner / f"{t}.png")
        np.savetxt(inner / "actions.csv", actions_of(i), fmt="%.9g", delimiter=",")
        np.savetxt(inner / "endeffector_positions.csv", states_of(i), fmt="%.9g", delimiter=",")
    return folder


def dance(folder: Path) -> Path:
    for i in range(EPISODES):
        for kind in ("img", "label"):
            (folder / "test" / f"test_{kind}" / str(i)).mkdir(parents=True)
        for t, picture in enumerate(frames_of(i)):
            Image.fromarray(picture).save(folder / "test" / "test_img" / str(i) / f"{t}.png")
            Image.fromarray(picture[::-1]).save(
                folder / "test" / "test_label" / str(i) / f"frame{t}.png"
            )
    return folder


WRITERS: dict[str, Callable[[Path], Path]] = {
    "aloha": aloha,
    "bair": bair,
    "dance": dance,
    "donkeycar": donkeycar,
    "images": images,
    "kth": kth,
    "lerobot": lerobot,
    "lerobot_v3": lerobot_v3,
    "libero": libero,
    "npz": npz,
    "pushing": pushing,
    "rlds": rlds,
    "robomimic": robomimic,
    "robonet": robonet,
    "videos": videos,
    "zarr": zarr,
}
LOSSY = {"lerobot", "lerobot_v3", "robonet", "videos", "kth", "donkeycar"}
WITHOUT_ACTIONS = {"kth", "dance"}
WITHOUT_STATES = {"kth", "dance", "donkeycar"}
