"""Clients of the server: honest ones, ones that never read, ones that send rubbish.

And crowds of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import random
import re
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import websockets


def address_of(port: int) -> str:
    return f"ws://127.0.0.1:{port}/drive"


def get(
    port: int, path: str, method: str = "GET", headers: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    """Status and content of a request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=90)
    with contextlib.closing(connection):
        connection.request(method, path, headers=dict(headers or {}))
        with connection.getresponse() as answer:
            return answer.status, answer.read()


@contextlib.contextmanager
def played(log: Path, *words: str) -> Iterator[int]:
    """`foreframe play` in a process of its own, at any free port of this machine."""
    with played_at(log, *words) as address:
        yield int(re.fullmatch(r"http://localhost:(\d+)/", address)[1])  # type: ignore[index]


@contextlib.contextmanager
def played_at(log: Path, *words: str) -> Iterator[str]:
    """`foreframe play` in a process of its own: the address that it prints.

    What it says on its error stream goes to `log`.
    """
    command = [sys.executable, "-m", "foreframe", "play", *words, "--no-browser", "--port", "0"]
    with log.open("w") as errors:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    assert server.stdout is not None
    try:
        for line in server.stdout:
            if found := re.search(r"drive at (http\S+)", line):
                yield found[1]
                return
        raise RuntimeError(f"the server did not start: {log.read_text()}")
    finally:
        server.terminate()
        server.wait(10)
        server.stdout.close()


class Client:
    """A client that asks and waits for the answer."""

    def __init__(self, socket: Any, key: str) -> None:
        self.socket, self.key, self.seen = socket, key, 0

    @classmethod
    @contextlib.asynccontextmanager
    async def at(cls, port: int) -> AsyncIterator[Client]:
        async with websockets.connect(
            address_of(port), max_size=None, max_queue=None, proxy=None
        ) as socket:
            yield cls(socket, json.loads(await socket.recv())["key"])

    async def send(self, text: str) -> None:
        await self.socket.send(text)

    async def hear(self) -> tuple[dict[str, Any], bytes]:
        """The next picture. An error that the server tells is raised."""
        message = await self.socket.recv()
        if isinstance(message, str):
            raise RuntimeError(json.loads(message)["says"])
        length = struct.unpack(">I", message[:4])[0]
        head = json.loads(message[4 : 4 + length])
        self.seen = head["number"]
        return head, message[4 + length :]

    async def ask(self, **message: Any) -> tuple[dict[str, Any], bytes]:
        await self.send(json.dumps(message))
        return await self.hear()

    async def begin(self, simulator: str, **options: Any) -> tuple[dict[str, Any], bytes]:
        return await self.ask(do="begin", simulator=simulator, **options)

    async def act(self, **how: Any) -> tuple[dict[str, Any], bytes]:
        return await self.ask(do="act", seen=self.seen, **how)


def malformed(rng: random.Random) -> str:
    """A message that is not what it should be, or only just."""
    whole = rng.choice(
        [
            {"do": "act", "seen": 0, "action": [0.1, 0.2]},
            {"do": "begin", "simulator": "run", "start": 0, "samples": 4, "seed": 1},
            {"do": "choose", "sample": 0, "samples": 4},
            {"do": "chance", "temperature": 1.0, "frozen": True},
            {"do": "undo", "steps": 1},
        ]
    )
    wild = [
        None,
        True,
        -1,
        1e308,
        "x" * 300,
        [],
        {},
        [[]],
        1 << 70,
        "run",
        -0.5,
        [1, 2, 3],
        {"do": "act"},
    ]
    kind = rng.randrange(5)
    if kind == 0:
        whole[rng.choice(list(whole))] = rng.choice(wild)
    elif kind == 1:
        del whole[rng.choice(list(whole))]
    elif kind == 2:
        whole[rng.choice(["x", "do ", "__class__", "action", "joints", "row"])] = rng.choice(wild)
    text = json.dumps(whole)
    if kind == 3:
        place = rng.randrange(len(text))
        text = (
            text[:place]
            + rng.choice(['"', "{", "]", "\x00", "é", "9" * 400])
            + text[place + rng.randrange(3) :]
        )
    elif kind == 4:
        text = "".join(chr(rng.randrange(32, 0x2FF)) for _ in range(rng.randrange(2000)))
    return text


@contextlib.asynccontextmanager
async def long_drive(port: int, simulator: str, steps: int) -> AsyncIterator[Client]:
    """A client that has driven for so many steps."""
    async with Client.at(port) as client:
        await client.begin(simulator, start=0)
        for _ in range(steps):
            await client.act(row=0)
        yield client


async def written(port: int, key: str, seconds: float) -> None:
    """Have a drive written as an animation again and again for a while."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(OSError):  # a writing that takes too long
            await asyncio.to_thread(get, port, f"/drives/{key}/drive.gif")


async def crowd(
    port: int,
    simulator: str,
    honest: int,
    deaf: int,
    seconds: float,
    beside: Coroutine[Any, Any, None] | None = None,
    pace_hz: float = 10.0,
) -> dict[str, Any]:
    """`honest` clients that act at a pace, `deaf` ones that act without ever reading, and what is
    done `beside` them, for a while.
    """
    until = time.monotonic() + seconds
    waits: list[float] = []
    errors: list[str] = []
    acts = [0] * honest

    async def drive(number: int) -> None:
        try:
            async with Client.at(port) as client:
                await client.begin(simulator, start=0)
                while time.monotonic() < until:
                    began = time.perf_counter()
                    await client.act(action=[0.0] * client_width)
                    waits.append(time.perf_counter() - began)
                    acts[number] += 1
                    await asyncio.sleep(max(0.0, 1 / pace_hz - (time.perf_counter() - began)))
        except Exception as error:  # whatever befalls an honest client is what is looked for
            errors.append(f"{type(error).__name__}: {error}")

    async def never_read() -> None:
        with contextlib.suppress(websockets.WebSocketException, OSError):
            async with websockets.connect(address_of(port), max_queue=1, proxy=None) as socket:
                await socket.send(json.dumps({"do": "begin", "simulator": simulator, "samples": 9}))
                number = 0
                while time.monotonic() < until:  # it claims to have seen everything
                    number += 1
                    await socket.send(
                        json.dumps({"do": "act", "seen": number, "action": [0.0] * client_width})
                    )
                    await asyncio.sleep(0.01)

    described = json.loads(await asyncio.to_thread(lambda: get(port, "/simulators")[1]))
    client_width = len(
        next(s for s in described["simulators"] if s["name"] == simulator)["columns"]
    )
    all_of_them = [*(drive(n) for n in range(honest)), *(never_read() for _ in range(deaf))]
    await asyncio.gather(*all_of_them, *([beside] if beside else []))
    ms = np.sort(np.asarray(waits or [np.nan])) * 1e3
    return {
        "failed": len(errors),
        "errors": errors[:3],
        "acts": sum(acts),
        "acts_each": acts,
        "p50_ms": round(float(np.percentile(ms, 50)), 1),
        "p99_ms": round(float(np.percentile(ms, 99)), 1),
    }
