"""Serve a client's drive over a WebSocket: only the newest act counts, and pictures never queue up.

Letters: N samples, C channels, H height, W width.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Coroutine, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from starlette.websockets import WebSocket, WebSocketDisconnect
from torch import Tensor

from ..clips import as_floats, to_uint8
from ..errors import InputError
from ..planning import Plan, Present
from ..simulate import Drive
from .engine import Engine
from .left import LeftDrives
from .messages import (
    MOST_BYTES,
    Act,
    Begin,
    Chance,
    Choose,
    Goal,
    Message,
    Reseed,
    Resume,
    Seek,
    Undo,
    parse_message,
    picture,
)
from .seeking import Seekers, present_of, told

# A client that does not take a picture is sent no other and costs the others no step. It is gone
# when it has taken none for so long.
_SEND_S = 30.0
_IDLE_S = 600.0  # so is a client that is silent for longer
_UNREAD = 3  # pictures that may be unacknowledged before no more are sent
_MOST_WAITING = 32  # messages that may wait; then the oldest are dropped
_MOST_ERRORS = 100  # a client with more is disconnected
FULL_SPREAD = 0.25  # the standard deviation shown in the brightest colour


class Connection:
    """A client's connection, from its start to its end.

    Attributes:
        drive: the client's drive; None before its first `begin`.
        encodes: whether an animation of the drive is being written.
    """

    def __init__(
        self,
        socket: WebSocket,
        engines: Mapping[str, Engine],
        seekers: Seekers,
        key: str,
        left: LeftDrives,
    ) -> None:
        self.socket, self.engines, self.key, self.left = socket, engines, key, left
        self._seekers, self._goal = seekers, torch.zeros(0)
        self._plan: Plan | None = None
        self._seeking: asyncio.Task[None] | None = None
        self.drive: Drive | None = None
        self.encodes = False
        self.engine = next(iter(engines.values()))
        self._said: deque[Message] = deque()
        self._news = asyncio.Event()
        self._begins, self._sent, self._seen, self._errors = 0, 0, 0, 0

    async def serve(self) -> None:
        """Answer messages until the client leaves, is silent for too long, or does not read."""
        await self._tell({"is": "ready", "key": self.key})
        listening = asyncio.create_task(self._listen())
        doing = asyncio.create_task(self._do_messages())
        done, left = await asyncio.wait({listening, doing}, return_when=asyncio.FIRST_COMPLETED)
        if self._seeking is not None:
            left.add(self._seeking)
        for task in left:
            task.cancel()
        for task in (*done, *left):
            with contextlib.suppress(asyncio.CancelledError, TimeoutError, ConnectionError):
                await task

    async def _listen(self) -> None:
        while True:
            message = await asyncio.wait_for(self.socket.receive(), _IDLE_S)
            if message["type"] == "websocket.disconnect":
                return
            try:
                self._take(parse_message(_text_of(message)))
            except InputError as error:
                self._errors += 1
                await self._tell({"is": "error", "says": str(error)})
                if self._errors >= _MOST_ERRORS:
                    return

    def _take(self, said: Message) -> None:
        if isinstance(said, Act):
            self._seen = max(self._seen, min(said.seen, self._sent))
            if self._said and isinstance(self._said[-1], Act):
                self._said.pop()  # the newest act wins
        self._said.append(said)
        if len(self._said) > _MOST_WAITING:
            self._said.popleft()
        self._news.set()

    async def _do_messages(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._said:
                said, began = self._said.popleft(), time.perf_counter()
                try:
                    if await self._do(said):
                        await self._show(began)
                except InputError as error:
                    await self._tell({"is": "error", "says": str(error)})

    async def _do(self, said: Message) -> bool:
        """Carry out a message, and return whether there is a new picture to show."""
        if isinstance(said, Begin):
            self._begins += 1
            await self._begin(said)
            return True
        if isinstance(said, Resume):
            self._begins += 1
            return await self._resume(said)
        if self.drive is None:
            raise InputError("no drive was begun; expected 'begin' first")
        drive, engine = self.drive, self.engine
        if isinstance(said, Act):
            if self._sent - self._seen >= _UNREAD:
                return False
            await engine.act(self.key, drive, await engine.do(self._action, said))
        elif isinstance(said, Undo):
            await engine.do(drive.undo, said.steps)
        elif isinstance(said, Reseed):
            drive.reseed()
            return False
        elif isinstance(said, Choose):
            if said.sample >= drive.session.samples:
                raise InputError(
                    f"there is no sample {said.sample}; expected 0 to {drive.session.samples - 1}"
                )
            await engine.do(drive.choose, said.sample, said.samples)
        elif isinstance(said, Chance):
            drive.session.noise.temperature, drive.session.noise.frozen = (
                said.temperature,
                said.frozen,
            )
            return False
        elif isinstance(said, Goal):
            self._goal = await engine.do(self._picture_of, said)
            return False
        elif isinstance(said, Seek):
            await self._seek(drive)
            return False
        return True

    def _picture_of(self, said: Goal) -> Tensor:
        """Return a goal picture [C, H, W] in [0, 1]."""
        simulator, drive = self.engine.simulator, self.drive
        assert drive is not None
        self._plan = None
        if said.start is None or said.row is None:
            return drive.session.frames[0, 0].float().cpu()
        return as_floats(simulator.frame(said.start, said.row))

    async def _seek(self, drive: Drive) -> None:
        """Begin to plan aside; the plan is sent when it is there."""
        if not self._goal.numel():
            raise InputError("there is no goal; expected 'goal' first")
        if self._seeking is not None and not self._seeking.done():
            raise InputError("a plan is being made already; wait for it")
        present = await self.engine.do(present_of, drive)
        self._seeking = asyncio.create_task(self._make_plan(present))

    async def _make_plan(self, present: Present) -> None:
        before = self._plan if self._plan and self._plan.step < present.step else None
        simulator, begins = self.engine.simulator, self._begins
        try:
            plan = await self._seekers.plan(simulator, present, self._goal, before)
            self._plan = plan
            await self._tell({**told(plan), "begins": begins})
        except InputError as error:
            await self._tell({"is": "error", "says": str(error)})

    async def _begin(self, said: Begin) -> None:
        if said.simulator not in self.engines:
            raise InputError(
                f"there is no {said.simulator!r} here; expected one of {', '.join(self.engines)}"
            )
        if self.engine is not self.engines[said.simulator]:
            self._goal = torch.zeros(0)  # pictures of another model
        self._plan, self.engine = None, self.engines[said.simulator]
        self.drive = await self.engine.do(
            self.engine.simulator.begin, said.start, said.samples, said.seed
        )

    async def _resume(self, said: Resume) -> bool:
        """Take over the drive of a lost connection; tell the client if it is kept no more."""
        found = self.left.take(said.key, time.monotonic())
        if found is None:
            await self._tell({"is": "gone"})
            return False
        self.engine, self.drive = found.engine, found.drive
        return True

    def _action(self, said: Act) -> NDArray[np.float32] | Tensor:
        simulator, drive = self.engine.simulator, self.drive
        assert drive is not None
        if said.row is not None:
            return simulator.recorded(drive.start, said.row)
        if said.joints is not None:
            return simulator.label(np.asarray(said.joints, np.float32).reshape(-1, 2))
        return simulator.checked(np.asarray(said.action, np.float32))

    async def _show(self, began: float) -> None:
        assert self.drive is not None
        head, parts = await self.engine.do(seen, self.drive)
        self._sent += 1
        took = round((time.perf_counter() - began) * 1e3, 2)
        numbers = {"number": self._sent, "begins": self._begins, "took_ms": took}
        message = picture({**head, **numbers}, parts)
        await self._send(self.socket.send_bytes(message))

    async def _tell(self, what: dict[str, Any]) -> None:
        await self._send(self.socket.send_json(what))

    async def _send(self, sending: Coroutine[Any, Any, None]) -> None:
        """Send to the client, and disconnect it if it left or does not read."""
        try:
            await asyncio.wait_for(sending, _SEND_S)
        except (RuntimeError, WebSocketDisconnect, OSError, TimeoutError) as error:
            raise ConnectionError("the client is gone") from error


def _text_of(message: Mapping[str, Any]) -> str:
    text = message.get("text")
    if text is None or len(text) > MOST_BYTES:
        raise InputError(f"a message is not text of at most {MOST_BYTES} bytes; expected JSON")
    return str(text)


def seen(drive: Drive) -> tuple[dict[str, Any], list[NDArray[np.uint8]]]:
    """Return the head and the pictures of a message about a drive.

    The pictures are the N samples, their standard deviation if N > 1, and the recorded frame while
    the drive follows the recording.
    """
    pictures = to_uint8(drive.session.frames[0]).movedim(1, -1).cpu()
    parts = [_coloured(pictures)]
    samples, truth = drive.session.samples, drive.truth
    if samples > 1:
        spread = drive.session.uncertainty[0].float().cpu() / FULL_SPREAD
        parts.append(to_uint8(spread).numpy())
    if truth is not None:
        parts.append(_coloured(truth.movedim(0, -1)))
    head = {
        "step": drive.step - drive.n_past,
        "samples": samples,
        "spread": samples > 1,
        "truth": truth is not None,
        "psnr": None if drive.psnr is None else round(drive.psnr, 2),
        "can_undo": drive.can_undo,
        "row": drive.step,
        "rows": len(drive.start),
        "recorded": len(drive.pictures) == drive.step,
        "kept": len(drive.pictures),
    }
    return head, parts


def _coloured(pictures: Tensor) -> NDArray[np.uint8]:
    """Return pictures [..., H, W, C] as [..., H, W, 3]; grey ones in three equal colours."""
    if pictures.shape[-1] == 1:
        pictures = pictures.expand(*pictures.shape[:-1], 3)
    found: NDArray[np.uint8] = torch.Tensor.contiguous(pictures[..., :3]).numpy()
    return found
