from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.adapter import ModelOptions
from harness.errors import Unavailable
from harness.progress import QUIET
from harness.run import fits
from harness.run.execute import Execution, execute
from harness.run.fits import check_fits, weights_bytes
from harness.run.spec import Planned
from tests.fakes import FakeModel, FakeTask
from tests.harness.run.test_cell import make_cell

LARGE = make_cell(FakeModel("large", parameters=1_000_000))
SMALL = make_cell(FakeModel("small", parameters=100_000))


def test_weights_by_the_format_they_are_held_in() -> None:
    assert weights_bytes(LARGE) == 4_000_000 and weights_bytes(make_cell()) == 0
    assert weights_bytes(replace(LARGE, options=ModelOptions(dtype="bfloat16"))) == 2_000_000


def test_a_model_that_cannot_fit_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fits, "free_memory", lambda: 3_000_000)
    check_fits([SMALL, make_cell()], "cpu", 2)
    with pytest.raises(
        Unavailable, match=r"weights of large \(4.0 MB\) do not fit into the 3.0 MB .* free: .* or use a larger machine"
    ):
        check_fits([SMALL, LARGE], "cpu", 1)
    with pytest.raises(Unavailable):  # read in float32 before they are converted
        check_fits([replace(LARGE, options=ModelOptions(dtype="bfloat16"))], "cpu", 1)
    check_fits([make_cell(FakeModel("mute", capabilities=set(), parameters=10**9))], "cpu", 1)


def test_a_gpu_is_handed_weights_in_the_format_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fits, "_gpu_memory", lambda device: 3_000_000)
    with pytest.raises(Unavailable, match=r"or use --dtype bfloat16 or a larger GPU"):
        check_fits([SMALL, LARGE], "cuda", 1)
    check_fits([replace(LARGE, options=ModelOptions(dtype="bfloat16"))], "cuda", 1)


def test_workers_need_room_for_the_largest_of_their_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fits, "free_memory", lambda: 5_000_000)
    check_fits([LARGE, SMALL, SMALL], "cpu", 2)
    check_fits([LARGE, LARGE], "cpu", 1)
    with pytest.raises(Unavailable, match=r"2 workers may need 8.0 MB, .* fewer --workers"):
        check_fits([LARGE, SMALL, LARGE], "cpu", 2)


def test_it_is_refused_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fits, "free_memory", lambda: 1_000_000)
    planned = [Planned(None, make_cell()), Planned(None, LARGE)]  # type: ignore[arg-type]
    runs = FakeTask.runs
    with pytest.raises(Unavailable):
        list(execute(planned, Execution(), tmp_path, "cpu", QUIET))
    assert FakeTask.runs == runs and not list(tmp_path.rglob("*.json"))
