"""Weights from a hub on this machine through the hub's own client: whatever goes wrong, and end to end."""

from __future__ import annotations

import errno
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.errors import Unavailable
from harness.storage import hub
from harness.storage.weights import PATTERNS, find_weights
from tests.local_hub import LocalHub, environment_of, point_at, sha256

BIG = bytes(range(256)) * 2048
FILES = {"config.json": b'{"model_type": "x"}', "vocab.txt": b"A\nC\n", "model.safetensors": BIG}
LEFT = dict.fromkeys(("pytorch_model.bin", "tf_model.h5", "modeling_esm.py", "README.md", "runs/a.pt"), b"not read")


class Hurried:
    """The clock of the client, which would wait for seconds."""

    sleep = staticmethod(lambda seconds: time.sleep(min(seconds, 0.01)))

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    """A hub, and the client of this process pointed at it, with an empty cache and short waits."""
    with LocalHub() as running:
        point_at(running, tmp_path / "hub", monkeypatch)
        monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 2**16)
        monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(hub, "WAITS", (0.01, 0.01))
        for module in ("file_download", "utils._http"):
            monkeypatch.setattr(f"huggingface_hub.{module}.time", Hurried())
        running.add("someone/model", FILES | LEFT)
        yield running


def fetch(revision: str | None = None) -> Path:
    return find_weights("model", hub_id="someone/model", revision=revision)


def refusal(revision: str | None = None) -> str:
    with pytest.raises(Unavailable) as raised:
        fetch(revision)
    assert "\n" not in str(raised.value) and "hf download someone/model" in str(raised.value)
    return str(raised.value)


def test_a_model_is_fetched_once_and_without_what_is_not_read(server: LocalHub) -> None:
    folder = fetch()
    assert (folder / "model.safetensors").read_bytes() == BIG
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors", "vocab.txt"]
    assert server.served(f"/cdn/{sha256(BIG)}") == 1 and not server.served("pytorch_model.bin")
    before = len(server.asked)
    assert fetch() == folder and len(server.asked) == before


def test_a_cut_connection_goes_on_where_it_stopped(server: LocalHub) -> None:
    server.faults["/cdn/"] += ["cut", "cut"]
    assert (fetch() / "model.safetensors").read_bytes() == BIG
    ranges = [asked.range for asked in server.asked if asked.path.startswith("/cdn/")]
    assert ranges[0] is None and ranges[1] == f"bytes={len(BIG) // 2}-" and ranges[2] == f"bytes={len(BIG) * 3 // 4}-"


def test_other_bytes_are_fetched_again_and_refused_in_the_end(server: LocalHub) -> None:
    server.faults["/cdn/"] += ["corrupt"]
    assert (fetch() / "model.safetensors").read_bytes() == BIG
    assert server.served("/cdn/") == 2


def test_bytes_that_stay_wrong_are_never_used(server: LocalHub, tmp_path: Path) -> None:
    server.faults["/cdn/"] += ["corrupt"] * 3
    assert "the checksum of model.safetensors is not that of the hub" in refusal()
    assert not list((tmp_path / "hub").rglob("*.safetensors"))
    assert not [path for path in (tmp_path / "hub").rglob(sha256(BIG)) if path.is_file()]


def test_small_files_have_checksums_too(server: LocalHub) -> None:
    server.faults["vocab.txt"] += ["corrupt"] * 3
    assert "the checksum of vocab.txt is not that of the hub" in refusal()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_hub_is_asked_again(server: LocalHub, status: int) -> None:
    server.faults["/api/models/someone/model"] += [status]
    server.faults["config.json"] += [status]
    assert (fetch() / "config.json").is_file()


def test_a_hub_that_stays_busy_is_told_after_three_attempts(server: LocalHub) -> None:
    server.faults["/api/models/someone/model"] += [503] * 50
    assert f"{server.url} asks to wait, or fails (503): try again later" in refusal()
    assert server.served("/api/models") == 3


def test_back_off_waits_longer_each_time(monkeypatch: pytest.MonkeyPatch, server: LocalHub) -> None:
    waited: list[float] = []
    monkeypatch.setattr(hub, "WAITS", (1.0, 4.0))
    monkeypatch.setattr(hub.time, "sleep", waited.append)
    server.faults["/api/models/someone/model"] += [500] * 3
    refusal()
    assert [wait for wait in waited if wait >= 1] == [1.0, 4.0]


