"""Make a store: from an embedded world, or from recordings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from ..errors import InputError
from ..plugins import WORLDS
from ..runtime.outputs import keep_apart_both_ways
from ..runtime.unfinished import remove_remains
from . import worlds
from .building import build, finished_store, parse_shard
from .offsets import suggest
from .pictures import PICTURE_CHANGES
from .sharing import shared_out
from .sources.behind import origins_of
from .sources.findings import Findings
from .sources.fingerprint import Fingerprint, content_of, fingerprints
from .sources.folders import check_entries
from .sources.leftover import files_of, stop_without_actions, with_leftovers
from .sources.opening import Guarded, open_source, recognise
from .sources.options import ChannelOrder, Flip, SourceOptions, SplitBy
from .sources.recording import Fork, findings_of
from .sources.resampled import ResampledSource, Resampling
from .splitting import SHARES, SplitOptions, assign_splits, read_split_list
from .store import MANIFEST, ClipStore
from .updating import STRETCH, Traced, reusing

Array = NDArray[Any]


def make(
    world: str,
    out: str | Path,
    trajectories: int | None = None,
    seed: int = 0,
    shard: str | None = None,
    workers: int | None = None,
    futures: int | None = None,
    fork_at: int | None = None,
    future_frames: int | None = None,
    arm_noise: float | None = None,
    length: int | None = None,
) -> ClipStore:
    """Make a store from an embedded world. The same command goes on where a stopped one was.

    Args:
        world: name of the world: push, push_keys or dance.
        out: the new store's folder.
        trajectories: how many episodes; by default 300 of push and 800 of push_keys (30 frames
            each), 60 of dance (630 frames).
        seed: trajectory i depends on (seed, i) alone.
        shard: K/N makes the K-th of N equal shares, for several machines; train on all with
            --data S1,S2,...
        workers: processes; one per core by default.
        futures: true futures of each validation and test episode, with the same actions and other
            chance; 4 by default, 0 for none.
        fork_at: the first frame in which they differ, so that many frames are context; 2 by
            default, 1 for dance.
        future_frames: length of a future; 10 frames by default for push, 18 for push_keys, 60 for
            dance.
        arm_noise: metres that the arm of push and push_keys strays from its commands (a standard
            deviation); 0.003 by default. 0.013 is the arm of earlier versions, which also obeyed
            up to .22 s late.
        length: frames per episode; 30 by default for push and push_keys, 630 for dance.

    Raises:
        InputError: an unknown world, an option that the world does not have or that does not fit;
            MuJoCo is not installed; `out` holds something else.
    """
    world = WORLDS.check(world)
    worlds.require_physics()
    module = worlds.world_module(world)
    chosen = {"arm_noise": arm_noise, "length": length}
    options = {name: value for name, value in chosen.items() if value is not None}
    for name in options.keys() - set(getattr(module, "OPTIONS", ())):
        raise InputError(f"the world {world} has no --{name.replace('_', '-')}; leave it out")
    count = module.TRAJECTORIES if trajectories is None else trajectories
    source = module.simulate(count, seed, **options)
    splits = assign_splits(len(source), seed)
    fork = _fork_of(world, getattr(module, "FORK", None), futures, fork_at, future_frames)
    if fork is not None:
        forked = frozenset(i for i, split in enumerate(splits) if split != "train")
        source = source.with_futures(fork, forked)
    part = parse_shard(shard)
    identity = {"world": world, "trajectories": len(source), "seed": seed}
    identity |= {"shard": list(part)} if shard else {}
    identity |= dict(source.settings) if hasattr(source, "settings") else {}
    identity |= {"futures": asdict(fork)} if fork else {}
    _refuse_older(Path(out), identity)

    def notes(episodes: list[dict[str, Any]]) -> Mapping[str, Any]:
        return {"audit": source.audit([episode["facts"] for episode in episodes])}

    shape = (source.height, source.width, 3)
    return build(
        source, Path(out), identity, shape, splits, workers, f"making {world}", notes, shard=part
    )


def _fork_of(
    world: str, usual: Fork | None, count: int | None, start: int | None, frames: int | None
) -> Fork | None:
    """Return where the futures part: as chosen, else as the world has it; None for no futures."""
    if usual is None:
        if count or start is not None or frames is not None:
            raise InputError(f"the world {world} has no true futures; expected --futures 0")
        return None
    if count == 0:
        return None
    chosen = {"count": count, "start": start, "frames": frames}
    fork = replace(usual, **{name: v for name, v in chosen.items() if v is not None})
    names = {"count": "futures", "start": "fork-at", "frames": "future-frames"}
    for field, value in asdict(fork).items():
        if value < 1:
            raise InputError(f"--{names[field]} is {value}; expected at least 1")
    return fork


def _refuse_older(out: Path, identity: Mapping[str, Any]) -> None:
    """Stop before a store that lacks something that this version would put into it."""
    if not (out / MANIFEST).is_file():
        return
    there = ClipStore(out).source
    lacks = sorted(identity.keys() - there.keys())
    if lacks and there.get("world") == identity["world"]:
        raise InputError(
            f"{out} was made otherwise, perhaps by an earlier version (not chosen there: "
            f"{', '.join(lacks)}); it can be trained on as it is: "
            "choose another OUT to make a new one"
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
    layout: str | None = None,
    lag: int | None = None,
    pixel_range: tuple[float, float] | None = None,
    actions_file: str | None = None,
    no_actions: bool = False,
    one_hot: tuple[str, ...] = (),
    split_by: SplitBy | None = None,
    memory_gb: float | None = None,
    update: bool = False,
    flip: Flip | None = None,
    channel_order: ChannelOrder | None = None,
) -> ClipStore:
    """Turn recordings into a store. The same command goes on where a stopped one was.

    Args:
        src: the recordings: a folder or a file.
        out: the new store's folder.
        format: the format's name; recognised if not given.
        size: height and width of the store's pictures and label images (area average); as they are
            if not given.
        fit: what happens to another aspect: stretch, so that nothing is lost, or crop the middle.
        stride: keep every so many frames; of the actions between two kept frames the last that can
            show is kept.
        action_offset: frames, before the stride, after which an action shows in the picture; 1 if
            not given.
        suggest_offset: find the offset where actions and pictures change together most, show the
            curve, and take it unless action_offset is given.
        camera: the camera or image key, for sources with several.
        actions: the columns of actions, for sources with several.
        states: the columns of states, for sources with several.
        labels: the key, folder or name of label images, for sources that may have them.
        actions_as: as they are given; as deltas, the difference from the kept row before; or
            absolute, their running sum.
        splits: shares of the episodes for train, validate and test, where the source has no splits
            of its own.
        split_list: a file that says the split of every episode by name, before anything else: JSON
            {split: [names]}, or CSV rows of name,split.
        seed: draws the splits.
        max_episodes: take only the first so many.
        max_gap_s: seconds between pictures from which on they belong to two episodes, for formats
            that know the time.
        skip_bad: leave out what is broken, count it and say why, instead of stopping.
        shard: K/N imports the K-th of N equal shares, for several machines; train on all with
            --data S1,S2,...
        workers: processes; one a core by default.
        layout: how files make episodes, where a folder can be read in several ways.
        lag: 1 if row k of the actions leads on from frame k, 0 if it led to frame k; decided by all
            files if not given.
        pixel_range: the numbers that are black and white, where the type of the pixels does not say
            it.
        actions_file: the table of conditions, where several are near.
        no_actions: go on without actions, whatever tables are near.
        one_hot: numbers that are class ids and become a number per class.
        split_by: what falls into one split as a whole: session (the default where sessions are
            known), episode, or time, which cuts every recording into a beginning to train on and an
            end to test.
        memory_gb: how much memory one episode may need; 8 if not given.
        update: read a source again that has changed since the store was written; episodes keep
            their splits.
        flip: how stored pictures are turned to stand upright, for sources that do not say it: none,
            vertical (the last row is the top) or both (half a turn).
        channel_order: the order of the stored colours, for sources that do not say it: rgb or bgr.

    Raises:
        InputError: what cannot be read, naming file and offset or row; `out` holds something else.
            Nothing is left then.
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
    if lag not in (None, 0, 1):
        raise InputError(f"--lag is {lag}; expected 0 or 1")
    options = SourceOptions(
        camera=camera,
        actions=tuple(actions),
        states=tuple(states),
        labels=labels,
        layout=layout,
        actions_file=actions_file,
        pixel_range=pixel_range,
        flip=flip,
        channel_order=channel_order,
        max_gap_s=max_gap_s,
        lag=lag,
        no_actions=no_actions,
        one_hot=tuple(one_hot),
        split_by=split_by,
        skip_bad=skip_bad,
        memory_gb=memory_gb,
    )
    check_entries(src)
    kind = format or recognise(src)
    opened = open_source(kind, src, options)
    keep_apart_both_ways(out, src, "the source")
    if not len(opened):
        raise InputError(f"{src} holds no episodes of format {kind}")
    opened.add(with_leftovers(src, opened.findings))
    if not no_actions:
        stop_without_actions(src, opened, opened.findings)
    if suggest_offset:
        suggested = suggest(opened)
        action_offset = action_offset or suggested.best
        opened.add(
            opened.findings.remark(*suggested.curve(), f"action offset {action_offset} taken")
        )
    resampling = Resampling(
        size=size,
        crop=fit == "crop",
        stride=stride,
        action_offset=action_offset or 1,
        actions_as=actions_as,
        max_episodes=max_episodes,
        lag=lag,
        no_actions=no_actions,
        one_hot=tuple(one_hot),
    )
    listed = read_split_list(Path(split_list)) if split_list else None
    splitting = SplitOptions(splits, listed, seed, split_by)
    job = _Import(
        src, out, kind, opened, options, resampling, splitting, parse_shard(shard), workers
    )
    return job.again() if update and (out / MANIFEST).is_file() else job.run()


