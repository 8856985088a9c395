from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.datasets.records import Record
from harness.errors import NotApplicable
from tasks.overlap.data import prepare
from tasks.overlap.settings import OverlapRatioSettings
from tests.tasks.overlap.planted import dataset, records, sequence_of

SETTINGS = OverlapRatioSettings(per_family=4)


def test_what_cannot_be_compared_is_left_out_and_counted() -> None:
    rows = records(families=4, members=6)
    rows += [
        Record("long", sequence_of(1, 500), family="F0"),
        Record("unknown", "N" * 20 + "ACG", family="F0"),
        replace(rows[0], id="copy"),
        Record("orphan", sequence_of(2)),
        Record("pair/1", sequence_of(3), family="pair"),
        Record("pair/2", sequence_of(4), family="pair"),
        Record("over", sequence_of(5, 61), family="F1"),
    ]
    data = prepare(dataset(rows), SETTINGS, max_length=60)
    assert data.skipped == {
        "sequences over 440 nt": 1,
        "sequences of mostly N": 1,
        "exact duplicates": 1,
        "sequences of no family": 1,
        "sequences of families with one or two members": 2,
        "sequences over the model's limit of 60 nt": 1,
        "sequences beyond 4 of their family": 8,
    }
    assert len(data.records) + sum(data.skipped.values()) == len(rows)
    assert data.families == ("F0", "F1", "F2", "F3") and data.sizes.tolist() == [4] * 4
    assert [r.family for r in data.records] == [data.families[k] for k in data.family]
    assert data.starts.tolist() == [0, 4, 8, 12]


def test_duplicates_that_leave_two_members_leave_no_family() -> None:
    rows = records(families=3)
    same = [Record(f"twin/{k}", sequence_of(9), family="twin") for k in range(5)]
    data = prepare(dataset(rows + same), SETTINGS, None)
    assert "twin" not in data.families and data.skipped["exact duplicates"] == 4
    assert data.skipped["sequences of families with one or two members"] == 1


def test_order_of_the_file_changes_nothing_and_limit_is_by_hash() -> None:
    rows = records(families=12, members=6)
    settings = OverlapRatioSettings(per_family=4, limit=5)
    data, turned = (prepare(dataset(part), settings, None) for part in (rows, rows[::-1]))
    assert [r.id for r in data.records] == [r.id for r in turned.records]
    assert (data.validation == turned.validation).all()
    assert len(data.families) == 5 and data.families != ("F0", "F1", "F2", "F3", "F4")
    assert data.skipped["sequences outside the families of --limit"] == 42
    more = prepare(dataset(rows), OverlapRatioSettings(per_family=4, limit=6), None)
    assert set(data.families) < set(more.families)


def test_halves_keep_clans_together() -> None:
    clans = {k: "CL1" if k < 3 else "CL2" if k < 5 else "" for k in range(12)}
    data = prepare(dataset(records(12, clans={k: v for k, v in clans.items() if v})), SETTINGS, None)
    assert abs(int(data.validation.sum()) - 6) <= 1
    for clan in np.unique(data.clan):
        assert len(set(data.validation[data.clan == clan])) == 1
    assert len(set(data.clan)) == 2 + 7


def test_the_review_keeps_everything() -> None:
    rows = [*records(families=3, members=12), Record("single", sequence_of(8), family="single")]
    rows.append(replace(rows[0], id="copy"))
    data = prepare(dataset(rows), OverlapRatioSettings(pairs="review"), None)
    assert len(data.records) == 38 and not data.skipped
    assert data.sequence[[r.id == "copy" for r in data.records]][0] == data.sequence[0]


@pytest.mark.parametrize("rows", [records(1), records(6, 2), records(2, clans={0: "C", 1: "C"})])
def test_nothing_to_compare_is_one_line(rows: list[Record]) -> None:
    with pytest.raises(NotApplicable, match="planted has no two unrelated families of 3 distinct sequences"):
        prepare(dataset(rows), SETTINGS, None)
