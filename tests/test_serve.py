"""The server: who gets in, what may be said, and that hostile clients do not disturb the others."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import random
import shlex
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import websockets
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus

import foreframe
from clients import Client, address_of, get
from foreframe import InputError
from foreframe.serve import app, connection, encoding, play
from foreframe.serve.describing import saved
from foreframe.serve.guard import STRICT_HEADERS
from foreframe.serve.listening import Rarely, reachable_name, server
from foreframe.serve.messages import MOST_BYTES, parse_message
from foreframe.serve.turns import Turns, Waiting
from foreframe.simulate import Simulator
from foreframe.simulate.saving import DriveRecord, save_numbered
from foreframe.viz.clips import Track


@contextlib.contextmanager
def serving(run: Path, drives: Path, token: str | None = None) -> Iterator[int]:
    """A server of a run, on a port of its own."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    serving = server(app([Simulator(run)], drives, token))
    thread = threading.Thread(target=serving.run, kwargs={"sockets": [listening]})
    thread.start()
    while not serving.started:
        time.sleep(0.01)
    try:
        yield listening.getsockname()[1]
    finally:
        serving.should_exit = True
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
            # aside, so that the client answers the server's pings however long they take
            gif = await asyncio.to_thread(get, port, f"/drives/{key}/drive.gif")
            assert gif[1][:4] == b"GIF8"
            assert get(port, f"/drives/{key}/drive.exe")[0] == 400
            clip = await asyncio.to_thread(get, port, f"/drives/{key}/clip", "POST")
            saved = json.loads(clip[1])
        for _ in range(100):  # it goes with its client
            if get(port, f"/drives/{key}/drive.gif")[0] == 400:
                return saved
            await asyncio.sleep(0.05)
        raise AssertionError("the drive is still there")

    saved = asyncio.run(drive())
    assert saved["frames"] == 3  # two given, one imagined; a whole one is scored in test_driving.py
    assert len(foreframe.data.ClipStore(saved["store"]).episodes) == 1
    assert saved["lacking"] > 0
    assert works(saved["command"])


def test_a_plan_is_made_aside_and_leads_on_from_the_present(port: int) -> None:
    async def told(client: Client, **message: Any) -> dict[str, Any]:
        await client.send(json.dumps(message))
        found: dict[str, Any] = json.loads(await client.socket.recv())
        return found

    async def seek() -> dict[str, Any]:
        async with Client.at(port) as client, Client.at(port) as other:
            await client.begin("run", samples=4)
            await other.begin("run")
            assert "there is no goal" in (await told(client, do="seek"))["says"]
            assert "no frame 99" in (await told(client, do="goal", start=0, row=99))["says"]
            await client.send(json.dumps({"do": "goal", "start": 0, "row": 5}))
            plan = asyncio.create_task(told(client, do="seek"))
            await other.act(action=[1.0, 2.0])  # others are served meanwhile
            first = await plan
            head, _ = await client.act(action=first["actions"][0])
            await client.send(json.dumps({"do": "goal"}))
            second = await told(client, do="seek")
            assert (second["is"], second["row"]) == ("plan", head["row"])
            await client.begin("run")
            return first

    found = asyncio.run(seek())
    assert (found["is"], found["row"], found["begins"]) == ("plan", 2, 1)
    assert len(found["actions"]) == 4  # the run's horizon
    assert all(abs(x) <= 3 for row in found["actions"] for x in row)
    assert get(port, "/simulators/run/starts/0.png?row=5")[1][:4] == b"\x89PNG"
    assert get(port, "/simulators/run/starts/0.png?row=99")[0] == 400


