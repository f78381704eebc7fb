"""What the names of pictures and folders say: which files follow each other, which are other
cameras, which other episodes.

A name is words and numbers. Files whose words are the same are a stream; a number after a word such
as "cam" tells cameras apart, one after "ep" episodes, and the last of the others counts the
pictures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError
from ..sources.findings import AmbiguousSource, Findings
from ..sources.folders import natural_key
from ..sources.options import SourceOptions
from ..sources.pixels import is_depth

_CAMERAS = (
    "cam", "camera", "view", "left", "right", "center", "centre", "front", "rear", "wrist",
    "gripper", "top", "side", "overhead", "rgb", "color", "colour", "depth", "ir", "infrared",
    "thermal", "mask", "masks", "seg", "segmentation", "semantic", "normals", "flow", "disparity",
    "aux", "main",
)  # fmt: skip
_AUXILIARY = ("mask", "seg", "semantic", "normal", "flow", "thermal", "infrared")
_EPISODES = (
    "ep", "eps", "episode", "run", "traj", "trajectory", "demo", "seq", "sequence", "clip", "drive",
    "rollout", "session", "take",
)  # fmt: skip


@dataclass(frozen=True)
class Stream:
    """Pictures that follow each other.

    Attributes:
        folder: where they are.
        files: in order.
        camera: what the names call their camera; empty if there is but one.
        episode: what the names call their episode; empty if they are the folder's only one.
    """

    folder: Path
    files: tuple[Path, ...]
    camera: str = ""
    episode: str = ""


def streams_of(folder: Path, files: Sequence[Path]) -> tuple[list[Stream], Findings]:
    """Return the streams of a folder's pictures.

    Raises:
        AmbiguousSource: names of two counters that may be episodes or cameras.
    """
    findings = Findings()
    by_words: dict[str, list[Path]] = {}
    for file in sorted(files, key=natural_key):
        by_words.setdefault(_words(file), []).append(file)
    numbered = {k: v for k, v in by_words.items() if len(v) > 1 and "#" in k}
    if not numbered:
        return [Stream(folder, tuple(sorted(files, key=natural_key)))], findings
    found = []
    for words, group in numbered.items():
        camera = re.sub(r"^[#._ -]+|[#._ -]+$", "", words) or "numbered"
        for stream in _by_numbers(folder, group):
            name = camera if len(numbered) > 1 else ""
            found.append(Stream(folder, stream.files, name + stream.camera, stream.episode))
    for words, group in by_words.items():
        if words not in numbered:
            for file in group:
                findings = findings.ignores(
                    file.name, "its name is not one of the numbered ones beside it"
                )
    return found, findings


def one_camera(
    root: Path, streams: Sequence[Stream], options: SourceOptions, deep: Iterable[str] = ()
) -> tuple[list[Stream], Findings]:
    """Return the streams of one camera, where names say that there are several.

    Raises:
        AmbiguousSource: several cameras, and none was chosen.
    """
    placed = [(s, *_split_path(root, s)) for s in streams]
    lengths: dict[tuple[str, ...], dict[str, int]] = {}
    for stream, camera, rest in placed:
        lengths.setdefault(rest, {})[camera] = len(stream.files)
    several = [g for g in lengths.values() if len(g) > 1 and max(g.values()) - min(g.values()) <= 1]
    cameras = list(dict.fromkeys(c for g in several for c in g if c))
    if not cameras:
        if options.camera:
            there = ", ".join(sorted({s.camera for s in streams if s.camera})) or "one camera only"
            raise InputError(f"--camera {options.camera}: {root} has {there}; leave --camera out")
        return list(streams), Findings()
    plain = [c for c in cameras if not _auxiliary(c) and c not in set(deep)]
    if options.camera:
        tokens = {c: {c, *re.split(r"[^a-z0-9]+", c.casefold())} for c in cameras}
        chosen = [c for c in cameras if options.camera in tokens[c]]
        why = "--camera"
    else:
        chosen, why = plain, "the only one that is neither depth nor labels"
    if len(chosen) != 1:
        raise AmbiguousSource(
            root,
            [f"pictures of {c}" for c in (chosen or cameras)],
            " or ".join(f"--camera {c}" for c in (chosen or cameras)),
        )
    findings = Findings().decided("camera", chosen[0], why, "--camera")
    for other in cameras:
        if other != chosen[0]:
            findings = findings.ignores(
                f"pictures of {other}", "another camera", f"--camera {other}"
            )
    return [s for s, camera, _ in placed if camera == chosen[0]], findings


def _words(file: Path) -> str:
    return re.sub(r"\d+", "#", file.stem.casefold())


def _by_numbers(folder: Path, files: Sequence[Path]) -> list[Stream]:
    """Streams of files whose words are the same, by the numbers that change from file to file."""
    fields = [[int(n) for n in re.findall(r"\d+", file.stem)] for file in files]
    before = [re.sub(r"[^a-z]", "", w) for w in re.split(r"\d+", files[0].stem.casefold())]
    changing = [i for i in range(len(fields[0])) if len({row[i] for row in fields}) > 1]
    cameras = [i for i in changing if before[i].endswith(_CAMERAS[:3])]
    episodes = [i for i in changing if before[i].endswith(_EPISODES) and i != changing[-1]]
    others = [i for i in changing if i not in (*cameras, *episodes)]
    if len(others) > 1 and _is_nested([[row[i] for i in others] for row in fields]):
        raise AmbiguousSource(
            folder,
            (
                f"names such as {files[0].name} and {files[-1].name} count episodes and pictures",
                "they count cameras and pictures",
                "they are one recording",
            ),
            "names that say which number counts what, such as ep0_frame3.png or cam0_frame3.png",
        )
    groups: dict[tuple[str, str], list[Path]] = {}
    for file, row in zip(files, fields, strict=True):
        camera = "".join(f"{before[i]}{row[i]}" for i in cameras)
        episode = "_".join(f"{before[i]}{row[i]}" for i in episodes)
        groups.setdefault((episode, camera), []).append(file)
    return [Stream(folder, tuple(g), camera, episode) for (episode, camera), g in groups.items()]


def _is_nested(rows: Sequence[Sequence[int]]) -> bool:
    """Whether the last number counts from the same start again and again, as the ones before it
    change.
    """
    groups: dict[tuple[int, ...], list[int]] = {}
    for row in rows:
        groups.setdefault(tuple(row[:-1]), []).append(row[-1])
    starts = {g[0] for g in groups.values()}
    steady = all(len(g) > 1 and g == list(range(g[0], g[0] + len(g))) for g in groups.values())
    return len(groups) > 1 and len(starts) == 1 and steady


def _split_path(root: Path, stream: Stream) -> tuple[str, tuple[str, ...]]:
    """The camera that a stream's path and names say, and all the rest of its path."""
    parts = stream.folder.relative_to(root).parts if stream.folder != root else ()
    cameras = [p for p in parts if _is_camera(p)]
    rest = [p for p in parts if not _is_camera(p)]
    return "/".join([*cameras, *([stream.camera] if stream.camera else [])]), (
        *rest,
        stream.episode,
    )


def _is_camera(name: str) -> bool:
    words = [w for w in re.split(r"[^a-z]+", name.casefold()) if w]
    numbered = re.fullmatch(r"(image|images|img|cam|camera|view)s?[_-]?\d+", name.casefold())
    return bool(numbered) or (bool(words) and all(w in _CAMERAS for w in words))


def _auxiliary(name: str) -> bool:
    return is_depth(name) or any(word in name.casefold() for word in _AUXILIARY)
