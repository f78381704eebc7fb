"""A stand-in for the hub: the part of its HTTP interface that huggingface-hub calls, in memory.

Models and data sets with revisions, gates and LFS; one commit per push. It can be told to fail.
Not in it: Xet, which the real hub prefers for large files; clients fall back to LFS without it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

LARGE = (".safetensors", ".mp4", ".parquet", ".webp", ".npy", ".uint8", ".float32")
TOKEN = "hf_a-token-for-tests"
Files = dict[str, bytes]


@dataclass
class Repository:
    """Commits by their hashes, and the names of some."""

    commits: dict[str, Files] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    gated: bool = False

    def commit(self, files: Files, *names: str) -> str:
        digest = hashlib.sha1(repr((len(self.commits), sorted(files))).encode()).hexdigest()
        self.commits[digest] = dict(files)
        self.names |= dict.fromkeys(("main", *names), digest)
        return digest

    def at(self, revision: str) -> str | None:
        return revision if revision in self.commits else self.names.get(revision)

    @property
    def newest(self) -> Files:
        return self.commits[self.names["main"]]


@dataclass
class StandIn:
    """What is on the hub, what was asked of it, and what fails.

    Attributes:
        repositories: by kind and name.
        large: contents that were sent as LFS, by their digests.
        asked: how often each method and path was called.
        broken: parts of paths that are answered with this status.
        cut: parts of paths whose next download ends after this many bytes.
    """

    repositories: dict[tuple[str, str], Repository] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    broken: dict[str, int] = field(default_factory=dict)
    cut: dict[str, int] = field(default_factory=dict)
    ranges: list[str] = field(default_factory=list)
    url: str = ""

    def add(self, kind: str, name: str, files: Files, *names: str) -> str:
        there = self.repositories.setdefault((kind, name), Repository())
        return there.commit(files, *names)

    def count(self, method: str, part: str) -> int:
        return sum(n for call, n in self.asked.items() if call.startswith(method) and part in call)


def _error(status: int, code: str = "", message: str = "") -> JSONResponse:
    headers = {"X-Error-Code": code, "X-Error-Message": message or code}
    return JSONResponse({"error": message or code}, status, {k: v for k, v in headers.items() if v})


class _Answers:
    def __init__(self, hub: StandIn) -> None:
        self.hub = hub

    def _found(self, request: Request, kind: str) -> tuple[Repository, str] | Response:
        at = request.path_params
        there = self.hub.repositories.get((kind, f"{at['owner']}/{at['name']}"))
        signed = request.headers.get("authorization") == f"Bearer {TOKEN}"
        if there is None:
            return _error(404 if signed else 401, "RepoNotFound")
        commit = there.at(at.get("revision", "main"))
        if commit is None:
            return _error(404, "RevisionNotFound")
        return there, commit

    async def revision(self, request: Request) -> Response:
        found = self._found(request, request.path_params["kind"])
        if isinstance(found, Response):
            return found
        name = f"{request.path_params['owner']}/{request.path_params['name']}"
        siblings = [{"rfilename": path} for path in found[0].commits[found[1]]]
        return JSONResponse({"id": name, "sha": found[1], "siblings": siblings, "tags": []})

    async def tree(self, request: Request) -> Response:
        found = self._found(request, request.path_params["kind"])
        if isinstance(found, Response):
            return found
        return JSONResponse([_entry(*item) for item in found[0].commits[found[1]].items()])

    async def resolve(self, request: Request) -> Response:
        kind = "datasets" if request.url.path.startswith("/datasets/") else "models"
        found = self._found(request, kind)
        if isinstance(found, Response):
            return found
        there, commit = found
        if there.gated and request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _error(403, "GatedRepo")
        content = there.commits[commit].get(request.path_params["path"])
        headers = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if content is None:
            return _error(404, "EntryNotFound")
        headers["ETag"] = f'"{_etag(request.path_params["path"], content)}"'
        begin = 0
        if wanted := request.headers.get("range"):
            self.hub.ranges.append(wanted)
            begin = int(wanted.removeprefix("bytes=").partition("-")[0])
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        part = content[begin:]
        headers["Content-Length"] = str(len(part))
        if request.method == "HEAD":
            return Response(status_code=200, headers=headers)
        end = next((self.hub.cut.pop(p) for p in list(self.hub.cut) if p in request.url.path), None)
        return StreamingResponse(_sent(part, end), 206 if begin else 200, headers)

    async def create(self, request: Request) -> Response:
        if refused := _unsigned(request):
            return refused
        said = await request.json()
        name = f"{said['organization']}/{said['name']}"
        kind = f"{said.get('type', 'model')}s"
        status = 409 if (kind, name) in self.hub.repositories else 200
        if status == 200:
            self.hub.add(kind, name, {".gitattributes": b""})
        return JSONResponse({"url": f"{self.hub.url}/{name}", "name": name}, status)

    async def preupload(self, request: Request) -> Response:
        found = self._found(request, request.path_params["kind"])
        if refused := _unsigned(request) or (found if isinstance(found, Response) else None):
            return refused
        files = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith(LARGE) else "regular",
                "shouldIgnore": False,
            }
            for file in (await request.json())["files"]
        ]
        return JSONResponse({"files": files})

    async def batch(self, request: Request) -> Response:
        objects = [
            {"oid": o["oid"], "size": o["size"]}
            if o["oid"] in self.hub.large
            else {**o, "actions": {"upload": {"href": f"{self.hub.url}/lfs/{o['oid']}"}}}
            for o in (await request.json())["objects"]
        ]
        return JSONResponse({"transfer": "basic", "objects": objects})

    async def put(self, request: Request) -> Response:
        content = await request.body()
        oid = request.path_params["oid"]
        if hashlib.sha256(content).hexdigest() != oid:
            return _error(400, message="another content than was promised")
        self.hub.large[oid] = content
        return Response()

    async def commit(self, request: Request) -> Response:
        found = self._found(request, request.path_params["kind"])
        if refused := _unsigned(request) or (found if isinstance(found, Response) else None):
            return refused
        assert not isinstance(found, Response)
        there, files = found[0], dict(found[0].newest)
        for line in (await request.body()).splitlines():
            said = json.loads(line)
            value = said["value"]
            if said["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif said["key"] == "lfsFile":
                files[value["path"]] = self.hub.large[value["oid"]]
            elif said["key"] == "deletedFile":
                del files[value["path"]]
        commit = there.commit(files)
        name = f"{request.path_params['owner']}/{request.path_params['name']}"
        url = f"{self.hub.url}/{name}/commit/{commit}"
        return JSONResponse({"success": True, "commitOid": commit, "commitUrl": url})

    async def validate(self, request: Request) -> Response:
        import yaml

        front = (await request.json())["content"].split("---")[1]
        return JSONResponse({"errors": [], "warnings": [], "found": len(yaml.safe_load(front))})


def _unsigned(request: Request) -> Response | None:
    signed = request.headers.get("authorization")
    if signed is None:
        return _error(401, message="Invalid username or password.")
    return None if signed == f"Bearer {TOKEN}" else _error(403, message="no right to write here")


def _etag(path: str, content: bytes) -> str:
    if path.endswith(LARGE):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _entry(path: str, content: bytes) -> Mapping[str, Any]:
    entry = {"type": "file", "path": path, "size": len(content), "oid": _etag(path, content)}
    if path.endswith(LARGE):
        entry["lfs"] = {"oid": _etag(path, content), "size": len(content), "pointerSize": 130}
    return entry


async def _sent(content: bytes, end: int | None) -> Any:
    """Send a content; with an `end` the connection breaks after so many bytes."""
    yield content[:end]
    if end is not None:
        raise ConnectionError("cut here, as a test wants it")


def _app(hub: StandIn) -> Any:
    answers, repository = _Answers(hub), "{owner}/{name}"
    of_kind = f"/api/{{kind}}/{repository}"
    routes = [
        Route("/api/repos/create", answers.create, methods=["POST"]),
        Route("/api/validate-yaml", answers.validate, methods=["POST"]),
        Route(f"{of_kind}/revision/{{revision:path}}", answers.revision),
        Route(f"{of_kind}/tree/{{revision}}", answers.tree),
        Route(f"{of_kind}/preupload/{{revision}}", answers.preupload, methods=["POST"]),
        Route(f"{of_kind}/commit/{{revision}}", answers.commit, methods=["POST"]),
        Route(of_kind, answers.revision),
        Route("/lfs/{oid}", answers.put, methods=["PUT"]),
        Route("/{owner}/{name}.git/info/lfs/objects/batch", answers.batch, methods=["POST"]),
        Route(f"/datasets/{repository}/resolve/{{revision}}/{{path:path}}", answers.resolve),
        Route(f"/{repository}/resolve/{{revision}}/{{path:path}}", answers.resolve),
    ]
    inner = Starlette(routes=routes)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            hub.asked[f"{scope['method']} {scope['path']}"] += 1
            for part, status in hub.broken.items():
                if part in scope["path"]:
                    await _error(status, message="told to fail")(scope, receive, send)
                    return
        await inner(scope, receive, send)

    return app


@contextmanager
def served() -> Iterator[StandIn]:
    """Serve a stand-in on a free port of this machine while the block runs."""
    hub = StandIn()
    config = uvicorn.Config(_app(hub), port=0, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    hub.url = f"http://127.0.0.1:{port}"
    try:
        yield hub
    finally:
        server.should_exit = True
        thread.join(5)