@dataclass(frozen=True)
class _Import:
    """An import with everything decided.

    Attributes:
        src: the recordings.
        out: the store's folder.
        kind: the format's name.
        opened: the recordings, opened.
        options: what was chosen of them.
        resampling: how they are changed.
        splitting: how they are shared out.
        part: the share of a shard, (k, n).
        workers: processes.
        before: the store that this import brings up to date.
    """

    src: Path
    out: Path
    kind: str
    opened: Guarded
    options: SourceOptions
    resampling: Resampling
    splitting: SplitOptions
    part: tuple[int, int]
    workers: int | None
    before: ClipStore | None = None

    def run(
        self, files: dict[str, Fingerprint] | None = None, replacing: bool = False
    ) -> ClipStore:
        """Write the store, unless it is there already; or put it in the place of one."""
        if files is None:
            files = self._fingerprints()
        taken = ResampledSource(self.opened, self.resampling, self.splitting.listed)
        identity = self._identity(len(taken), files)
        if not replacing and (finished := finished_store(self.out, identity, files)):
            remove_remains(self.out, identity)
            return finished
        traced = Traced(taken, origins_of(taken, self.src, files))
        shape = taken.frame_shape
        known = reusing(traced, self.before, identity, shape) if self.before else traced
        source, splits = shared_out(known, self.splitting)
        return build(
            source,
            self.out,
            identity,
            shape,
            splits,
            self.workers,
            f"importing {self.kind}",
            skip_bad=self.options.skip_bad,
            shard=self.part,
            files=files,
            notes=lambda episodes: {"findings": _counted(findings_of(source), episodes).to_json()},
            replacing=replacing,
        )

    def again(self) -> ClipStore:
        """Replace the store by one of what the source holds now.

        Recordings whose files are as they were are not read again; episodes keep their splits.
        """
        files = self._fingerprints()
        before = ClipStore(self.out)
        if {name: tuple(f) for name, f in before.source_files().items()} == files:
            return self.run(files)
        kept = {episode.name: episode.split for episode in before.episodes}
        job = replace(self, before=before, splitting=replace(self.splitting, kept=kept))
        return job.run(files, replacing=True)

    def _fingerprints(self) -> dict[str, Fingerprint]:
        known = ClipStore(self.out).source_files() if (self.out / MANIFEST).is_file() else None
        return fingerprints(files_of(self.src, self.opened.findings), self.src, known)

    def _identity(self, episodes: int, files: Mapping[str, Fingerprint]) -> dict[str, Any]:
        """What is built, exactly.

        Only what was chosen of the options that came later, so that stores of before stay the same.
        """
        how, split = self.resampling, self.splitting
        later = {
            "lag": how.lag,
            "no_actions": how.no_actions,
            "one_hot": list(how.one_hot),
            "split_by": split.by,
        }
        return {
            "path": str(self.src.resolve()),
            "format": self.kind,
            "size": list(how.size) if how.size else None,
            "fit": "crop" if how.crop else "stretch",
            "stride": how.stride,
            "action_offset": how.action_offset,
            "actions_as": how.actions_as,
            "chosen": self.opened.findings.lines(),
            "episodes": episodes,
            "splits": split.listed or list(split.shares),
            "seed": split.seed,
            "shard": list(self.part),
            "files": {"count": len(files), "content": content_of(files)},
            "options": self.options.chosen(),
            **{key: value for key, value in later.items() if value},
        }


def _counted(findings: Findings, episodes: Iterable[Mapping[str, Any]]) -> Findings:
    """Return the findings with what was done to pictures, counted while they were read."""
    counts: Counter[str] = Counter()
    for facts in (episode["facts"] for episode in episodes):
        _, end, length = facts.get(STRETCH, (0, 0, 0))
        if end == length:  # the last stretch of a recording reads all of its pictures
            counts.update(facts.get("pictures", {}))
    for what, (subject, done, reason) in PICTURE_CHANGES.items():
        if counts[what]:
            findings = findings.decided(subject, f"{counts[what]} pictures {done}", reason)
    return findings
