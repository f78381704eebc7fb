"""Addresses on the hub: `org/name`, `org/name@revision`, `hf://org/name`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import InputError

SCHEME = "hf://"

_REPOSITORY = re.compile(r"(?P<repository>\w[\w.-]*/\w[\w.-]*)(?:@(?P<revision>\w[\w./-]*))?")


@dataclass(frozen=True)
class HubAddress:
    """A repository on the hub.

    Attributes:
        kind: what it holds.
        repository: `org/name`.
        revision: a branch, a tag or a commit; None for the newest state of `main`.
    """

    kind: Literal["model", "dataset"]
    repository: str
    revision: str | None = None

    def __str__(self) -> str:
        """Return the address as it is typed.

        >>> print(HubAddress("dataset", "lerobot/pusht", "v3.0"))
        hf://lerobot/pusht@v3.0
        """
        at = f"@{self.revision}" if self.revision else ""
        return f"{SCHEME}{self.repository}{at}"

    @property
    def name(self) -> str:
        """The name of the repository without its owner."""
        return self.repository.partition("/")[2]


def model_at(text: str) -> HubAddress:
    """Read the address of a model, with or without `hf://`.

    >>> model_at("ada/arm@v1")
    HubAddress(kind='model', repository='ada/arm', revision='v1')

    Raises:
        InputError: the text is no such address.
    """
    return _read(text, "model")


def dataset_at(text: str | Path) -> HubAddress | None:
    """Read the address of a data set, `hf://org/name`; None for a path.

    >>> dataset_at("hf://datasets/lerobot/pusht").repository
    'lerobot/pusht'
    >>> dataset_at("data/pusht") is None
    True

    Raises:
        InputError: it begins with `hf://` and is no such address.
    """
    said = _as_typed(text)
    return _read(said, "dataset") if said.startswith(SCHEME) else None


def meant_model(place: str | Path) -> HubAddress | None:
    """Return the address that stands where a folder is expected; None for a folder.

    Without `hf://` only `org/name` is an address, and only if neither it nor `org` is a folder
    here: a misspelt path is never looked up on the hub.

    >>> meant_model("ada/arm")
    HubAddress(kind='model', repository='ada/arm', revision=None)
    >>> meant_model("/runs/arm") is None
    True
    """
    said = _as_typed(place)
    if said.startswith(SCHEME):
        return _read(said, "model")
    found = _REPOSITORY.fullmatch(said)
    if found is None or Path(said).exists() or Path(said).parent.exists():
        return None
    return HubAddress("model", found["repository"], found["revision"])


def _as_typed(place: str | Path) -> str:
    """Return a place as text; a path has lost one of the two slashes of `hf://`."""
    return re.sub(r"^hf:/(?!/)", SCHEME, str(place))


def _read(text: str, kind: Literal["model", "dataset"]) -> HubAddress:
    said = text.removeprefix(SCHEME).removeprefix(f"{kind}s/")
    found = _REPOSITORY.fullmatch(said)
    if found is None:
        raise InputError(
            f"{text!r} is no address of a {kind} on the hub; expected org/name, or "
            "org/name@revision with a branch, a tag or a commit"
        )
    return HubAddress(kind, found["repository"], found["revision"])
