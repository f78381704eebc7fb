"""Push a folder to a model repository, in one commit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError
from .addresses import HubAddress
from .door import door


def check_push(address: HubAddress) -> None:
    """Check what can be known of a push before the work for it is done.

    Raises:
        InputError: there is no token, or the address has a revision.
        ForeframeError: huggingface-hub is not installed.
    """
    if address.revision:
        raise InputError(
            f"a model is pushed to the branch main, not to {address.revision!r}; "
            f"expected --push {address.repository}"
        )
    with door(address) as hub:
        if hub.get_token() is None:
            raise InputError(
                f"there is no token to push {address.repository} with; expected one with the right "
                "to write: `hf auth login`, or the variable HF_TOKEN"
            )


def push(folder: Path, address: HubAddress, own: Sequence[str]) -> None:
    """Push a folder as one commit.

    Large files that have arrived are not sent again, and nothing is seen of a push that was
    stopped: the same call goes on. A repository that is not there is made.

    Args:
        folder: what is pushed.
        address: where to.
        own: patterns of the files that a push writes; those that are there and not in the folder
            are removed, other files stay.

    Raises:
        InputError: no token, or none with the right to write there.
        ForeframeError: the hub cannot be reached or fails.
    """
    check_push(address)
    with door(address) as hub:
        hub.create_repo(address.repository, repo_type=address.kind, exist_ok=True)
        hub.upload_folder(
            repo_id=address.repository,
            repo_type=address.kind,
            folder_path=folder,
            commit_message=f"foreframe publish: {folder.name}",
            delete_patterns=list(own),
        )
