"""The model behind the store gives what the model gives."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from harness.activations import call
from harness.activations.store import damaged, tidy
from harness.activations.stored_model import with_store
from harness.adapter import ModelAdapter
from harness.sequences.alignment import Alignment
from tests.fakes import FakeModel
from tests.harness.activations.stored import Costly, Opened, States, flip, same, sequences, shards, states_of

SEQUENCES = sequences(40)


@pytest.fixture(autouse=True)
def _small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call, "GROUP_NUCLEOTIDES", 300)


@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("leading", [False, True])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_with_and_without_a_store_states_are_the_same_to_the_last_bit(
    tmp_path: Path, noise: bool, leading: bool, device: str
) -> None:
    opened = Opened(tmp_path, device=device)
    off = states_of(Opened(tmp_path / "off", 0, device)(Costly(noise=noise, leading=leading)), SEQUENCES)
    cold = states_of(opened(first := Costly(noise=noise, leading=leading)), SEQUENCES)
    warm = states_of(opened(second := Costly(noise=noise, leading=leading)), SEQUENCES)
    assert same(off, cold) and same(cold, warm)
    assert len(first.asked) > 3 and not second.asked and not second.loaded
    assert not (tmp_path / "off").exists() and opened.told == []
    plain = Costly(leading=leading)
    if not noise:
        for index, states in plain._all(SEQUENCES, [1, 2]):
            assert all(np.array_equal(cold[index][asked], states[layer][1:]) for asked, layer in ((1, 1), (-1, 2)))


def test_states_with_the_leading_token_and_without_it_are_stored_once(tmp_path: Path) -> None:
    model = Opened(tmp_path)(inner := Costly(leading=True))
    without = states_of(model, SEQUENCES, [1])
    calls = len(inner.asked)
    for index, states in model.hidden_states_with_leading(SEQUENCES, [1]):
        assert len(states[1]) == len(SEQUENCES[index]) + 1
        assert np.array_equal(states[1][1:], without[index][1])
    assert len(inner.asked) == calls
    with pytest.raises(Exception, match="has no leading"):
        list(Opened(tmp_path)(Costly()).hidden_states_with_leading(SEQUENCES, [1]))


def test_only_what_is_lacking_is_computed(tmp_path: Path) -> None:
    opened = Opened(tmp_path)
    states_of(opened(Costly()), SEQUENCES[:25], [1])
    model = opened(inner := Costly())
    found = states_of(model, SEQUENCES, [1])
    assert sorted(given for inputs, _ in inner.asked for given in inputs) == sorted(SEQUENCES[25:])  # type: ignore[type-var]
    fresh = states_of(Costly(), SEQUENCES, [1])
    assert sorted(found) == sorted(fresh)
    assert all(np.array_equal(found[index][1], fresh[index][1]) for index in fresh)


def test_another_layer_is_added_and_the_first_is_not_stored_twice(tmp_path: Path) -> None:
    opened = Opened(tmp_path)
    first = states_of(opened(Costly(noise=True)), SEQUENCES, [1])
    size = sum(path.stat().st_size for path in shards(tmp_path))
    both = states_of(opened(Costly(noise=True)), SEQUENCES, [1, 2])
    assert all(np.array_equal(both[index][1], first[index][1]) for index in first)
    assert sum(path.stat().st_size for path in shards(tmp_path)) < 2.1 * size
    assert same(both, states_of(opened(again := Costly(noise=True)), SEQUENCES, [1, 2])) and not again.asked


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_states_that_another_call_has_stored(tmp_path: Path, device: str) -> None:
    """Of a model whose states depend on the batch: as without a store on a CPU, those of the other call on a GPU."""
    opened = Opened(tmp_path, device=device)
    first = states_of(opened(Costly(noise=True)), SEQUENCES[:25], [1])
    found = states_of(opened(Costly(noise=True)), SEQUENCES, [1])
    without = states_of(Opened(tmp_path, 0, device)(Costly(noise=True)), SEQUENCES, [1])
    assert all(np.array_equal(found[index][1], first[index][1]) for index in first)
    equal = [np.array_equal(found[index][1], without[index][1]) for index in range(len(SEQUENCES))]
    assert all(equal) if device == "cpu" else not any(equal[:25])


def test_copies_of_a_sequence_are_computed_once_and_are_arrays_of_their_own(tmp_path: Path) -> None:
    for _ in ("cold", "warm"):
        found = dict(Opened(tmp_path)(Costly()).hidden_states(["ACGU", "GG", "ACGU"], [1]))
        assert sorted(found) == [0, 1, 2] and np.array_equal(found[0][1], found[2][1])
        found[0][1][:] = 0
        assert found[2][1].any()
    assert len(shards(tmp_path)) == 1


@pytest.mark.parametrize("kind", ["identity", "device", "versions", "leading"])
def test_what_decides_a_state_is_part_of_the_key(tmp_path: Path, kind: str) -> None:
    opened = Opened(tmp_path)
    states_of(opened(Costly(), torch="1"), SEQUENCES)
    inner = Costly(leading=kind == "leading", identity="costly-2" if kind == "identity" else "costly-1")
    model = opened(inner, torch="2" if kind == "versions" else "1")
    model.load("cpu" if kind == "device" else "cuda:1")
    states_of(model, SEQUENCES)
    assert inner.asked and inner.loaded


def test_a_plugin_that_was_edited_runs_again(tmp_path: Path) -> None:
    """Whatever its identity says: the authors of adapters forget to change it."""
    plugin = tmp_path / "plugin.py"
    code = "from tests.harness.activations.stored import Costly\nclass Mine(Costly):\n    def mine(self): return {}\n"
    asked = []
    for number in (1, 1, 2):
        plugin.write_text(code.format(number))
        own: dict[str, type[Costly]] = {}
        exec(compile(plugin.read_text(), plugin, "exec"), own)
        states_of(Opened(tmp_path / "store")(inner := own["Mine"]()), SEQUENCES)
        asked.append(bool(inner.asked))
    assert asked == [True, False, True]


def test_an_alignment_is_known_by_all_of_its_rows(tmp_path: Path) -> None:
    opened = Opened(tmp_path)
    deep, other = Alignment("a", ("AC-GU", "ACCGU")), Alignment("a", ("AC-GU", "ACAGU"))
    found = [states_of(opened(Costly()), [given], [1])[0][1] for given in (deep, other, "ACGU")]
    assert not np.array_equal(found[0], found[1]) and not np.array_equal(found[0], found[2])
    renamed = Alignment("b", ("ACCGU", "AC-GU"), query_row=1)
    assert same(states_of(opened(inner := Costly()), [renamed], [1]), {0: {1: found[0]}}) and not inner.asked


@pytest.mark.parametrize("harm", ["states", "header", "index", "cut", "gone"])
def test_a_damaged_shard_is_computed_again_and_gives_what_an_undisturbed_run_gives(tmp_path: Path, harm: str) -> None:
    undisturbed = states_of(Opened(tmp_path)(Costly(noise=True)), SEQUENCES, [1])
    path = shards(tmp_path)[1]
    size = path.stat().st_size
    match harm:
        case "states":
            flip(path, size // 2)
        case "header":
            flip(path, 20)
        case "index":
            flip(path, size - 20)
        case "cut":
            os.truncate(path, size // 2)
        case "gone":
            path.unlink()
    opened = Opened(tmp_path)
    again = states_of(opened(inner := Costly(noise=True)), SEQUENCES, [1])
    assert {index: states[1].tobytes() for index, states in again.items()} == {
        index: states[1].tobytes() for index, states in undisturbed.items()
    }
    assert len(inner.asked) == 1
    assert [str(path) in line for line in opened.told] == [True] * (harm != "gone")
    assert same(states_of(Opened(tmp_path)(third := Costly(noise=True)), SEQUENCES, [1]), undisturbed)
    assert not third.asked


def test_a_run_that_is_stopped_keeps_whole_groups_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    states = Opened(tmp_path)(Costly(noise=True)).hidden_states(SEQUENCES, [1])
    for _ in range(20):
        next(states)
    states.close()  # type: ignore[attr-defined]
    kept = shards(tmp_path)
    assert kept and sorted(path for path in tmp_path.rglob("*") if path.is_file()) == kept
    resumed = states_of(Opened(tmp_path)(inner := Costly(noise=True)), SEQUENCES, [1])
    assert 0 < sum(len(given) for given, _ in inner.asked) < len(SEQUENCES)
    off = states_of(Opened(tmp_path, 0)(Costly(noise=True)), SEQUENCES, [1])
    assert {index: own[1].tobytes() for index, own in resumed.items()} == {
        index: own[1].tobytes() for index, own in off.items()
    }


def test_a_folder_that_cannot_be_written_costs_time_and_not_the_result(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    opened = Opened(blocked / "store")
    assert same(states_of(opened(Costly()), SEQUENCES), states_of(Opened(tmp_path, 0)(Costly()), SEQUENCES))
    (line,) = opened.told
    assert "cannot be written" in line and "\n" not in line


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_folder_is_read(tmp_path: Path) -> None:
    states_of(Opened(tmp_path)(Costly()), SEQUENCES[:20])
    folders = [tmp_path, *(path for path in tmp_path.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        opened = Opened(tmp_path)
        states_of(opened(inner := Costly()), SEQUENCES)
        assert sum(len(given) for given, _ in inner.asked) == 20
        assert len(opened.told) == 1
    finally:
        for folder in folders:
            folder.chmod(0o755)


def test_a_full_disk_in_the_middle_of_a_shard_costs_time_and_not_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.activations.shard import ShardWriter

    put, count = ShardWriter.put, iter(range(1000))

    def full(self: ShardWriter, key: bytes, states: np.ndarray) -> None:  # type: ignore[type-arg]
        if next(count) > 5:
            raise OSError(28, "No space left on device")
        put(self, key, states)

    monkeypatch.setattr(ShardWriter, "put", full)
    opened = Opened(tmp_path)
    assert same(states_of(opened(Costly()), SEQUENCES), states_of(Opened(tmp_path, 0)(Costly()), SEQUENCES))
    assert [line for line in opened.told if "No space left" in line] == opened.told and len(opened.told) == 1
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_disk_that_is_nearly_full_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.activations import store

    monkeypatch.setattr(store.shutil, "disk_usage", lambda folder: SimpleNamespace(free=10**9))
    opened = Opened(tmp_path)
    states_of(opened(Costly()), SEQUENCES)
    assert shards(tmp_path) == [] and len(opened.told) == 1 and "nearly full" in opened.told[0]


class Unsound(Costly):
    def hidden_states(self, sequences: Sequence[str], layers: Sequence[int]) -> Iterator[tuple[int, States]]:
        for index, states in super().hidden_states(sequences, layers):
            if index == 1:
                states[layers[0]][0, 0] = np.nan
            yield index, states


def test_states_that_a_task_refuses_are_passed_on_and_not_stored(tmp_path: Path) -> None:
    found = states_of(Opened(tmp_path)(Unsound()), ["ACGU", "GG", "AUU"])
    assert np.isnan(found[1][1][0, 0]) and shards(tmp_path) == []


def test_weights_are_loaded_when_something_is_computed_on_the_device_asked_for(tmp_path: Path) -> None:
    model = Opened(tmp_path)(inner := Costly())
    model.load("cuda:3")
    assert inner.loaded == []
    states_of(model, ["ACGU"])
    assert inner.loaded == ["cuda:3"]
    with pytest.raises(Exception, match="has no log probs"):
        model.log_probs(["ACGU"], [[0]])
    assert inner.loaded == ["cuda:3", "cuda:3"]
    assert model.card is inner.card and model.identity() == inner.identity()
    assert isinstance(model.random_twin(), FakeModel)


def test_controls_and_models_with_nothing_to_load_are_left_alone(tmp_path: Path) -> None:
    store = Opened(tmp_path).store
    for model in (FakeModel(), Costly(role="floor"), Costly(capabilities={"attention"})):
        assert with_store(model, store, {}) is model


def _embed(folder: Path, start: object) -> None:
    start.wait()  # type: ignore[attr-defined]
    opened = Opened(folder)
    states_of(opened(Costly()), SEQUENCES)
    if opened.told:
        raise AssertionError(opened.told)


def _killed_halfway(folder: Path) -> None:
    states = Opened(folder)(Costly()).hidden_states(SEQUENCES, [1])
    for number, _ in enumerate(states):
        if number > 10 and list(folder.rglob(".*.partial")):
            os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_process_leaves_a_file_that_nobody_reads(tmp_path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(target=_killed_halfway, args=(tmp_path,))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    (left,) = tmp_path.rglob(".*.partial")
    opened = Opened(tmp_path)
    resumed = states_of(opened(inner := Costly()), SEQUENCES, [1])
    without = states_of(Opened(tmp_path, 0)(Costly()), SEQUENCES, [1])
    assert all(np.array_equal(resumed[index][1], without[index][1]) for index in without)
    assert 0 < sum(len(given) for given, _ in inner.asked) < len(SEQUENCES) and opened.told == []
    os.utime(left, (0, 0))
    tidy(tmp_path, 10**9)
    assert not left.exists() and list(damaged(tmp_path)) == []


def test_two_processes_fill_one_store(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    start = context.Barrier(2)
    processes = [context.Process(target=_embed, args=(tmp_path, start)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    warm = states_of(Opened(tmp_path)(inner := Costly()), SEQUENCES)
    assert same(warm, states_of(Opened(tmp_path, 0)(Costly()), SEQUENCES)) and not inner.asked
    assert not list(tmp_path.rglob(".*.partial"))


def test_layers_that_are_unknown_are_refused_as_by_the_model(tmp_path: Path) -> None:
    model: ModelAdapter = Opened(tmp_path)(Costly())
    with pytest.raises(Exception, match="has layers 0 to 2"):
        states_of(model, SEQUENCES, [3])
    assert states_of(model, [], [1]) == {}
