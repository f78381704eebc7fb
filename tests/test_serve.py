"""The server: who gets in, what may be said, and that honest clients are served whatever others do."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import websockets
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus

import foreframe
from clients import Client, address_of, get
from foreframe import InputError
from foreframe.serve import app, connection, play
from foreframe.serve.messages import MOST_BYTES, parse_message
from foreframe.simulate import Simulator


@contextlib.contextmanager
def serving(run: Path, drives: Path, token: str | None = None) -> Iterator[int]:
    """A server of a run, on a port of its own."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app([Simulator(run)], drives, token),
        ws="websockets-sansio",
        ws_max_size=MOST_BYTES,
        log_level="error",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def port(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with serving(run, tmp_path_factory.mktemp("drives")) as port:
        yield port


def test_a_client_drives_undoes_and_keeps(port: int) -> None:
    async def drive() -> dict[str, Any]:
        async with Client.at(port) as client:
            head, pixels = await client.begin("run", samples=4)
            assert (head["step"], head["samples"], head["truth"]) == (0, 4, True)
            assert len(pixels) == (4 + 1) * 32 * 64 * 3 + 32 * 64
            first, seen = await client.act(action=[1.0, 2.0])
            assert (first["step"], first["truth"], first["can_undo"]) == (1, False, 1)
            await client.act(action=[1.0, 2.0])
            assert (await client.ask(do="undo", steps=2))[0]["step"] == 0
            assert (await client.act(action=[1.0, 2.0]))[1][: 32 * 64 * 3] == seen[: 32 * 64 * 3]
            assert (await client.ask(do="choose", sample=2, samples=1))[0]["samples"] == 1
            await client.begin("run")
            assert (await client.act(row=2))[0]["psnr"] > 5
            key = client.key
            assert get(port, f"/drives/{key}/drive.gif")[1][:4] == b"GIF8"
            assert get(port, f"/drives/{key}/drive.exe")[0] == 400
            saved = json.loads(get(port, f"/drives/{key}/clip", "POST")[1])
        for _ in range(100):  # it goes with its client
            if get(port, f"/drives/{key}/drive.gif")[0] == 400:
                return saved
            await asyncio.sleep(0.05)
        raise AssertionError("the drive is still there")

    saved = asyncio.run(drive())
    assert saved["frames"] == 3  # two given, one imagined; a whole one is scored in test_driving.py
    assert len(foreframe.data.ClipStore(saved["store"]).episodes) == 1


def test_the_page_says_what_there_is(port: int) -> None:
    status, text = get(port, "/simulators")
    found = json.loads(text)
    assert status == 200
    assert [c["name"] for c in found["simulators"][0]["columns"]] == ["dy", "dx"]
    assert get(port, "/")[1].startswith(b"<!doctype html>")
    assert get(port, "/simulators/run/starts/0.png")[1][:4] == b"\x89PNG"
    assert get(port, "/simulators/run/starts/999.png")[0] == 400
    assert get(port, "/../../etc/passwd")[0] == 404
    assert get(port, "/%2e%2e/app.py")[0] == 404


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("localhost:{}", None, 200),
        ("127.0.0.1:{}", "http://127.0.0.1:{}", 200),
        ("evil.example:{}", None, 403),  # a name that was made to point here (DNS rebinding)
        ("localhost:{}", "http://evil.example", 403),
        ("localhost:{}", "null", 403),
        ("localhost:{}", "http://localhost:1", 403),
    ],
)
def test_strangers_are_refused(port: int, host: str, origin: str | None, status: int) -> None:
    headers = {"Host": host.format(port)} | ({"Origin": origin.format(port)} if origin else {})
    assert get(port, "/simulators", headers=headers)[0] == status

    async def knock() -> int:
        own = {key: value for key, value in headers.items() if key == "Origin"}
        try:
            async with websockets.connect(address_of(port), additional_headers=own, proxy=None):
                return 200
        except InvalidStatus as error:
            return error.response.status_code

    if host.startswith(("localhost", "127")) and origin and "127.0.0.1" not in origin:
        assert asyncio.run(knock()) == 403


