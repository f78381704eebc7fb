"""Print the lowest version of every dependency that pyproject.toml allows, as constraints for pip.

`make floors` installs these into an environment of its own and runs the hostile files in it.
torch is the exception: it comes from constraints.txt, and CI tries its lowest version by itself.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
_TESTING = "dev"  # an extra of tools, which read no recordings
_PINNED = "torch"


def requirements() -> Iterator[Requirement]:
    """Yield what the package and its extras require, without this package and its test tools."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = [line for name, lines in extras.items() if name != _TESTING for line in lines]
    for line in (*project["dependencies"], *lines):
        requirement = Requirement(line)
        if requirement.name != project["name"]:
            yield requirement


def floor(requirement: Requirement) -> str:
    """Return the lowest version that a requirement allows.

    Raises:
        ValueError: it has no lower bound, so its lowest version was not tried.
    """
    for specifier in requirement.specifier:
        if specifier.operator in (">=", "=="):
            return specifier.version
    raise ValueError(f"{requirement} has no lower bound; expected one that `make floors` passes")


def constraints() -> list[str]:
    """Return a line per dependency, sorted."""
    pinned = [
        line
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line.startswith(f"{_PINNED}==")
    ]
    lowest = {f"{r.name}=={floor(r)}" for r in requirements() if r.name != _PINNED}
    return sorted({*lowest, *pinned}, key=str.casefold)


if __name__ == "__main__":
    print("\n".join(constraints()))
