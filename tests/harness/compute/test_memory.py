"""What a process may still take, by files of the kernel that are made up."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.compute import memory
from harness.compute.memory import Memory, free_memory

UNLIMITED = 9223372036854771712


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "machine_memory", lambda: Memory(10_000, 6_000))


def group(folder: Path, version: int, limit: int | str, used: int, cached: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = ("memory.max", "memory.current", "inactive_file")
    old = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    first, second, third = names if version == 2 else old
    (folder / first).write_text(f"{limit}\n")
    (folder / second).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 17\n{third} {cached}\n")


def process(root: Path, line: str) -> None:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(f"3:cpu,cpuacct:/elsewhere\n{line}\n")


def test_without_groups_it_is_what_the_machine_has(tmp_path: Path) -> None:
    assert free_memory(tmp_path) == 6_000


@pytest.mark.parametrize(
    ("version", "line", "top"),
    [(2, "0::/job/step", "sys/fs/cgroup"), (1, "4:memory:/job/step", "sys/fs/cgroup/memory")],
)
def test_the_tightest_group_around_the_process_counts(tmp_path: Path, version: int, line: str, top: str) -> None:
    process(tmp_path, line)
    group(tmp_path / top / "job", version, 5_000, 4_000, 1_500)
    group(tmp_path / top / "job/step", version, "max" if version == 2 else UNLIMITED, 1_000, 0)
    group(tmp_path / top / "other", version, 100, 100, 0)
    assert free_memory(tmp_path) == 2_500
    group(tmp_path / top / "job", version, 5_000, 5_200, 100)
    assert free_memory(tmp_path) == 0


def test_in_a_container_the_group_is_at_the_top(tmp_path: Path) -> None:
    process(tmp_path, "4:memory:/as/the/machine/names/it")
    group(tmp_path / "sys/fs/cgroup/memory", 1, 3_000, 1_000, 0)
    assert free_memory(tmp_path) == 2_000


def test_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    found = free_memory()
    assert found is None or found > 50_000_000