def test_beyond_this_machine_a_token_is_asked_for(run: Path, tmp_path: Path) -> None:
    with serving(run, tmp_path, token="secret") as port:
        anywhere = {"Host": "robot.lab"}
        assert get(port, "/simulators", headers=anywhere)[0] == 403
        assert get(port, "/simulators?token=guess", headers=anywhere)[0] == 403
        assert get(port, "/simulators?token=secret", headers=anywhere)[0] == 200


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "7", '{"do": 1}', '{"do": "fly"}', '{"do": "act"}', '{"do": "act", "seen": 0}', "[" * 30000,
        '{"do": "act", "seen": -1, "row": 0}', '{"do": "act", "seen": 0, "action": [1e999]}', '{"do": "begin"}',
        '{"do": "act", "seen": 0, "action": [NaN]}', '{"do": "act", "seen": 0, "action": "x"}',
        '{"do": "act", "seen": 0, "action": [true]}', '{"do": "act", "seen": 0, "row": 0, "action": []}',
        '{"do": "act", "seen": 0, "joints": [[1]]}', '{"do": "begin", "simulator": "run", "samples": 1000000}',
        '{"do": "begin", "simulator": "run", "x": 1}', '{"do": "chance", "temperature": 1e6}',
        '{"do": "undo", "steps": 1.5}', '{"do": "choose", "samples": 4, "sample": true}',
        '{"do": "act", "seen": 0, "action": [' + "0," * 5000 + "0]}",
    ],
)  # fmt: skip
def test_what_no_page_says_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_message(text)
    assert len(str(caught.value)) < 400


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
_FIELDS = ("simulator", "start", "samples", "seed", "seen", "action", "joints", "row", "steps",
           "sample", "temperature", "frozen")  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["begin", "act", "undo", "reseed", "choose", "chance"]) | _JSON,
    st.dictionaries(st.sampled_from(_FIELDS) | st.text(max_size=8), _JSON, max_size=4),
)
def test_any_value_in_any_place_is_understood_or_refused_in_one_line(
    do: object, others: dict[str, object]
) -> None:
    refusal = "none"
    try:
        parse_message(json.dumps({**others, "do": do}))
    except InputError as error:
        refusal = str(error)
    assert 0 < len(refusal) < 400
    assert refusal.isprintable()


@pytest.mark.parametrize("value", ["9" * 5000, "9" * 4000, "[" * 400 + "]" * 400, '"\\ud800"'])
def test_monstrous_values_are_refused_in_one_line(value: str) -> None:
    for text in (value, f'{{"do": "act", "seen": {value}}}', f'{{"do": "undo", "steps": {value}}}'):
        with pytest.raises(InputError) as caught:
            parse_message(text)
        assert str(caught.value).isprintable()


def test_the_word_of_before_is_understood() -> None:
    assert parse_message('{"do": "renew"}') == parse_message('{"do": "reseed"}')


def test_malformed_messages_end_nothing(port: int) -> None:
    """A seeded few hundred here, ten thousand in `make soak`."""
    from clients import malformed

    async def try_it() -> None:
        rng = random.Random(1)
        for _ in range(4):
            async with Client.at(port) as client:
                with contextlib.suppress(ConnectionClosed):
                    for _ in range(80):
                        await client.send(malformed(rng))
        async with Client.at(port) as client:
            await client.begin("run")
            assert (await client.act(action=[0.0, 0.0]))[0]["step"] == 1
            await client.send("x" * (MOST_BYTES + 1))
            with pytest.raises(ConnectionClosed):
                await client.hear()

    asyncio.run(try_it())


def test_honest_clients_are_served_beside_those_who_never_read(port: int) -> None:
    from clients import crowd

    found = asyncio.run(crowd(port, "run", honest=6, deaf=4, seconds=2.0))
    assert not found["errors"]
    assert found["acts"] > 20
    assert min(found["acts_each"]) > 0


def test_seats_are_limited_and_the_idle_are_let_go(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foreframe.serve.server._MOST_DRIVES", 2)
    monkeypatch.setattr(connection, "_IDLE_S", 0.5)
    with serving(run, tmp_path) as port:

        async def fill() -> None:
            async with Client.at(port), Client.at(port):
                async with websockets.connect(address_of(port), proxy=None) as third:
                    assert "all 2 seats are taken" in json.loads(await third.recv())["says"]
                await asyncio.sleep(1.0)
                async with Client.at(port) as client:  # the idle ones were let go
                    assert client.key

        asyncio.run(fill())


def test_a_port_in_use_is_said(run: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match="--port 0 for any that is free"):
            play(run, port=taken.getsockname()[1], no_browser=True)
    with pytest.raises(InputError, match="expected 0 to 65535"):
        play(run, port=70000, no_browser=True)
