from __future__ import annotations

import hashlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import InputError, Unavailable
from harness.storage.cache import file_digest
from harness.storage.hub import hub_reachable
from harness.storage.weights import find_weights, weights_digest
from tests.local_hub import LocalHub, point_at


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No weights, no hub cache, and a hub that takes the connection and never answers."""
    monkeypatch.delenv("HARNESS_WEIGHTS", raising=False)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    for proxy in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        yield


def save(folder: Path, content: bytes = b"weights", name: str = "model.safetensors") -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "rinalmo"}))
    (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A hub that is there and has nothing."""
    with LocalHub() as running:
        point_at(running, tmp_path / "hub", monkeypatch)
        yield


def cached_snapshot(tmp_path: Path) -> Path:
    repository = tmp_path / "hub" / "models--someone--model"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40)
    return save(repository / "snapshots" / ("0" * 40))


def test_order_of_the_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named, packaged = save(tmp_path / "named"), save(tmp_path / "packaged")
    snapshot = cached_snapshot(tmp_path)
    assert find_weights("model", hub_id="someone/model", revision="main") == snapshot
    assert find_weights("model", packaged=packaged, hub_id="someone/model") == packaged
    monkeypatch.setenv("HARNESS_WEIGHTS", str(tmp_path / "all"))
    assert find_weights("model", packaged=packaged) == packaged
    below = save(tmp_path / "all" / "model")
    assert find_weights("model", packaged=packaged) == below
    assert find_weights("model", named, packaged=packaged) == named


def test_an_unfinished_download_is_not_taken_for_a_model(tmp_path: Path) -> None:
    (cached_snapshot(tmp_path) / "model.safetensors").unlink()
    with pytest.raises(Unavailable, match="the hub does not answer"):
        find_weights("model", hub_id="someone/model", revision="main")


def test_without_a_network_the_answer_comes_soon_and_names_the_command() -> None:
    start = time.monotonic()
    with pytest.raises(Unavailable) as raised:
        find_weights("rinalmo-giga", hub_id="multimolecule/rinalmo-giga", revision="main")
    assert time.monotonic() - start < 10
    assert "`hf download multimolecule/rinalmo-giga --revision main`" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_model_without_a_hub_repository(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="--weights PATH"):
        find_weights("mine", packaged=tmp_path / "absent")


@pytest.mark.usefixtures("server")
def test_a_hub_that_lacks_the_model() -> None:
    assert hub_reachable()  # a refusal is an answer
    with pytest.raises(Unavailable, match="404") as raised:
        find_weights("model", hub_id="someone/model", revision="main")
    assert "\n" not in str(raised.value)


def test_offline_mode_needs_no_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    start = time.monotonic()
    assert not hub_reachable()
    assert time.monotonic() - start < 1


def test_folders_that_cannot_be_used(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    no_config, pickled = save(tmp_path / "no_config"), save(tmp_path / "pickled", name="pytorch_model.bin")
    (no_config / "config.json").unlink()
    for path, problem in [
        (tmp_path / "absent", "does not exist"),
        (no_config / "model.safetensors", "is a file: give the folder"),
        (empty, "contains no config.json"),
        (no_config, "contains no config.json"),
        (pickled, "contains no .safetensors file .pickles are not read"),
    ]:
        with pytest.raises(InputError, match=problem) as raised:
            find_weights("model", path)
        assert str(path) in str(raised.value)
        assert "\n" not in str(raised.value)


def test_digest_is_of_contents_only(tmp_path: Path) -> None:
    one, same = save(tmp_path / "one"), save(tmp_path / "same", name="renamed.safetensors")
    other = save(tmp_path / "other", b"Weights")
    assert weights_digest(one) == weights_digest(same) != weights_digest(other)
    (same / "config.json").write_text(json.dumps({"model_type": "rinalmo", "token_dropout": False}))
    assert weights_digest(one) != weights_digest(same)


def test_file_digest_is_remembered_until_the_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    assert file_digest(path) == hashlib.sha256(b"one").hexdigest()
    with monkeypatch.context() as patch:
        patch.setattr(hashlib, "file_digest", lambda *_: pytest.fail("hashed again"))
        assert file_digest(path) == hashlib.sha256(b"one").hexdigest()
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    assert file_digest(path) == hashlib.sha256(b"two").hexdigest()


def test_a_damaged_or_unwritable_cache_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    file_digest(path)
    (remembered,) = (tmp_path / "cache" / "digests").iterdir()
    remembered.write_text("half")
    assert file_digest(path) == hashlib.sha256(b"one").hexdigest()
    monkeypatch.setenv("HARNESS_CACHE", str(path))  # a file, where a folder is needed
    assert file_digest(path) == hashlib.sha256(b"one").hexdigest()
