from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from harness.progress import Progress
from harness.task import CellContext, Metric, Seeds, TableRow, TaskSettings


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
        ((0, 0), "seed 0 is given twice"),
        ((3, 1, "3"), "seed 3 is given twice"),
    ):
        with pytest.raises(ValidationError, match=said):
            seeds.validate_python(given)
