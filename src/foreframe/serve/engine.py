"""Compute the acts of all clients of a simulator in a single thread.

Clients that act while it is busy share its next steps.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

from torch import Tensor

from ..simulate import Drive, Simulator
from .turns import Turns, Waiting

Result = TypeVar("Result")


class _Asked(NamedTuple):
    drive: Drive
    action: Any
    seen: asyncio.Future[Tensor]


class Engine:
    """Serves the clients of a simulator in turn.

    Everything that touches a drive runs in the thread, so nothing has to be locked.
    """

    def __init__(self, simulator: Simulator, thread: ThreadPoolExecutor) -> None:
        self.simulator, self.thread = simulator, thread
        self._turns: Turns[_Asked] = Turns()
        self._news = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None

    async def do(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Run a function in the thread."""
        return await asyncio.get_running_loop().run_in_executor(self.thread, function, *arguments)

    async def act(self, client: str, drive: Drive, action: Any) -> Tensor:
        """Act in a client's drive when its turn comes, and return the futures [N, C, H, W]."""
        seen: asyncio.Future[Tensor] = asyncio.get_running_loop().create_future()
        asked = _Asked(drive, action, seen)
        key, futures = drive.session.batch_key, drive.session.samples
        self._turns.add(Waiting(client, key, futures, asked), time.monotonic())
        self._news.set()
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await seen

    async def _work(self) -> None:
        while self._turns.waiting:
            self._news.clear()
            now = time.monotonic()
            turn = self._turns.take(now)
            if turn:
                await self._compute(turn)
            else:  # all clients rest: wait until the first may go on, or another client acts
                try:
                    await asyncio.wait_for(self._news.wait(), self._turns.next_at() - now)
                except TimeoutError:
                    continue

    async def _compute(self, turn: list[Waiting[_Asked]]) -> None:
        asked = [waiting.act for waiting in turn if not waiting.act.seen.cancelled()]
        began = time.monotonic()
        try:
            seen: list[Tensor] | Exception = await self.do(
                self.simulator.act, [a.drive for a in asked], [a.action for a in asked]
            )
        except Exception as error:  # raised for the clients of this turn only
            seen = error
        now = time.monotonic()
        self._turns.charge(turn, now - began, now)
        for number, (_, _, future) in enumerate(asked):
            if future.cancelled():
                continue
            if isinstance(seen, Exception):
                future.set_exception(seen)
            else:
                future.set_result(seen[number])