def test_a_slow_answer_is_asked_again(server: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", 0.3)
    server.faults["/cdn/"] += [1.5]
    assert (fetch() / "model.safetensors").read_bytes() == BIG
    assert server.served("/cdn/") > 1


def test_a_gated_model_says_where_its_conditions_are(server: LocalHub) -> None:
    server.repositories.clear()
    server.add("someone/model", FILES, gated=True)
    said = refusal()
    assert f"someone/model is gated: accept its conditions at {server.url}/someone/model" in said
    assert "`hf auth login`" in said


def test_what_the_hub_lacks_is_not_asked_for_again(server: LocalHub) -> None:
    assert "someone/model has no revision v9 on the hub (404)" in refusal("v9")
    server.repositories.clear()
    server.asked.clear()
    assert "the hub has no model someone/model, or it is private (404)" in refusal()
    assert server.served("/api/models") == 1


def test_a_renamed_repository_is_followed(server: LocalHub) -> None:
    server.moved["someone/model"] = "someone/new"
    server.add("someone/new", FILES)
    assert (fetch() / "model.safetensors").read_bytes() == BIG


def test_a_pinned_revision_stays_what_it_was(server: LocalHub) -> None:
    old = server.repositories["someone/model"].revisions["main"]
    server.add("someone/model", FILES, tag="v1")
    server.add("someone/model", {**FILES, "vocab.txt": b"G\n"})
    assert (fetch("v1") / "vocab.txt").read_bytes() == (fetch(old) / "vocab.txt").read_bytes() == b"A\nC\n"
    assert (fetch("main") / "vocab.txt").read_bytes() == b"G\n"
    server.add("someone/model", {**FILES, "vocab.txt": b"U\n"})
    assert (fetch("main") / "vocab.txt").read_bytes() == b"G\n"  # what is here is used until it is removed


def test_a_missing_part_of_sharded_weights_is_told(server: LocalHub) -> None:
    index = json.dumps({"weight_map": {"a": "model-1-of-2.safetensors", "b": "model-2-of-2.safetensors"}}).encode()
    files = {"config.json": b"{}", "model.safetensors.index.json": index, "model-1-of-2.safetensors": b"1"}
    server.add("someone/model", files)
    assert "1 of 2 parts of the weights, not model-2-of-2.safetensors" in refusal()


def test_a_full_disk_is_told_and_leaves_nothing_that_looks_whole(server: LocalHub, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(BIG) // 2, hard))  # writing beyond it fails, as on a full disk
    try:
        said = refusal()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert f"no room for someone/model in {tmp_path / 'hub'}: free some space" in said and "HF_HOME" in said
    assert server.served("/cdn/") == 1
    assert (fetch() / "model.safetensors").read_bytes() == BIG


def test_no_space_left_is_the_same(server: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any, **options: Any) -> str:
        if options.get("local_files_only"):
            raise FileNotFoundError("not here")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("huggingface_hub.snapshot_download", full)
    assert "no room for someone/model" in refusal()


def test_sizes_are_those_of_what_would_be_fetched(server: LocalHub) -> None:
    found = hub.sizes("someone/model", None, PATTERNS)
    assert found == {name: len(content) for name, content in FILES.items()}
    assert not server.served("/cdn/")


def test_a_process_that_went_offline_asks_nothing(server: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    hub.go_offline()
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    assert "not in the hub cache, and HF_HUB_OFFLINE is set" in refusal()
    assert not server.asked


FETCH = "import sys; from harness.storage.weights import find_weights as f; print(f('m', hub_id='someone/model'))"


def test_two_processes_fetch_at_once(server: LocalHub, tmp_path: Path) -> None:
    server.faults["/cdn/"] += [0.3]  # long enough for both to be there
    environment = environment_of(server, tmp_path / "home")
    command = [sys.executable, "-c", FETCH]
    running = [
        subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    ended = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0, 0], ended
    assert ended[0][0] == ended[1][0]
    assert (Path(ended[0][0].strip()) / "model.safetensors").read_bytes() == BIG
    assert not list((tmp_path / "home").rglob("*.incomplete"))
