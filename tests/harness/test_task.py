from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from harness.progress import Progress
from harness.task import CellContext, Metric, Seeds, TableRow, TaskSettings
from tests.fakes import FakeModel


def test_phases_add_up_and_are_kept_when_they_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 2.0, 10.0, 13.0, 20.0, 21.0])
    monkeypatch.setattr("harness.task.time.perf_counter", lambda: next(times))
    context = CellContext("cpu", tmp_path, tmp_path, Progress(quiet=True))
    with context.phase("scoring"):
        pass
    with context.phase("scoring"):
        pass
    with pytest.raises(RuntimeError), context.phase("training"):
        raise RuntimeError
    assert context.seconds == {"scoring": 5.0, "training": 1.0}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_records_hold_numbers_or_nothing(value: float) -> None:
    for make in (lambda **fields: Metric(**fields), lambda **fields: TableRow(name="x", **fields)):
        with pytest.raises(ValidationError):
            make(value=value)
        with pytest.raises(ValidationError):
            make(value=0.5, low=value)
        assert make(value=None).value is None


def test_settings_refuse_what_they_do_not_know_and_do_not_change() -> None:
    with pytest.raises(ValidationError):
        TaskSettings.model_validate({"limits": 3})
    with pytest.raises(ValidationError):
        TaskSettings(limit=0)
    with pytest.raises(ValidationError):
        TaskSettings(limit=3).limit = 4  # type: ignore[misc]


def test_seeds_are_given_once_and_never_negative() -> None:
    seeds = TypeAdapter(Seeds)
    assert seeds.validate_python(["0", "7", 2**32 - 1]) == (0, 7, 2**32 - 1)
    for given, said in (
        ((), "at least 1 item"),
        ((0, -1), "greater than or equal to 0"),
        ((2**32,), "less than"),
        ((0, 0), "seed 0 is repeated"),
        ((3, 1, "3"), "seed 3 is repeated"),
    ):
        with pytest.raises(ValidationError, match=said):
            seeds.validate_python(given)


class Listening(Progress):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)


ARRAYS = {"one": np.array([1.5, np.nan]), "a b": np.array([["x", "yz"]]), "none": np.zeros((0, 3), np.float32)}


def test_kept_arrays_are_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.task.KEPT_AFTER_SECONDS", 0.0)
    progress = Listening()
    context = CellContext("cpu", tmp_path, tmp_path, progress, stamp="a")
    assert context.kept("phase", lambda: ARRAYS) is ARRAYS and not progress.lines
    found = context.kept("phase", lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    assert found.keys() == ARRAYS.keys() and progress.lines == ["phase: reused from the interrupted run"]
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_a_damaged_or_stale_file_is_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.task.KEPT_AFTER_SECONDS", 0.0)
    progress = Listening()
    context = CellContext("cpu", tmp_path, tmp_path, progress, stamp="a")
    context.kept("phase", lambda: ARRAYS)
    path = tmp_path / "kept" / "phase.npz"
    content = path.read_bytes()
    flipped = bytearray(content)
    flipped[content.index(np.array(1.5).tobytes())] ^= 1
    for damaged in (b"", content[:-30], b"x" * 100, bytes(flipped)):
        path.write_bytes(damaged)
        assert context.kept("phase", lambda: ARRAYS) is ARRAYS
        assert progress.lines.pop() == "phase: the interrupted run's copy is damaged; recomputing"
        assert path.read_bytes() != damaged
    assert replace(context, stamp="b").kept("phase", lambda: ARRAYS) is ARRAYS
    assert "was written by another version" in progress.lines.pop()


def test_what_is_quick_is_not_written_and_a_full_disk_costs_only_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = Listening()
    context = CellContext("cpu", tmp_path / "work", tmp_path, progress)
    context.kept("phase", lambda: ARRAYS)
    assert not (tmp_path / "work").exists()
    monkeypatch.setattr("harness.task.KEPT_AFTER_SECONDS", 0.0)
    monkeypatch.setattr("os.fsync", full)
    assert context.kept("phase", lambda: ARRAYS) is ARRAYS
    assert progress.lines == ["phase: not saved for a later run (No space left on device)"]
    assert not list((tmp_path / "work" / "kept").iterdir())


def full(*arguments: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("card", "lengths"),
    [
        ({"max_length": None}, (440, 1, 2)),
        ({"max_length": 1000}, (440, 1, 2)),
        ({"max_length": 277, "min_length": 6}, (277, 6, 2)),
        ({"max_length": None, "length_multiple": 3}, (440, 1, 6)),
    ],
)
def test_settings_are_narrowed_to_what_a_model_takes(card: dict[str, int | None], lengths: tuple[int, ...]) -> None:
    model = FakeModel(**card).card
    settings = TaskSettings(length_multiple=2).narrowed_to(model)
    assert (settings.longest, settings.shortest, settings.length_multiple) == lengths
    assert settings.narrowed_to(model) == settings
    taken = [n for n in range(1, 500) if n <= lengths[0] and n >= lengths[1] and n % lengths[2] == 0]
    assert taken and not any(model.broken_length_rule(length) for length in taken)


def test_lengths_that_rule_nothing_out_are_in_no_record() -> None:
    assert TaskSettings().model_dump(mode="json") == {"limit": None, "longest": 440}
    narrowed = TaskSettings(shortest=6, length_multiple=3).model_dump(mode="json")
    assert narrowed == {"limit": None, "longest": 440, "shortest": 6, "length_multiple": 3}
    assert TaskSettings(long="skip").model_dump(mode="json") == {"limit": None, "longest": 440}
    assert TaskSettings(long="window").model_dump(mode="json") == {"limit": None, "longest": 440, "long": "window"}


def test_windows_lift_the_limit_of_models_with_hidden_states() -> None:
    settings = TaskSettings(longest=1000, long="window")
    assert settings.narrowed_to(FakeModel(max_length=277, length_multiple=3).card).longest == 1000
    assert settings.narrowed_to(FakeModel(max_length=277, capabilities={"sequence_vectors"}).card).longest == 277
