"""The one door through which what goes wrong with the hub comes out as an error of foreframe."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from ..errors import ForeframeError, InputError
from .addresses import HubAddress

_LOG_IN = "`hf auth login`, or the variable HF_TOKEN"


def hub_package() -> ModuleType:
    """Import huggingface-hub.

    Raises:
        ForeframeError: it is not installed.
    """
    try:
        import huggingface_hub
    except ImportError:
        raise ForeframeError(
            "the hub is reached through huggingface-hub, which is not installed: "
            "pip install 'foreframe[hub]'"
        ) from None
    return huggingface_hub


@contextlib.contextmanager
def door(address: HubAddress) -> Iterator[ModuleType]:
    """Yield huggingface-hub; what it raises in the block comes out as what to do about it.

    Raises:
        InputError: no such repository or revision, a gated one, no token or one without the right.
        ForeframeError: the hub cannot be reached or fails; or huggingface-hub is not installed.
    """
    package = hub_package()
    try:
        yield package
    except ForeframeError:
        raise
    except Exception as error:
        translated = _translated(_cause(error), address)
        if translated is None:  # a full disk, a fault of ours
            raise
        raise translated from error


def page_of(address: HubAddress) -> str:
    """Return the page that shows a repository."""
    from huggingface_hub import constants

    folder = "datasets/" if address.kind == "dataset" else ""
    return f"{constants.ENDPOINT}/{folder}{address.repository}"


def _cause(error: BaseException) -> BaseException:
    """Return the first error of the hub in a chain; uploads wrap it in a RuntimeError."""
    seen: BaseException | None = error
    while seen is not None:
        if _is_of_the_network(seen) or _status(seen):
            return seen
        seen = seen.__cause__
    return error


def _translated(error: BaseException, address: HubAddress) -> ForeframeError | None:
    from huggingface_hub import constants, errors, get_token

    place = page_of(address)
    token = "this token" if get_token() else "no token"
    if isinstance(error, errors.GatedRepoError):
        return InputError(
            f"{address} is gated, and {token} was let in; expected the token of an account with "
            f"access: ask for it at {place}, then log in ({_LOG_IN})"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return InputError(
            f"{address.repository} has no revision {address.revision!r}; expected a branch, a tag "
            f"or a commit as {place}/tree/main lists them, or none for the newest"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return InputError(
            f"the hub shows no {address.kind} {address.repository} to {token}; expected one at "
            f"{place}: check the name, and log in if it is private ({_LOG_IN})"
        )
    if isinstance(error, errors.HFValidationError):
        return InputError(f"{address} is no name that the hub takes ({_line(error)})")
    offline = (errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError)
    if isinstance(error, offline) or _is_of_the_network(error):
        return _unreachable(error, address, constants.is_offline_mode())
    return _refused(error, address)


def _unreachable(error: BaseException, address: HubAddress, switched_off: bool) -> ForeframeError:
    from huggingface_hub import constants

    why = "HF_HUB_OFFLINE is set" if switched_off else f"no answer from {constants.ENDPOINT}"
    return ForeframeError(
        f"{address} cannot be reached ({why}: {_line(error)}) and is not whole in the cache; "
        "what has arrived is kept: repeat the command when the hub answers"
    )


def _refused(error: BaseException, address: HubAddress) -> ForeframeError | None:
    """Return what an answer of the hub means; None for an error that is not its answer."""
    from huggingface_hub import get_token

    status, said = _status(error), _line(error)
    if status in (401, 403):
        token = "this token may not do it" if get_token() else "there is no token"
        return InputError(
            f"the hub refuses {address} ({said}): {token}; expected a token with the right to "
            f"read, or to write what is pushed ({_LOG_IN})"
        )
    if status == 429 or (status or 0) >= 500:
        return ForeframeError(
            f"the hub is busy or broken ({said}); what has arrived is kept: "
            "repeat the command in a minute"
        )
    if status:
        return InputError(f"the hub does not take this for {address} ({said})")
    return None


def _status(error: BaseException) -> int | None:
    response: Any = getattr(error, "response", None)
    return getattr(response, "status_code", None)


def _is_of_the_network(error: BaseException) -> bool:
    """Return whether an error is one of the HTTP client that has got no answer."""
    client = type(error).__module__.partition(".")[0]
    return client.startswith(("httpx", "httpcore")) and _status(error) is None


def _line(error: BaseException) -> str:
    """Return the last telling line of an error, cut short."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:160]