def test_a_drive_outlives_the_deadline_of_a_request(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foreframe.serve.listening._REQUEST_S", 0.3)

    async def drive() -> int:
        async with Client.at(port) as client:
            await client.begin("run")
            await asyncio.sleep(0.6)
            return int((await client.act(action=[1.0, 2.0]))[0]["step"])

    assert asyncio.run(drive()) == 1


def works(command: str) -> str:
    """Type a command that the page shows, anywhere; what it prints."""
    program, *words = shlex.split(command)
    assert program == "foreframe"
    done = subprocess.run(
        [sys.executable, "-m", program, *words],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_saved_drive_says_a_command_that_draws_its_futures(run: Path, tmp_path: Path) -> None:
    simulator = Simulator(run)
    drive = simulator.begin()
    while len(drive.pictures) < simulator.n_past + simulator.notes["horizon"]:
        simulator.act([drive], [np.array([1.0, 0.0], np.float32)])
    store = save_numbered(DriveRecord.of(simulator, drive), tmp_path / "kept by me")
    said = saved(simulator, store)
    assert said["lacking"] == 0
    works(said["command"])
    assert list((tmp_path / "kept by me" / "run-1-futures").glob("*.png"))


def test_the_page_says_what_there_is(port: int) -> None:
    status, text = get(port, "/simulators")
    found = json.loads(text)
    assert status == 200
    (simulator,) = found["simulators"]
    assert [c["name"] for c in simulator["columns"]] == ["dy", "dx"]
    (hand,) = simulator["hands"]
    assert {hand["across"]["column"], hand["along"]["column"]} == {"dy", "dx"}
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
        ("localhost:{}", "https://localhost:{}", 403),
        ("localhost:{}", "http://[", 403),
        ("localhost:1", None, 403),
        ("x@localhost:{}", None, 403),
        ("localhost#x:{}", None, 403),
        ("localhost", None, 403),
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
        assert get(port, "/", headers=anywhere)[0] == 403
        assert get(port, "/?token=secret", headers=anywhere)[0] == 303
        for cookie, status in (("secret", 200), ("guess", 403)):
            known = anywhere | {"Cookie": f"foreframe-{port}={cookie}"}
            assert get(port, "/main.js", headers=known)[0] == status
        assert get(port, "/simulators?token=guess", headers=anywhere)[0] == 403
        assert get(port, "/simulators?token=secret", headers=anywhere)[0] == 200


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "7", "[" * 30000,
        '{"do": 1}', '{"do": "fly"}', '{"do": "begin"}', '{"do": "act"}',
        '{"do": "act", "seen": 0}',
        '{"do": "act", "seen": -1, "row": 0}', '{"do": "act", "seen": 0, "action": [1e999]}',
        '{"do": "act", "seen": 0, "action": [NaN]}', '{"do": "act", "seen": 0, "action": "x"}',
        '{"do": "act", "seen": 0, "action": [true]}',
        '{"do": "act", "seen": 0, "row": 0, "action": []}',
        '{"do": "act", "seen": 0, "joints": [[1]]}',
        '{"do": "begin", "simulator": "run", "samples": 1000000}',
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


def test_a_goal_is_a_frame_of_a_clip_or_the_present() -> None:
    assert parse_message('{"do": "goal", "start": 1, "row": 2}').row == 2  # type: ignore[union-attr]
    with pytest.raises(InputError, match="both start and row"):
        parse_message('{"do": "goal", "row": 2}')


def test_the_word_of_before_is_understood() -> None:
    assert parse_message('{"do": "renew"}') == parse_message('{"do": "reseed"}')


@pytest.mark.slow
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


def test_a_drive_goes_on_after_its_connection_was_lost(port: int) -> None:
    async def try_it() -> None:
        async with Client.at(port) as client:
            await client.begin("run", seed=3)
            before, pixels = await client.act(action=[0.0, 0.0])
            key = client.key
        await asyncio.sleep(0.2)  # the server hears of it
        async with Client.at(port) as client:
            after, again = await client.ask(do="resume", key=key)
            assert (after["step"], after["kept"]) == (before["step"], before["kept"])
            assert again == pixels
            assert (await client.act(action=[0.0, 0.0]))[0]["step"] == 2
            await client.send(json.dumps({"do": "resume", "key": key}))
            assert json.loads(await client.socket.recv()) == {"is": "gone"}

    asyncio.run(try_it())


def test_drives_that_were_left_are_kept_for_a_while_and_not_too_many() -> None:
    from foreframe.serve import left

    engine: Any = object()
    drives = left.LeftDrives()
    for number in range(left._MOST_KEPT + 1):
        drives.keep(str(number), engine, engine, now=0.0)
    assert drives.take("0", 1.0) is None
    assert drives.take("1", 1.0) is not None
    assert drives.take("1", 1.0) is None
    assert drives.take("2", left._KEPT_S) is None


@pytest.mark.slow
def test_honest_clients_are_served_beside_those_who_never_read(port: int) -> None:
    from clients import crowd

    found = asyncio.run(crowd(port, "run", honest=6, deaf=4, seconds=2.0))
    assert not found["errors"]
    assert min(found["acts_each"]) > 0


@pytest.mark.slow
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


@pytest.mark.parametrize("path", ["/", "/main.js", "/nothing", "/simulators/run/starts/999.png"])
@pytest.mark.parametrize("host", ["localhost:{}", "evil.example"])
def test_every_answer_tells_browsers_to_be_strict(port: int, path: str, host: str) -> None:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as asked:
        asked.request("GET", path, headers={"Host": host.format(port)})
        given = asked.getresponse().headers
    assert {name: given[name] for name in STRICT_HEADERS} == STRICT_HEADERS


@pytest.mark.parametrize(
    "path", ["/simulators/run/starts/" + "9" * 5000 + ".png", "/%00", "/" + "x" * 5000, "/%ff%fe"]
)
def test_odd_paths_are_refused_without_a_traceback(
    port: int, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert get(port, path)[0] in (400, 404)
    assert not caplog.records


def test_a_message_that_is_not_utf8_is_refused_like_any(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def say() -> dict[str, Any]:
        async with Client.at(port) as client:
            await client.socket.send(b"\xff\xfe", text=True)
            return json.loads(await client.socket.recv())

    assert asyncio.run(say())["is"] == "error"
    assert not caplog.records


def test_the_token_goes_into_a_cookie_and_out_of_the_address(run: Path, tmp_path: Path) -> None:
    with serving(run, tmp_path, token="secret") as port:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as asked:
            asked.request("GET", "/?token=secret")
            answer = asked.getresponse()
        assert (answer.status, answer.headers["location"]) == (303, "/")
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie


def test_a_wildcard_host_is_printed_as_an_address_to_use() -> None:
    assert reachable_name("0.0.0.0") not in ("0.0.0.0", "")
    assert reachable_name("127.0.0.1") == "localhost"


def test_silent_connections_make_room(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foreframe.serve.listening.most_connections", lambda: 10)
    with serving(run, tmp_path) as port, contextlib.ExitStack() as opened:
        for _ in range(80):
            half = opened.enter_context(socket.create_connection(("127.0.0.1", port)))
            half.sendall(b"GET / HTTP/1.1\r\nHost: x")
        assert get(port, "/")[0] == 200


def test_a_half_request_is_given_up(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foreframe.serve.listening._REQUEST_S", 0.3)
    with serving(run, tmp_path) as port, socket.create_connection(("127.0.0.1", port)) as half:
        half.sendall(b"GET / HTTP/1.1\r\n")
        half.settimeout(10)
        with contextlib.suppress(ConnectionResetError):
            assert half.recv(1) == b""


def test_what_happens_often_is_said_once_a_minute() -> None:
    said: list[str] = []
    now = 0.0
    rarely = Rarely(said.append, 60.0, lambda: now)
    for second in range(120):
        now = float(second)
        rarely("full")
    assert said == ["full", "full (59 times more since this was last said)"]


def waits_of_the_honest(greedy: bool) -> float:
    """Mean wait of a client whose acts take 6 ms, on a clock of its own, beside one whose acts take
    27 ms.
    """
    turns: Turns[str] = Turns()
    rng = random.Random(0)  # the pauses vary, so that no rhythm hides a wait
    cost = {"honest": 0.006, "greedy": 0.027}
    now, due, waits, since = 0.0, {"honest": 0.0}, [], 0.0
    if greedy:
        due["greedy"] = 0.0
    while len(waits) < 500:
        for client in [c for c in due if due[c] <= now]:
            asked_at = due.pop(client)
            futures = 1 if client == "honest" else 9
            turns.add(Waiting(client, futures, futures, client), now)
            since = asked_at if client == "honest" else since
        turn = turns.take(now)
        if not turn:
            now = min([*due.values(), turns.next_at()])
            continue
        client = turn[0].client
        began, now = now, now + cost[str(client)]
        turns.charge(turn, now - began, now)
        if client == "honest":
            waits.append(now - since)
        due[str(client)] = now + (rng.uniform(0, 0.026) if client == "honest" else 0.0)
    return sum(waits) / len(waits)


def test_a_greedy_client_does_not_double_the_wait_of_others() -> None:
    assert waits_of_the_honest(greedy=True) <= 2 * waits_of_the_honest(greedy=False)


def test_ten_drives_saved_at_once_are_ten(run: Path, tmp_path: Path) -> None:
    simulator = Simulator(run)
    record = DriveRecord.of(simulator, simulator.begin())
    (tmp_path / ".saving-1-left").mkdir()
    with ThreadPoolExecutor(10) as pool:
        stores = list(pool.map(lambda _: save_numbered(record, tmp_path).path.name, range(10)))
    assert sorted(stores) == sorted(f"run-{n}" for n in range(1, 11))


def test_a_save_that_fails_leaves_nothing(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with serving(run, tmp_path) as port:

        async def save() -> int:
            async with Client.at(port) as client:
                await client.begin("run")
                monkeypatch.setattr("foreframe.simulate.saving._build", full)
                return await asyncio.to_thread(
                    lambda: get(port, f"/drives/{client.key}/clip", "POST")[0]
                )

        assert asyncio.run(save()) == 500
    assert not list(tmp_path.iterdir())


def test_encoding_ends_with_its_client(monkeypatch: pytest.MonkeyPatch) -> None:
    async def leave() -> tuple[int, bool]:
        encoders, started = encoding.Encoders(), []
        start = asyncio.create_subprocess_exec

        async def watched(*words: Any, **how: Any) -> Any:
            started.append(await start(*words, **how))
            return started[-1]

        monkeypatch.setattr(asyncio, "create_subprocess_exec", watched)
        track = Track("long", np.zeros((1500, 64, 64, 3), np.uint8), 2)
        working = asyncio.create_task(encoders.encode(track, ".webp", 5.0))
        while not started:
            await asyncio.sleep(0.01)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        return len(started), started[0].returncode is not None

    assert asyncio.run(leave()) == (1, True)
