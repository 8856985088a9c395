from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from harness.progress import Progress
from harness.task import CellContext, Metric, TableRow, TaskSettings
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
