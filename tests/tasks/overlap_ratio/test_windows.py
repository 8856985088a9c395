"""Long sequences in a cell: windows give the numbers of a model without a limit, where states are local."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes import FakeModel
from tests.tasks.overlap_ratio.planted import dataset
from tests.tasks.overlap_ratio.test_task import make_cell, run, without_triplets

LIMIT = 38


def test_windows_take_what_skipping_leaves_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_triplets(monkeypatch)
    data = dataset()  # 32 to 44 nt
    whole, _ = run(FakeModel("whole", max_length=None), data, tmp_path)
    # one-hot letters: a state is the same in any window
    windows, _ = run(FakeModel("short", max_length=LIMIT), data, tmp_path, long="window")
    assert windows.metrics == whole.metrics and windows.basis == whole.basis
    assert windows.settings["long"] == "window" and "long" not in whole.settings
    assert any(
        note.startswith("sequences over the 38 nt that short takes (16 in the dataset)") for note in windows.notes
    )
    skipping = make_cell(FakeModel("short", max_length=LIMIT), data, longest=LIMIT)
    skipped, _ = run(skipping.model, data, tmp_path, longest=LIMIT)
    assert skipped.dataset.skipped["sequences over 38 nt"] == 16
    assert skipped.dataset.used == whole.dataset.used - 16
    assert not any("windows" in note for note in skipped.notes)
    assert len({whole.cell, windows.cell, skipped.cell}) == 3
