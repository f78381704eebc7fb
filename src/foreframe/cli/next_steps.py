"""Say which command comes next: each works as it is printed."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError

_LARGE = 8  # times the pixels of 64x64
_DEFAULTS = {"split": "test", "protocol": "foreframe", "n_past": None, "horizon": None}
_MULTIPLE = 16  # of pixels, that recipes take without being asked


def command(*words: object) -> str:
    """Return a command line, with quotes where a shell needs them.

    >>> command("report", Path("my runs/a"))
    "foreframe report 'my runs/a'"
    """
    return shlex.join(["foreframe", *map(str, words)])


def as_given(given: Mapping[str, Any], *names: str) -> list[str]:
    """Return options as they were given, without those that have their defaults.

    >>> as_given({"split": "test", "n_past": 2}, "split", "n_past")
    ['--n-past', '2']
    """
    said = {name: given[name] for name in names if given[name] != _DEFAULTS[name]}
    return [
        word for name, value in said.items() for word in (f"--{name.replace('_', '-')}", str(value))
    ]


def say_next(*commands: str) -> None:
    """Print commands to type next."""
    for line in commands:
        print(f"  next: {line}")


def say_open(page: Path) -> None:
    """Print where a browser finds a page."""
    print(f"  open: {page.absolute().as_uri()}")


def free_folder(wanted: Path) -> Path:
    """Return a folder that does not exist yet: the wanted one, or with the next free number."""
    numbered = (wanted.with_name(f"{wanted.name}-{number}") for number in itertools.count(2))
    return next(path for path in itertools.chain([wanted], numbered) if not path.exists())


def with_data(data: str | Path) -> list[str]:
    """Return the options that score a run on the data that it was trained on.

    Of several stores the first is taken, and of splits one that has episodes.
    """
    from ..data.mixtures import open_stores

    store = open_stores(data).stores[0]
    words = ["--data", str(store.path)]
    if not any(episode.split == "test" for episode in store.episodes):
        words += ["--split", "validate"]
    return words


def _option(key: str, value: Any) -> list[str]:
    """Return the words that change a value of a recipe.

    >>> _option("clip.conditions", ["state"]), _option("clip.conditions", [])
    (['--conditions', 'state'], ['--clip.conditions', '[]'])
    """
    if key == "clip.conditions" and value:
        return ["--conditions", *value]
    return [f"--{key}", str(value)]


def empty_splits(of_split: dict[str, int]) -> list[str]:
    """What cannot be done for want of episodes, and what to do about it."""
    lacking = {
        "train": "no episode trains: train on another store",
        "validate": "no episode validates: training keeps its last weights as the best",
        "test": "no episode tests: evaluate with --split validate",
    }
    instead = "or import with --split-by episode, which shares the episodes out"
    return [f"{said}, {instead}" for split, said in lacking.items() if not of_split[split]]


@dataclass(frozen=True)
class FirstTraining:
    """The command that trains on a store for the first time.

    Attributes:
        store: its folder.
        recipe: the recommended one.
        changes: a horizon that its episodes have room for, conditions that it has.
    """

    store: str
    recipe: str
    changes: dict[str, Any]

    @classmethod
    def on(cls, store: str | Path, roles: set[str], longest: int) -> FirstTraining:
        """Return the training for a store with columns of these roles and clips so long."""
        import yaml

        from ..plugins import RECIPES

        recipe = "pose-dance" if "label" in roles else "push-tiny"
        clip, changes = yaml.safe_load(RECIPES.text(recipe))["clip"], dict[str, Any]()
        if longest < clip["n_past"] + clip["horizon"]:
            n_past = max(1, min(clip["n_past"], longest // 2))
            changes |= {"clip.n_past": n_past, "clip.horizon": max(1, longest - n_past)}
        known = [role for role in ("action", "state", "label") if role in roles]
        if not set(clip["conditions"]) & roles:
            changes["clip.conditions"] = known[:1]
        return cls(str(store), recipe, changes)

    @property
    def command(self) -> str:
        """The command; its run is in a free folder that is called as the store."""
        changed = (word for item in self.changes.items() for word in _option(*item))
        out = free_folder(Path("runs") / Path(self.store).resolve().name)
        return command("train", self.recipe, "--data", self.store, "--out", out, *changed)

    def advice(self, size: tuple[int, int]) -> tuple[list[str], list[str]]:
        """What to know of pictures of this size, and what to type next.

        A model is built only for sizes that the recipes were not made for.
        """
        height, width = size
        if not (height % _MULTIPLE or width % _MULTIPLE) and height * width < _LARGE * 64**2:
            return [], [self.command]
        from ..training import train

        try:
            summary = train(
                self.recipe, self.store, ".", changes=self.changes, dry_run=True
            ).summary
        except InputError as error:
            return [
                f"{self.recipe} cannot train on this store ({error}): import with --size 64 64"
            ], []
        return list(summary.advice), [self.command]
