from __future__ import annotations

from pathlib import Path

import pytest

from harness.publish.figures.depth import depth_figures, depths_of
from harness.task import TableRow
from tests.harness.publish.figures.made import record, standings


def cut(depth: int, value: float) -> TableRow:
    stratum = f"alignments of at most {depth} rows"
    return TableRow(name="share", source="model", stratum=stratum, value=value, low=value - 0.05, high=value + 0.05)


DRAWS = [0.55, 0.6, 0.65]


def test_depths_are_in_order_and_the_whole_alignment_is_last(tmp_path: Path) -> None:
    other = TableRow(name="share", source="model", stratum="pseudoknotted RNAs", value=0.1)
    rows = [cut(100, 0.5), cut(1, 0.2), other, cut(10, 0.4)]
    (trial,) = standings([record(tmp_path, "msm", 0.6, DRAWS, table=rows), record(tmp_path, "single", 0.5, DRAWS)])
    own, alone = sorted(trial.board.models, key=lambda one: one.name)
    found = depths_of(own)
    assert found is not None and depths_of(alone) is None
    assert [(depth, point.value) for depth, point in found.points] == [(1, 0.2), (10, 0.4), (100, 0.5), (None, 0.6)]
    (figure,) = depth_figures([trial], tmp_path)
    assert figure.answer.startswith("**Homologs help msm**: 0.200 [0.150, 0.250] with 1 row, 0.600 [")
    assert figure.picture.count("<circle") == 4
    rows_shown = [line.split("|")[2].strip() for line in figure.table.splitlines()[2:]]
    assert rows_shown == ["1", "10", "100", "all"]


@pytest.mark.parametrize(
    ("shallow", "higher", "sentence"),
    [
        (0.2, True, "**Homologs help msm**"),
        (0.2, False, "**Homologs harm msm**"),
        (0.9, True, "**Homologs harm msm**"),
        (0.58, True, "Whether homologs help msm **cannot be told**"),
    ],
)
def test_only_intervals_that_do_not_overlap_are_called_different(
    tmp_path: Path, shallow: float, higher: bool, sentence: str
) -> None:
    records = [record(tmp_path, "msm", 0.6, DRAWS, table=[cut(1, shallow)], higher=higher)]
    (figure,) = depth_figures(standings(records), tmp_path)
    assert figure.answer.startswith(sentence)


def test_depths_without_intervals_cannot_be_told_apart(tmp_path: Path) -> None:
    bare = cut(1, 0.1).model_copy(update={"low": None, "high": None})
    (figure,) = depth_figures(standings([record(tmp_path, "msm", 0.6, DRAWS, table=[bare])]), tmp_path)
    assert "cannot be told" in figure.answer


def test_no_depths_make_no_figure(tmp_path: Path) -> None:
    assert list(depth_figures(standings([record(tmp_path, "single", 0.5, DRAWS)]), tmp_path)) == []
