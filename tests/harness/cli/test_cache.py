from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from harness.cli import main
from tests.harness.activations.stored import Costly, Opened, flip, sequences, shards, states_of


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def harness(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(sys, "argv", ["harness", "cache", *arguments])
        main()
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def fill(folder: Path) -> None:
    states_of(Opened(folder / "activations")(Costly()), sequences(1200), [0, 1, 2])
    other = Costly("other")
    other.card = other.card.model_copy(update={"name": "x" * 60})
    states_of(Opened(folder / "activations")(other), sequences(3), [0, 2])
    (folder / "clusters").mkdir()
    (folder / "clusters" / "a.json.gz").write_bytes(b"1" * 2345)


def test_an_empty_cache(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = harness(capsys, "ls")
    assert code == 0 and out == f"{folder}: 0 B of hidden states (HARNESS_STORE=10GB would store some)\n"
    assert harness(capsys, "verify")[:2] == (0, "0 files of hidden states, 0 B: all intact\n")
    assert harness(capsys, "gc")[:2] == (0, "removed 0 files, 0 B\n")
    assert not folder.exists()


def test_listing_fits_into_a_hundred_columns(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(folder)
    old = next(path for path in shards(folder) if b"x" * 60 in path.read_bytes())
    for path in shards(old.parents[1]):
        os.utime(path, (0, 0))
    code, out, _ = harness(capsys, "ls")
    lines = out.splitlines()
    assert code == 0 and max(map(len, lines[:-1])) <= 100
    assert lines[0].split() == ["name", "contents", "layers", "sequences", "size", "last", "used"]
    assert lines[1].split() == ["costly", "hidden", "states", "0-2", "1,200", "3.1", "MB", "just", "now"]
    assert any("0, 2" in line and " 3 " in line and "days ago" in line for line in lines)
    assert any(line.startswith("clusters") and "2 kB" in line for line in lines)
    assert "MB of hidden states (HARNESS_STORE=10GB" in lines[-1]


def test_verify_names_what_is_damaged(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(folder)
    assert "5 files of hidden states" in harness(capsys, "verify")[1]
    path = shards(folder)[2]
    flip(path, path.stat().st_size // 2)
    code, out, _ = harness(capsys, "verify")
    assert code == 1 and f"damaged: {path} has altered states" in out and out.count("damaged: ") == 1
    assert harness(capsys, "gc")[1].startswith("removed 1 file, ")
    assert harness(capsys, "verify")[0] == 0


def test_gc_keeps_to_a_limit_that_was_lowered(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(folder)
    monkeypatch.setenv("HARNESS_STORE", "1MB")
    assert harness(capsys, "gc")[0] == 0
    assert 0 < sum(path.stat().st_size for path in shards(folder)) < 10**6


def test_gc_without_a_limit_removes_nothing_that_is_sound(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(folder)
    before = shards(folder)
    assert harness(capsys, "gc")[1] == "removed 0 files, 0 B\n" and shards(folder) == before


def test_entries_are_removed_by_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(folder)
    code, out, _ = harness(capsys, "rm", "costly", "clusters")
    assert code == 0 and "removed clusters, 2 kB" in out and "removed costly, " in out
    assert len(shards(folder)) == 2 and not (folder / "clusters").exists()


def test_unknown_names_remove_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(folder)
    code, _, err = harness(capsys, "rm", "clusters", "costl")
    assert code == 2 and (folder / "clusters").exists()
    assert err == "error: nothing called 'costl' is kept; `harness cache ls` lists names. Did you mean costly?\n"


def test_a_wrong_limit_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_STORE", "lots")
    code, _, err = harness(capsys, "ls")
    assert code == 2 and err.startswith("error: $HARNESS_STORE is 'lots'") and err.count("\n") == 1
