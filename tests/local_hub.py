"""A hub on this machine: the HTTP interface that the real client of the hub uses, with faults on demand."""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote, urlsplit

import pytest

Fault = int | float | Literal["cut", "corrupt", "hang up"]
"""A status, seconds to wait, half of the body and no more, other bytes, or no answer at all."""
LARGE = (".safetensors", ".parquet", ".bin")
"""Files that are stored elsewhere under their SHA-256, as git does with large files."""


class Asked(NamedTuple):
    method: str
    path: str
    range: str | None


class Repository(NamedTuple):
    commits: dict[str, dict[str, bytes]]
    revisions: dict[str, str]
    gated: bool


class LocalHub(ThreadingHTTPServer):
    """``faults`` maps a part of a path to what happens at its next requests, one after the other."""

    daemon_threads = True
    request_queue_size = 128  # the client connects many times at once

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.repositories: dict[str, Repository] = {}
        self.moved: dict[str, str] = {}
        self.faults: defaultdict[str, list[Fault]] = defaultdict(list)
        self.asked: list[Asked] = []
        self._lock = threading.Lock()

    def __enter__(self) -> LocalHub:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *arguments: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, *arguments: object) -> None:
        """A client that hangs up is no fault of the hub."""

    def add(
        self, name: str, files: Path | Mapping[str, bytes], tag: str = "main", kind: str = "model", gated: bool = False
    ) -> str:
        """Publish files as a new commit; returns its hash."""
        if isinstance(files, Path):
            files = {str(path.relative_to(files)): path.read_bytes() for path in files.rglob("*") if path.is_file()}
        key = f"datasets/{name}" if kind == "dataset" else name
        repository = self.repositories.setdefault(key, Repository({}, {}, gated))
        commit = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
        repository.commits[commit] = dict(files)
        repository.revisions[tag] = commit
        return commit

    def served(self, part: str, method: str = "GET") -> int:
        """How many requests there were for paths that contain ``part``."""
        return sum(part in asked.path for asked in self.asked if asked.method == method)

    def fault_at(self, path: str, body: bool) -> Fault | None:
        """The next fault of a path; those of a body wait for a request that gets one."""
        with self._lock:
            for part, waiting in self.faults.items():
                if waiting and part in path and (body or isinstance(waiting[0], int) or waiting[0] == "hang up"):
                    return waiting.pop(0)
        return None

    def blob(self, digest: str) -> bytes:
        found = (c for r in self.repositories.values() for files in r.commits.values() for c in files.values())
        return next(content for content in found if sha256(content) == digest)


def point_at(hub: LocalHub, cache: Path, patch: pytest.MonkeyPatch) -> None:
    """Have the client of this process use a hub, with an empty cache; HF_ENDPOINT does it for other processes."""
    for name, value in {
        "ENDPOINT": hub.url,
        "HUGGINGFACE_CO_URL_TEMPLATE": hub.url + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_CACHE": str(cache),
        "HF_HUB_OFFLINE": False,
    }.items():
        patch.setattr(f"huggingface_hub.constants.{name}", value)
    for proxy in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        patch.delenv(proxy, raising=False)
    patch.delenv("HARNESS_WEIGHTS", raising=False)


def environment_of(hub: LocalHub, home: Path) -> dict[str, str]:
    """The same for a process to be started."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HF_", "HARNESS_")) and not name.lower().endswith("_proxy")
    }
    own = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HARNESS_CACHE": str(home / "harness")}
    return kept | own


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: LocalHub

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append(Asked(self.command, path, self.headers.get("Range")))
        fault = self.server.fault_at(path, body=self.command == "GET")
        if fault == "hang up":
            self.close_connection = True
        elif isinstance(fault, int):
            self._send(fault, b"", {"Retry-After": "0"} if fault == 429 else {})
        else:
            if isinstance(fault, float):
                time.sleep(fault)
            self._answer(path, fault)

    do_HEAD = do_GET

    def log_message(self, *arguments: object) -> None:
        pass

    def _answer(self, path: str, fault: Fault | None) -> None:
        if path == "/":
            return self._send(200, b"a hub")
        if path.startswith("/cdn/"):
            content = self.server.blob(path.removeprefix("/cdn/"))
            return self._body(content, {"ETag": f'"{sha256(content)}"'}, fault)
        api = re.fullmatch(r"/api/(models|datasets)/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+))?", path)
        file = re.fullmatch(r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        if not api and not file:
            return self._refuse(404, "RepoNotFound")
        match = api or file
        assert match is not None
        kind, name, revision = (api[1] == "datasets", api[2], api[4]) if api else (bool(match[1]), match[2], match[3])
        key = f"datasets/{name}" if kind else name
        if key in self.server.moved:
            return self._send(307, b"", {"Location": self.path.replace(name, self.server.moved[key], 1)})
        repository = self.server.repositories.get(key)
        if repository is None:
            return self._refuse(404, "RepoNotFound")
        commit = repository.revisions.get(revision or "main", revision or "main")
        if commit not in repository.commits:
            return self._refuse(404, "RevisionNotFound")
        files = repository.commits[commit]
        if api:
            return self._send(200, _listing(name, commit, files, tree=api[3] == "tree"))
        if repository.gated and "Authorization" not in self.headers:
            return self._refuse(401, "GatedRepo")
        if match[4] not in files:
            return self._refuse(404, "EntryNotFound")
        return self._file(match[4], files[match[4]], commit, fault)

    def _file(self, name: str, content: bytes, commit: str, fault: Fault | None) -> None:
        headers = {"X-Repo-Commit": commit, "ETag": f'"{git_hash(content)}"'}
        if not name.endswith(LARGE):
            return self._body(content, headers, fault)
        digest = sha256(content)
        # another host, as the hub's storage is
        place = f"http://localhost:{self.server.server_port}/cdn/{digest}"
        linked = {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(content)), "Location": place}
        return self._send(302, b"", headers | linked)

    def _body(self, content: bytes, headers: dict[str, str], fault: Fault | None) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        status, part = 200, content
        if wanted:
            start, stop = int(wanted[1]), int(wanted[2] or len(content) - 1)
            status, part = 206, content[start : stop + 1]
            headers = headers | {"Content-Range": f"bytes {start}-{stop}/{len(content)}"}
        if fault == "corrupt":
            part = part[::-1]
        self._send(status, part, headers | {"Accept-Ranges": "bytes"}, cut=fault == "cut")

    def _refuse(self, status: int, code: str) -> None:
        self._send(status, b"", {"X-Error-Code": code, "X-Error-Message": code})

    def _send(self, status: int, body: bytes, headers: Mapping[str, Any] = {}, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self.wfile.flush()
            self.close_connection = True


def _listing(name: str, commit: str, files: Mapping[str, bytes], tree: bool) -> bytes:
    if not tree:
        return json.dumps({"id": name, "sha": commit, "siblings": [{"rfilename": file} for file in files]}).encode()
    entries = []
    for file, content in files.items():
        entry: dict[str, Any] = {"type": "file", "path": file, "size": len(content), "oid": git_hash(content)}
        if file.endswith(LARGE):
            entry["lfs"] = {"oid": sha256(content), "size": len(content), "pointerSize": 134}
        entries.append(entry)
    return json.dumps(entries).encode()
