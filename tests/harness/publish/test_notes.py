from __future__ import annotations

from pathlib import Path

from harness.progress import Progress
from harness.publish.notes import notes_of
from harness.run.cell import run_cell
from tests.fakes import FakeModel
from tests.harness.run.test_cell import make_cell


def test_the_exposure_is_what_the_card_says_and_not_what_an_old_note_says(tmp_path: Path) -> None:
    model = FakeModel(corpus="none")
    record = run_cell(make_cell(model), tmp_path, "cpu", Progress(quiet=True))
    old = (*record.notes, "pretraining exposure to fake-set: unknown", *record.notes)
    assert notes_of(record.model_copy(update={"notes": old})) == ["pretraining exposure to fake-set: none", "a fake"]
