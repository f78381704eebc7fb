"""Find models, metrics, formats and the other kinds of plug-in by name.

A plug-in is one file in its folder, or an entry point of an installed package in the group of the
same name:

    [project.entry-points."foreframe.models"]
    my_model = "my_package.my_model"      # a module that holds what a file in the folder would
    [project.entry-points."foreframe.recipes"]
    my-recipe = "my_package.recipes"      # the package that holds my-recipe.yaml

Files whose name begins with `_` are helpers of their folder.
Only installed code is ever found: a name that comes from a file or a command line is looked up here
and never imported.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.resources
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType

from .errors import ForeframeError, unknown


@dataclass(frozen=True)
class PluginGroup:
    """One kind of plug-in.

    Attributes:
        kind: what error messages call one of them.
        package: the package whose files they are, in this package.
        suffix: `.py`, or `.yaml` for plug-ins that are settings.
        dashed: whether names have dashes where file names have underscores.
        renamed: old names and the new ones; an old name still works and warns.
    """

    kind: str
    package: str
    suffix: str = ".py"
    dashed: bool = False
    renamed: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def folder(self) -> str:
        """The folder's own name, which is also the placeholder in help texts.

        >>> PROTOCOLS.folder
        'protocols'
        """
        return self.package.rpartition(".")[2]

    @property
    def entry_points(self) -> str:
        """The entry point group for installed packages."""
        return f"foreframe.{self.folder}"

    def names(self) -> list[str]:
        """Return the names of all plug-ins of this kind, sorted; nothing is imported.

        >>> WORLDS.names()
        ['dance', 'push', 'push_keys']
        """
        return sorted(_files(self) | _installed(self).keys())

    def current(self, name: str) -> str:
        """Return the name that a plug-in has today, given its name of today or of before.

        >>> WORLDS.current("shove")
        'push_keys'
        """
        return self.renamed.get(name, name)

    def check(self, name: str) -> str:
        """Return the name that a plug-in has today, and warn if the given one is old.

        Raises:
            InputError: no plug-in has this name; the message lists the nearest.
        """
        today = self.current(name)
        if today != name:
            warnings.warn(
                f"{self.kind} {name!r} is now {today!r}; the old name goes with 0.3",
                FutureWarning,
                stacklevel=3,
            )
        if today not in self.names():
            raise unknown(self.kind, name, self.names())
        return today

    def module(self, name: str) -> ModuleType:
        """Import a plug-in.

        Raises:
            InputError: no plug-in has this name; the message lists the nearest.
            ForeframeError: the package that offers it cannot be imported.
        """
        name = self.check(name)
        home = _installed(self).get(name)
        if home is not None:
            return self._import(name, home)
        file = name.replace("-", "_") if self.dashed else name
        return importlib.import_module(f"{self.package}.{file}")

    def text(self, name: str) -> str:
        """Return the content of a plug-in that is a YAML file.

        Raises:
            InputError: no plug-in has this name; the message lists the nearest.
            ForeframeError: the package that offers it cannot be imported or lacks the file.
        """
        name = self.check(name)
        home = _installed(self).get(name)
        package = self.package if home is None else self._import(name, home).__name__
        file = importlib.resources.files(package) / f"{name}{self.suffix}"
        if not file.is_file():
            raise ForeframeError(
                f"{self.kind} {name!r}: package {package} has no {name}{self.suffix}"
            )
        return file.read_text(encoding="utf-8")

    def _import(self, name: str, home: str) -> ModuleType:
        try:
            return importlib.import_module(home)
        except Exception as error:
            package = home.partition(".")[0]
            raise ForeframeError(
                f"{self.kind} {name!r} is offered by the installed package {package}, which cannot "
                f"be imported ({type(error).__name__}: {error}): repair or uninstall it"
            ) from error


@functools.cache
def _files(group: PluginGroup) -> set[str]:
    """The names of the plug-ins in a folder of this package, found without importing it."""
    parts = group.package.split(".")
    folder = importlib.resources.files(parts[0]).joinpath(*parts[1:])
    found = set()
    for file in folder.iterdir():
        name = file.name.removesuffix(group.suffix)
        is_package = group.suffix == ".py" and file.is_dir() and (file / "__init__.py").is_file()
        if (is_package or name != file.name) and not name.startswith("_"):
            found.add(name.replace("_", "-") if group.dashed else name)
    return found


@functools.cache
def _installed(group: PluginGroup) -> dict[str, str]:
    """Names and modules of the plug-ins that other packages offer, beside those of this package."""
    offered = importlib.metadata.entry_points(group=group.entry_points)
    return {entry.name: entry.module for entry in offered if entry.name not in _files(group)}


MODELS = PluginGroup("model", "foreframe.models")
BASELINES = PluginGroup("baseline", "foreframe.baselines")
METRICS = PluginGroup("metric", "foreframe.metrics")
SCHEDULES = PluginGroup("schedule", "foreframe.schedules")
FORMATS = PluginGroup("format", "foreframe.data.formats")
WORLDS = PluginGroup("world", "foreframe.data.worlds", renamed={"shove": "push_keys"})
PROTOCOLS = PluginGroup("protocol", "foreframe.evaluation.protocols", dashed=True)
TRACKERS = PluginGroup("tracker", "foreframe.trackers")
RECIPES = PluginGroup("recipe", "foreframe.recipes", ".yaml")
EXPERIMENTS = PluginGroup("experiment", "foreframe.experiments", ".yaml")

GROUPS = {
    group.folder: group
    for group in (
        MODELS,
        BASELINES,
        METRICS,
        SCHEDULES,
        FORMATS,
        WORLDS,
        PROTOCOLS,
        TRACKERS,
        RECIPES,
        EXPERIMENTS,
    )
}


def with_names(text: str) -> str:
    """Replace `{worlds}`, `{recipes}` and the like in a help text by the names that exist.

    >>> with_names("make a store from a world ({worlds}) in {folder}")
    'make a store from a world (dance, push, push_keys) in {folder}'
    """
    return re.sub(
        r"\{(\w+)\}",
        lambda found: ", ".join(GROUPS[found[1]].names()) if found[1] in GROUPS else found[0],
        text,
    )
