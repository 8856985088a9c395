from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from harness.activations import store as module
from harness.activations.store import damaged, store_limit, stored, tidy
from harness.errors import InputError
from tests.harness.activations.stored import Costly, Opened, flip, sequences, shards, states_of

SEQUENCES = sequences(12)


def filled(folder: Path, *models: str, limit: int = 10**9) -> dict[str, Path]:
    """One shard for each model, the first used longest ago."""
    found: dict[str, Path] = {}
    for age, name in enumerate(models):
        before = set(shards(folder))
        states_of(Opened(folder, limit)(Costly(name)), SEQUENCES, [1])
        (found[name],) = set(shards(folder)) - before
        moment = time.time() - 1000 * (len(models) - age)
        os.utime(found[name], (moment, moment))
    return found


def test_what_was_used_least_recently_is_evicted_first(tmp_path: Path) -> None:
    found = filled(tmp_path, "a", "b", "c")
    size = found["a"].stat().st_size
    states_of(Opened(tmp_path)(inner := Costly("a")), SEQUENCES, [1])  # now b is the oldest
    assert not inner.asked
    opened = Opened(tmp_path, 3 * size + 100)
    states_of(opened(Costly("d")), SEQUENCES, [1])
    assert found["a"].exists() and not found["b"].exists() and found["c"].exists()
    assert len(shards(tmp_path)) == 3 and opened.told == []


def test_a_run_does_not_evict_what_it_has_used_itself(tmp_path: Path) -> None:
    found = filled(tmp_path, "a", "b")
    size = found["a"].stat().st_size
    opened = Opened(tmp_path, 2 * size + 100)
    for name in ("a", "b", "c", "d"):
        states_of(opened(Costly(name)), SEQUENCES, [1])
    assert sorted(shards(tmp_path)) == sorted(found.values())
    (line,) = opened.told
    assert line.startswith("activation store: full (") and "HARNESS_STORE" in line


def test_the_store_stays_under_its_limit(tmp_path: Path) -> None:
    size = filled(tmp_path / "one", "a")["a"].stat().st_size
    limit = int(2.5 * size)
    for name in "abcdef":
        states_of(Opened(tmp_path / "many", limit)(Costly(name)), SEQUENCES, [1])
        assert sum(path.stat().st_size for path in shards(tmp_path / "many")) <= limit
    assert len(shards(tmp_path / "many")) == 2


def test_a_call_over_the_limit_evicts_nothing_and_says_so(tmp_path: Path) -> None:
    found = filled(tmp_path, "a")
    opened = Opened(tmp_path, found["a"].stat().st_size + 100)
    states_of(opened(Costly("b")), SEQUENCES * 2 + sequences(20, 1), [0, 1, 2])
    assert shards(tmp_path) == [found["a"]]
    (line,) = opened.told
    assert "over its limit" in line and "HARNESS_STORE" in line


def test_a_store_that_is_turned_off_neither_reads_nor_writes(tmp_path: Path) -> None:
    found = filled(tmp_path, "a")
    opened = Opened(tmp_path, 0)
    for name in ("a", "b"):
        states_of(opened(inner := Costly(name)), SEQUENCES, [1])
        assert inner.asked
    assert shards(tmp_path) == [found["a"]] and opened.told == []


def test_a_half_written_file_of_a_killed_process_counts_and_goes_when_it_is_old(tmp_path: Path) -> None:
    shard = filled(tmp_path, "a")["a"]
    left = shard.parent / ".killed.safetensors.x.partial"
    left.write_bytes(shard.read_bytes()[:100])
    states_of(Opened(tmp_path)(inner := Costly("a")), SEQUENCES, [1])
    assert not inner.asked and [entry.files for entry in stored(tmp_path)] == [2]
    assert tidy(tmp_path, 10**9) == (0, 0) and left.exists(), "another process may still write it"
    os.utime(left, (0, 0))
    assert tidy(tmp_path, 10**9) == (1, 100)
    assert shards(tmp_path) == [shard] and not left.exists()


def test_verify_names_the_damaged_shard_and_tidying_removes_it(tmp_path: Path) -> None:
    found = filled(tmp_path, "a", "b", "c")
    assert list(damaged(tmp_path)) == []
    for path in found.values():
        size = path.stat().st_size
        for place in (0, 100, size // 2, size - 200, size - 1):
            flip(path, place)
            assert [name for name, _ in damaged(tmp_path)] == [path]
            flip(path, place)
    flip(found["b"], found["b"].stat().st_size // 2)
    size = found["b"].stat().st_size
    assert tidy(tmp_path, 10**9) == (1, size)
    assert sorted(shards(tmp_path)) == sorted([found["a"], found["c"]])
    assert not found["b"].parent.exists(), "empty folders go too"


def test_tidying_keeps_to_the_limit(tmp_path: Path) -> None:
    found = filled(tmp_path, "a", "b", "c")
    size = found["a"].stat().st_size
    assert tidy(tmp_path, size + 100) == (2, 2 * size)
    assert shards(tmp_path) == [found["c"]]
    assert tidy(tmp_path / "nowhere", 100) == (0, 0)


def test_what_is_stored_is_listed_by_model(tmp_path: Path) -> None:
    filled(tmp_path, "a")
    states_of(Opened(tmp_path)(Costly("b")), SEQUENCES, [0, -1])
    first, second = stored(tmp_path)
    assert (first.name, first.layers, first.sequences, first.files) == ("costly", (0, 2), 12, 2)
    assert (second.layers, second.sequences, second.files) == ((1,), 12, 1)
    assert first.size == sum(path.stat().st_size for path in shards(first.folder))
    flip(shards(second.folder)[0], 0)
    (one,) = (entry for entry in stored(tmp_path) if entry.folder == second.folder)
    assert (one.name, one.layers, one.size) == (second.folder.name, (), second.size)


@pytest.mark.parametrize(
    ("text", "size"), [("", 0), ("0", 0), ("20GB", 2 * 10**10), ("1.5 tb", 1_500 * 10**9), ("300MB", 3 * 10**8)]
)
def test_the_limit_is_a_size(text: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_STORE", text)
    assert store_limit() == size


@pytest.mark.parametrize("text", ["many", "-1GB", "10", "10 parsecs", "GB"])
def test_a_limit_that_is_no_size_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_STORE", text)
    with pytest.raises(InputError, match=r"HARNESS_STORE is .*write a size such as 20GB"):
        store_limit()


def test_old_files_that_nobody_names_are_not_touched(tmp_path: Path) -> None:
    """Only shards and their half-written forms are ever removed."""
    found = filled(tmp_path, "a")
    other = found["a"].parent / "notes.txt"
    other.write_text("mine")
    os.utime(other, (0, 0))
    tidy(tmp_path, 0)
    assert other.read_text() == "mine" and shards(tmp_path) == []
    assert module._ABANDONED_SECONDS > 3600
