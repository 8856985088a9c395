from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from harness.activations.shard import KEY_BYTES, Damaged, Shard, ShardWriter
from tests.harness.activations.stored import flip

KEYS = [bytes([number]) * (KEY_BYTES - 1) + b"\0" for number in (1, 2, 3)]
STATES = [np.random.default_rng(length).normal(size=(length, 3)).astype(np.float32) for length in (4, 1, 6)]


def written(path: Path) -> Path:
    writer = ShardWriter(path, {"model": "one", "layer": "2"}, 3, 11, 3)
    for key, states in zip(KEYS, STATES, strict=True):
        writer.put(key, states)
    assert not path.exists()
    writer.finish()
    writer.drop()  # too late to do anything
    return path


def test_what_is_written_is_read_to_the_last_bit(tmp_path: Path) -> None:
    shard = Shard(written(tmp_path / "a.safetensors"))
    assert shard.about == {"model": "one", "layer": "2"} and shard.rows.tolist() == [4, 1, 6]
    assert np.array_equal(shard.keys, np.array(KEYS, dtype=f"S{KEY_BYTES}"))
    for place, states in enumerate(STATES):
        assert np.array_equal(shard.read(place), states)
    shard.verify()
    shard.read(0)[:] = 0
    assert np.array_equal(shard.read(0), STATES[0]), "what a task writes into an array stays in memory"


def test_any_reader_of_safetensors_opens_it(tmp_path: Path) -> None:
    tensors = load_file(written(tmp_path / "a.safetensors"))
    assert np.array_equal(tensors["states"], np.concatenate(STATES))
    assert tensors["rows"].tolist() == [4, 1, 6]
    assert [bytes(key) for key in tensors["keys"]] == KEYS


def test_every_flipped_byte_is_found(tmp_path: Path) -> None:
    path = written(tmp_path / "a.safetensors")
    for place in range(path.stat().st_size):
        flip(path, place, 1 << place % 8)
        with pytest.raises(Damaged):
            Shard(path).verify()
        flip(path, place, 1 << place % 8)
    Shard(path).verify()


def test_a_sequence_is_refused_by_its_own_bytes_alone(tmp_path: Path) -> None:
    path = written(tmp_path / "a.safetensors")
    flip(path, path.read_bytes().index(STATES[2].tobytes()))
    shard = Shard(path)
    assert np.array_equal(shard.read(0), STATES[0])
    with pytest.raises(Damaged, match="altered states"):
        shard.read(2)


def test_every_truncation_is_found(tmp_path: Path) -> None:
    path = written(tmp_path / "a.safetensors")
    content = path.read_bytes()
    for size in range(len(content)):
        path.write_bytes(content[:size])
        with pytest.raises(Damaged):
            Shard(path)
    path.write_bytes(content + b"more")
    with pytest.raises(Damaged):
        Shard(path)
    path.unlink()
    with pytest.raises(Damaged, match="No such file"):
        Shard(path)


def test_a_shard_that_goes_while_it_is_open_is_damaged(tmp_path: Path) -> None:
    shard = Shard(written(tmp_path / "a.safetensors"))
    shard.path.unlink()
    with pytest.raises(Damaged, match="gone"):
        shard.read(0)


def test_a_shard_that_is_not_finished_leaves_nothing(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path / "a.safetensors", {}, 3, 11, 3)
    writer.put(KEYS[0], STATES[0])
    writer.drop()
    assert list(tmp_path.iterdir()) == []
