"""A thread that computes for all clients of a simulator. Acts that arrive while it is busy share the next step."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from torch import Tensor

from ..simulate import Drive, Simulator

Result = TypeVar("Result")

_MOST_AT_ONCE = 16  # drives in one step


class Engine:
    """Run the acts of all clients. Everything that touches a drive runs in the thread, so nothing has to be locked."""

    def __init__(self, simulator: Simulator, thread: ThreadPoolExecutor) -> None:
        self.simulator, self.thread = simulator, thread
        self._waiting: list[tuple[Drive, Any, asyncio.Future[Tensor]]] = []
        self._turn: asyncio.Task[None] | None = None

    async def do(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Run a function in the thread."""
        return await asyncio.get_running_loop().run_in_executor(self.thread, function, *arguments)

    async def act(self, drive: Drive, action: Any) -> Tensor:
        """Act and return the futures seen [N, C, H, W]. The act waits for the step that is running and shares the next."""
        future: asyncio.Future[Tensor] = asyncio.get_running_loop().create_future()
        self._waiting.append((drive, action, future))
        if self._turn is None or self._turn.done():
            self._turn = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        while self._waiting:
            turn, self._waiting = self._waiting[:_MOST_AT_ONCE], self._waiting[_MOST_AT_ONCE:]
            drives, actions, futures = zip(*turn, strict=True)
            try:
                seen: list[Tensor | Exception] = [
                    *await self.do(self.simulator.act, drives, actions)
                ]
            except Exception as error:  # only for this turn; the next one goes on
                seen = [error] * len(futures)
            for future, frames in zip(futures, seen, strict=True):
                if future.cancelled():
                    continue
                if isinstance(frames, Exception):
                    future.set_exception(frames)
                else:
                    future.set_result(frames)
