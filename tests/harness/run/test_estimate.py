from __future__ import annotations

from harness.progress import QUIET
from harness.result import ResultRecord
from harness.run.cell import run_cell
from harness.run.estimate import Estimate, estimates
from tests.fakes import FakeModel
from tests.harness.run.test_cell import make_cell


def test_like_cells_are_those_of_the_model_and_otherwise_of_the_task(tmp_path) -> None:  # type: ignore[no-untyped-def]
    done = run_cell(make_cell(), tmp_path, "cpu", QUIET)

    def took(record: ResultRecord, *seconds: float) -> ResultRecord:
        spent = {f"phase {number}": value for number, value in enumerate(seconds)}
        return record.model_copy(update={"environment": record.environment.model_copy(update={"seconds": spent})})

    other = run_cell(make_cell(FakeModel("other", "other-1")), tmp_path, "cpu", QUIET)
    failed = took(done, 1000.0).model_copy(update={"status": "failed"})
    records = [took(done, 1.0, 2.0), took(done, 5.0), took(other, 100.0), failed, took(done)]
    asked = [make_cell(scale=2.0), make_cell(FakeModel("third", "third-1"))]
    assert estimates(asked, records) == [Estimate(4.0, "this model"), Estimate(5.0, "other models")]
    assert estimates(asked, []) == [None, None]
