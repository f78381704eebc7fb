"""Map a function over items in worker processes, with the results in order.

Each worker has its own pipe and shares nothing else, so a worker can end at any moment: after an
error, after a second Ctrl-C, or when the system runs out of memory.
The parent never waits for a worker that has ended, and no worker outlives its parent, even a parent
that was killed.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from multiprocessing.connection import wait
from typing import Any, Literal, TypeVar

from ..errors import InputError
from .systems import may_fork

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 2  # how many results a worker may compute ahead of the order; bounds memory


def in_order(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    count: int,
    start: Literal["fork", "spawn"] = "fork",
) -> Generator[Result, None, None]:
    """Yield `function(item)` for each item in order, computed by `count` processes.

    With a count of 1 the function runs in this process.
    Workers are ended with SIGTERM, and waited for if the function handles it (training saves its
    state).

    Args:
        function: computes a result; spawned workers need one at the top level of a module.
        items: the arguments, one per call.
        count: number of workers.
        start: forked workers begin at once; spawned workers import everything again, and may use
            torch, which must not be forked once it has threads. On Windows and macOS all workers
            are spawned.

    Raises:
        InputError: a worker died.
        Exception: whatever the function raised.
    """
    count = min(count, len(items))
    if count <= 1:
        yield from map(function, items)
        return
    context: Any = multiprocessing.get_context(start if may_fork() else "spawn")
    pipes: dict[Any, Any] = {}
    try:
        with _out_of_reach_of_collection():
            for _ in range(count):
                ours, theirs = context.Pipe()
                worker = context.Process(target=_work, args=(theirs, function), daemon=True)
                worker.start()
                theirs.close()  # so that the pipe ends when the worker does
                pipes[ours] = worker
        yield from _results(list(pipes), items)
    finally:
        for worker in pipes.values():
            worker.terminate()
        for pipe, worker in pipes.items():
            worker.join()
            pipe.close()


@contextlib.contextmanager
def _out_of_reach_of_collection() -> Iterator[None]:
    """Keep forked workers from collecting garbage of this process.

    A video decoder that is freed in a worker would wait forever for its threads, which exist only
    in this process.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _results(pipes: list[Any], items: Sequence[Any]) -> Generator[Any, None, None]:
    idle: list[Any] = list(pipes)
    busy: list[Any] = []
    results: dict[int, Any] = {}
    given = wanted = 0
    while wanted < len(items):
        while idle and given < min(len(items), wanted + (1 + _AHEAD) * len(pipes)):
            pipe = idle.pop()
            pipe.send((given, items[given]))
            busy.append(pipe)
            given += 1
        for pipe in list(wait(busy)):
            number, result, error = _receive(pipe)
            if error is not None:
                raise error
            results[number] = result
            busy.remove(pipe)
            idle.append(pipe)
        while wanted in results:
            yield results.pop(wanted)
            wanted += 1


def _receive(pipe: Any) -> Any:
    try:
        return pipe.recv()
    except (EOFError, OSError):
        raise InputError(
            "a worker process died (out of memory?); what is finished is kept: "
            "repeat the command, with fewer --workers"
        ) from None


def _work(pipe: Any, function: Callable[[Any], Any]) -> None:
    """Answer calls until the parent ends this process or has ended; the parent handles Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            number, item = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            answer: tuple[int, Any, Exception | None] = (number, function(item), None)
        except Exception as error:
            answer = (number, None, error)
        pipe.send(answer)


def _end_with_parent() -> None:
    """Wait until the parent has ended, then end this process as the parent would have."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
