"""Which clips a protocol scores, for other tools to predict.

Clips are numbered episode by episode in the order of the store, and within an episode by their
first frame.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from ...data.store import ClipStore
from ...data.windows import Windows
from ...errors import InputError
from ...runtime.files import atomic_write
from ..evaluating import protocol_clips
from ..protocol import Protocol, find_protocol


def clips_of(
    store: ClipStore, split: str, protocol: Protocol, n_past: int | None, horizon: int | None
) -> tuple[Windows, int]:
    """Return the clips that a protocol scores without a run, and how many frames are context.

    Raises:
        InputError: lengths that the protocol does not say and are not given, or says otherwise.
    """
    seen = _length("n_past", protocol.n_past, n_past, protocol)
    ahead = _length("horizon", protocol.horizon, horizon, protocol)
    return protocol_clips(store, split, protocol, seen + ahead), seen


def list_clips(
    out: str | Path,
    data: str | Path,
    split: str = "test",
    protocol: str = "foreframe",
    n_past: int | None = None,
    horizon: int | None = None,
) -> Path:
    """Write which clips a protocol scores, in the order that predictions of them have to have.

    The CSV has the columns `clip`, `episode`, `first_frame`, `context_frames` and
    `predicted_frames`.

    Args:
        out: the CSV to write.
        data: a clip store.
        split: train, validate or test.
        protocol: {protocols}.
        n_past: context frames; needed where the protocol leaves them to the run.
        horizon: predicted frames; needed where the protocol leaves them to the run.

    Raises:
        InputError: not a store; no such split; clips longer than any episode.
    """
    windows, seen = clips_of(ClipStore(data), split, find_protocol(protocol), n_past, horizon)
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(["clip", "episode", "first_frame", "context_frames", "predicted_frames"])
    for index in range(len(windows)):
        episode, first = windows.place(index)
        writer.writerow([index, episode.name, first, seen, windows.length - seen])
    return atomic_write(Path(out), content.getvalue())


def _length(name: str, said: int | None, given: int | None, protocol: Protocol) -> int:
    option = "--" + name.replace("_", "-")
    if said is not None:
        if given not in (None, said):
            raise InputError(
                f"{option} is {given}, protocol {protocol.name} has {said}: leave {option} out, or "
                "choose another --protocol"
            )
        return said
    if given is None:
        raise InputError(
            f"protocol {protocol.name} leaves {name} to the run, and predictions have none: "
            f"say {option}"
        )
    if given < 1:
        raise InputError(f"{option} is {given}; expected at least 1")
    return given
