"""One thread that computes for all clients of a simulator. Whoever acts while it is busy shares the next step."""

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
    """The simulator's clients in turn. Everything that touches a drive runs in the thread, so nothing has to be locked."""

    def __init__(self, simulator: Simulator, thread: ThreadPoolExecutor) -> None:
        self.simulator, self.thread = simulator, thread
        self._waiting: list[tuple[Drive, Any, asyncio.Future[Tensor]]] = []
        self._turn: asyncio.Task[None] | None = None

    async def do(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Run a function in the thread."""
        return await asyncio.get_running_loop().run_in_executor(self.thread, function, *arguments)

    async def act(self, drive: Drive, action: Any) -> Tensor:
        """One act: the futures seen [N, C, H, W]. Waits for the step that is being made, and shares the next one."""
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
            except Exception as error:  # to those who asked; the others' turn comes
                seen = [error] * len(futures)
            for future, frames in zip(futures, seen, strict=True):
                if future.cancelled():
                    continue
                if isinstance(frames, Exception):
                    future.set_exception(frames)
                else:
                    future.set_result(frames)
