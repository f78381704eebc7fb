"""Making a store: from an embedded world, or from recordings that somebody has."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from ..errors import InputError
from ..plugins import WORLDS
from . import worlds
from .building import SHARES, assign_splits, build, parse_shard
from .offsets import suggest
from .sources.opening import open_source, recognise
from .sources.options import SourceOptions
from .sources.resampled import ResampledSource
from .store import SPLITS, ClipStore

Array = NDArray[Any]


def make(
    world: str,
    out: str | Path,
    trajectories: int | None = None,
    seed: int = 0,
    shard: str | None = None,
    workers: int | None = None,
) -> ClipStore:
    """Make a store from an embedded world. The same command goes on where a stopped one was.

    Args:
        world: name of the world: push, push_keys or dance.
        out: the new store's folder.
        trajectories: how many episodes; by default 300 of push and 800 of push_keys (30 frames each), 60 of dance (630 frames).
        seed: trajectory i depends on (seed, i) alone.
        shard: K/N makes the K-th of N equal shares, for several machines; train on all with --data S1,S2,...
        workers: processes; one a core by default.

    Raises:
        InputError: an unknown world; `out` holds something else.
    """
    world = WORLDS.check(world)
    module = worlds.world_module(world)
    source = module.simulate(module.TRAJECTORIES if trajectories is None else trajectories, seed)
    part = parse_shard(shard)
    identity = {"world": world, "trajectories": len(source), "seed": seed} | (
        {"shard": list(part)} if shard else {}
    )
    splits = assign_splits(len(source), seed)

    def notes(episodes: list[dict[str, Any]]) -> Mapping[str, Any]:
        return {"audit": source.audit([episode["facts"] for episode in episodes])}

    shape = (source.height, source.width, 3)
    return build(
        source, Path(out), identity, shape, splits, workers, f"making {world}", notes, shard=part
    )


def import_recordings(
    src: str | Path,
    out: str | Path,
    format: str | None = None,  # noqa: A002 - the option's name
    size: tuple[int, int] | None = None,
    fit: Literal["stretch", "crop"] = "stretch",
    stride: int = 1,
    action_offset: int | None = None,
    suggest_offset: bool = False,
    camera: str | None = None,
    actions: tuple[str, ...] = (),
    states: tuple[str, ...] = (),
    labels: str | None = None,
    actions_as: Literal["given", "deltas", "absolute"] = "given",
    splits: tuple[float, float, float] = SHARES,
    split_list: str | Path | None = None,
    seed: int = 0,
    max_episodes: int | None = None,
    max_gap_s: float | None = None,
    skip_bad: bool = False,
    shard: str | None = None,
    workers: int | None = None,
) -> ClipStore:
    """Turn recordings into a store. The same command goes on where a stopped one was.

    Args:
        src: the recordings: a folder or a file.
        out: the new store's folder.
        format: the format's name; recognised if not given.
        size: height and width of the store's pictures and label images (area average); as they are if not given.
        fit: what happens to another aspect: stretch, so that nothing is lost, or crop the middle.
        stride: keep every so many frames; of the actions between two kept frames the last that can show is kept.
        action_offset: frames, before the stride, after which an action shows in the picture; 1 if not given.
        suggest_offset: find the offset where actions and pictures change together most, show the curve, and take it
            unless action_offset is given.
        camera: the camera or image key, for sources with several.
        actions: the columns of actions, for sources with several.
        states: the columns of states, for sources with several.
        labels: the key, folder or name of label images, for sources that may have them.
        actions_as: as they are given; as deltas, the difference from the kept row before; or absolute, their running sum.
        splits: shares of the episodes for train, validate and test, where the source has no splits of its own.
        split_list: a file that says the split of every episode by name, before anything else: JSON {split: [names]}, or CSV
            rows of name,split.
        seed: draws the splits.
        max_episodes: take only the first so many.
        max_gap_s: seconds between pictures from which on they belong to two episodes, for formats that know the time.
        skip_bad: leave out what is broken, count it and say why, instead of stopping.
        shard: K/N imports the K-th of N equal shares, for several machines; train on all with --data S1,S2,...
        workers: processes; one a core by default.

    Raises:
        InputError: what cannot be read, naming file and offset or row; `out` holds something else. Nothing is left then.
    """
    src, out = Path(src), Path(out)
    for option, value in (
        ("stride", stride),
        ("action-offset", action_offset),
        ("max-episodes", max_episodes),
    ):
        if value is not None and value < 1:
            raise InputError(f"--{option} is {value}; expected at least 1")
    if size is not None and min(size) < 1:
        raise InputError(f"--size is {size}; expected a height and a width of at least 1")
    part = parse_shard(shard)
    kind = format or recognise(src)
    choice = SourceOptions(
        camera=camera,
        actions=tuple(actions),
        states=tuple(states),
        labels=labels,
        max_gap_s=max_gap_s,
        skip_bad=skip_bad,
    )
    opened = open_source(kind, src, choice)
    if not len(opened):
        raise InputError(f"{src} holds no episodes of format {kind}")
    chosen = opened.findings.lines()
    if suggest_offset:
        suggested = suggest(opened)
        action_offset = action_offset or suggested.best
        chosen += [*suggested.curve(), f"action offset {action_offset} taken"]
    listed = read_split_list(Path(split_list)) if split_list else None
    taken = ResampledSource(
        opened, size, fit == "crop", stride, action_offset or 1, actions_as, max_episodes, listed
    )
    identity = {
        "path": str(src.resolve()),
        "format": kind,
        "size": list(size) if size else None,
        "fit": fit,
        "stride": stride,
        "action_offset": action_offset or 1,
        "actions_as": actions_as,
        "chosen": chosen,
        "episodes": len(taken),
        "splits": listed or list(splits),
        "seed": seed,
        "shard": list(part),
    }
    given = assign_splits(len(taken), seed, splits)
    return build(
        taken,
        out,
        identity,
        taken.frame_shape,
        given,
        workers,
        f"importing {kind}",
        skip_bad=skip_bad,
        shard=part,
    )


def read_split_list(file: Path) -> dict[str, str]:
    """Episode names with their splits: JSON {split: [names]}, or CSV rows of name,split."""
    try:
        if file.suffix.lower() == ".json":
            listed = {
                str(name): split
                for split, names in json.loads(file.read_text()).items()
                for name in names
            }
        else:
            listed = dict(row for row in csv.reader(file.read_text().splitlines()) if row)
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise InputError(
            f"{file} cannot be read ({error}); expected JSON {{split: [names]}} or rows of name,split"
        ) from None
    for name, split in listed.items():
        if split not in SPLITS:
            raise InputError(
                f"{file}: episode {name} is in split {split!r}; expected one of {', '.join(SPLITS)}"
            )
    return listed
