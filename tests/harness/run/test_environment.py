from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.compute.device import resolve_device
from harness.errors import InputError, Unavailable
from harness.run import environment
from harness.run.environment import commit_and_dirty, describe, package_versions


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    commit_and_dirty.cache_clear()
    package_versions.cache_clear()


def test_what_a_cell_ran_with() -> None:
    found = describe("cpu", {"training": 1.23456})
    assert found.packages["numpy"] == version("numpy") and found.packages["torch"] == version("torch")
    assert found.seconds == {"training": 1.23} and found.device == "cpu"
    assert found.peak_memory_mb is not None and 10 < found.peak_memory_mb < 1e6


def test_a_package_that_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_PACKAGES", ("numpy", "no-such-package"))
    package_versions.cache_clear()
    assert package_versions() == {"numpy": version("numpy")}


def test_the_commit_of_a_checkout_and_whether_it_was_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=tester", "-c", "user.email=tester@example.org"]
        done = subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    file = tmp_path / "environment.py"
    file.write_text("")
    monkeypatch.setattr(environment, "__file__", str(file))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    commit_and_dirty.cache_clear()
    assert commit_and_dirty() == (None, None)
    git("init")
    git("add", ".")
    git("commit", "-m", "first")
    for text, dirty in (("", False), ("changed", True)):
        file.write_text(text)
        (tmp_path / "untracked").write_text("")
        commit_and_dirty.cache_clear()
        assert commit_and_dirty() == (git("rev-parse", "HEAD"), dirty)


def test_memory_that_is_held_is_counted_and_that_of_the_starting_process_is_not() -> None:
    code = (
        "from harness.run.environment import peak_memory_mb as peak; b = peak(); x = b'1' * 2**27; print(b, peak() - b)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, added = map(float, done.stdout.split())
    assert before < 250 and 100 < added < 160


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_device("cpu") == "cpu"
    for gpus, names in ((True, {"auto": "cuda", "cuda": "cuda", "cuda:1": "cuda:1"}), (False, {"auto": "cpu"})):
        monkeypatch.setattr("torch.cuda.is_available", lambda gpus=gpus: gpus)
        assert {name: resolve_device(name) for name in names} == names
    with pytest.raises(Unavailable, match="cuda:1 is not available on this machine; use --device cpu"):
        resolve_device("cuda:1")
    with pytest.raises(InputError, match="'tpu' is not one of auto, cpu, cuda"):
        resolve_device("tpu")


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux can forget a peak")
def test_the_peak_of_an_earlier_cell_does_not_count_for_the_next() -> None:
    held = bytearray(300_000_000)
    del held
    before = environment.peak_memory_mb()
    environment.forget_peak_memory()
    assert environment.peak_memory_mb() < before - 200


def test_the_peak_of_a_gpu_is_of_the_one_that_has_most_and_absent_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "peak_gpu_memory_mb" not in describe("cpu", {}).model_dump()
    peaks = {0: 3 * 2**20, 1: 5 * 2**20}
    cuda = SimpleNamespace(
        is_initialized=lambda: True,
        device_count=lambda: 2,
        max_memory_allocated=lambda gpu: peaks[gpu],
        reset_peak_memory_stats=lambda gpu: peaks.update({gpu: 0}),
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    assert describe("cuda", {}).peak_gpu_memory_mb == 5.0
    environment.forget_peak_memory()
    assert describe("cuda", {}).peak_gpu_memory_mb is None
