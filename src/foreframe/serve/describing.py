"""What the page is told: of a simulator before a drive, and of a drive that was saved."""

from __future__ import annotations

import io
import shlex
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..data.store import ClipStore
from ..simulate import Simulator, steering

_THUMBNAIL = 64  # pixels high, at least


def described(simulator: Simulator) -> Mapping[str, Any]:
    """Return the facts about a simulator that the page needs."""
    _, height, width = simulator.spec.frame
    names = list(simulator.spec.names)
    return {
        "name": simulator.name,
        "model": simulator.kind,
        "parameters": sum(p.numel() for p in simulator.model.parameters()),
        "frame": [height, width],
        "frames_per_second": simulator.spec.frames_per_second,
        "by_pictures": simulator.by_pictures,
        "columns": [] if simulator.by_pictures else _columns(simulator),
        "hands": [asdict(hand) for hand in steering.hands(simulator)],
        "predicted_states": [names[i] for i in simulator.head.indices] if simulator.head else [],
        "steering": dict(simulator.steering),
        "act_ms": round(simulator.act_ms, 2),
        "precision": simulator.precision,
        "starts": [{"name": start.name, "rows": len(start)} for start in simulator.starts],
        "begins_at": simulator.n_past,
        "notes": dict(simulator.notes),
        "has_latent": bool(simulator.model.latent_shapes),
    }


def thumbnail(simulator: Simulator, number: int, row: int | None = None) -> bytes:
    """Return frame `row` of a clip as a PNG, by default the one that a drive begins with."""
    from PIL import Image

    shown = simulator.n_past - 1 if row is None else row
    frame = simulator.frame(number, shown).movedim(0, -1).numpy()
    image = Image.fromarray(frame[..., 0] if frame.shape[-1] == 1 else frame)
    zoom = max(1, -(-_THUMBNAIL // image.height))
    content = io.BytesIO()
    image.resize((image.width * zoom, image.height * zoom), Image.Resampling.BICUBIC).save(
        content, "png"
    )
    return content.getvalue()


def track(simulator: Simulator, number: int) -> dict[str, Any]:
    """Return a clip's recorded actions, or the places of its joints.

    The places are not rounded, so that the labels drawn from them are the recorded ones.
    """
    start = simulator.starts[number]
    if start.joints is not None:
        return {"joints": start.joints.tolist()}
    if simulator.by_pictures:
        return {"actions": []}
    return {"actions": start.conditions.numpy()[:, simulator.steered].tolist()}


def saved(simulator: Simulator, store: ClipStore) -> Mapping[str, Any]:
    """Return where a drive was saved, and a command that works on it as it stands.

    `sample` needs a clip of the run's context and horizon; a shorter one can be inspected.
    """
    path, frames = store.path.resolve(), store.episodes[0].length
    wanted = simulator.n_past + int(simulator.notes["horizon"])
    return {
        "store": str(path),
        "frames": frames,
        "lacking": max(0, wanted - frames),
        "command": _drawn(simulator.folder, path) if frames >= wanted else _inspected(path),
    }


def _drawn(run: Path, store: Path) -> str:
    pictures = store.with_name(f"{store.name}-futures")
    words = ["foreframe", "sample", str(run), "--data", str(store), "--out", str(pictures)]
    return shlex.join(words)


def _inspected(store: Path) -> str:
    return shlex.join(["foreframe", "data", "inspect", str(store)])


def _columns(simulator: Simulator) -> list[Mapping[str, Any]]:
    """Return name, range, unit and step of each steered column."""
    spec, steps, units = simulator.spec, steering.steps(simulator), steering.units(simulator)
    return [
        {
            "name": spec.names[i],
            "low": spec.low[i],
            "high": spec.high[i],
            "mean": spec.mean[i],
            "unit": units[k],
            "step": float(steps[k]),
        }
        for k, i in enumerate(simulator.steered)
    ]
