from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.datasets.records import Record
from harness.errors import NotApplicable
from harness.sequences.kmers import kmer_counts
from tasks.overlap_ratio.data import prepare
from tasks.overlap_ratio.settings import OverlapRatioSettings
from tests.tasks.overlap_ratio.planted import dataset, records, sequence_of

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
        Record("under", sequence_of(6, 29), family="F1"),
        Record("scattered", "ACGUNACGUN" * 3, family="F1"),
    ]
    data = prepare(dataset(rows), SETTINGS.model_copy(update={"longest": 60, "shortest": 30}))
    assert data.skipped == {
        "sequences over 60 nt": 2,
        "sequences of mostly N": 1,
        "exact duplicates": 1,
        "sequences without a family": 1,
        "sequences of families with one or two members": 2,
        "sequences under 30 nt": 1,
        "sequences without six known nucleotides in a row": 1,
        "sequences beyond 4 of their family": 8,
    }
    assert len(data.records) + sum(data.skipped.values()) == len(rows)
    assert data.families == ("F0", "F1", "F2", "F3") and data.sizes.tolist() == [4] * 4
    assert [r.family for r in data.records] == [data.families[k] for k in data.family]
    assert data.starts.tolist() == [0, 4, 8, 12]


def test_codons_leave_whole_codons_and_say_so_where_too_few_are_left() -> None:
    codons = SETTINGS.model_copy(update={"length_multiple": 3})
    rows = [replace(r, sequence=r.sequence + "A" * (k % 3)) for k, r in enumerate(records(families=6, members=12))]
    data = prepare(dataset(rows), codons)
    kept = [r for r in rows if len(r.sequence) % 3 == 0]
    assert data.skipped["sequences that are not whole codons of 3 nt"] == len(rows) - len(kept)
    assert data.sizes.tolist() == [4] * 6 and {len(r.sequence) % 3 for r in data.records} == {0}
    odd = [replace(r, sequence="ACGU" + r.sequence[: len(r.sequence) // 3 * 3]) for r in rows]
    with pytest.raises(
        NotApplicable, match=r"accepted lengths \(72 left out: sequences that are not whole codons of 3 nt\)"
    ) as caught:
        prepare(dataset(odd), codons)
    assert "\n" not in str(caught.value)


def test_duplicates_that_leave_two_members_leave_no_family() -> None:
    rows = records(families=3)
    same = [Record(f"twin/{k}", sequence_of(9), family="twin") for k in range(5)]
    data = prepare(dataset(rows + same), SETTINGS)
    assert "twin" not in data.families and data.skipped["exact duplicates"] == 4
    assert data.skipped["sequences of families with one or two members"] == 1


def test_order_of_the_file_changes_nothing_and_limit_is_by_hash() -> None:
    rows = records(families=12, members=6)
    settings = OverlapRatioSettings(per_family=4, limit=5)
    data, turned = (prepare(dataset(part), settings) for part in (rows, rows[::-1]))
    assert [r.id for r in data.records] == [r.id for r in turned.records]
    assert (data.validation == turned.validation).all()
    assert len(data.families) == 5 and data.families != ("F0", "F1", "F2", "F3", "F4")
    assert data.skipped["sequences outside the families of --limit"] == 42
    more = prepare(dataset(rows), OverlapRatioSettings(per_family=4, limit=6))
    assert set(data.families) < set(more.families)


def test_halves_keep_clans_together() -> None:
    clans = {k: "CL1" if k < 3 else "CL2" if k < 5 else "" for k in range(12)}
    data = prepare(dataset(records(12, clans={k: v for k, v in clans.items() if v})), SETTINGS)
    assert abs(int(data.validation.sum()) - 6) <= 1
    for clan in np.unique(data.clan):
        assert len(set(data.validation[data.clan == clan])) == 1
    assert len(set(data.clan)) == 2 + 7


def test_the_review_keeps_everything() -> None:
    rows = [*records(families=3, members=12), Record("single", sequence_of(8), family="single")]
    rows.append(replace(rows[0], id="copy"))
    data = prepare(dataset(rows), OverlapRatioSettings(pairs="review"))
    assert len(data.records) == 38 and not data.skipped
    assert data.sequence[[r.id == "copy" for r in data.records]][0] == data.sequence[0]


@pytest.mark.parametrize("rows", [records(1), records(6, 2), records(2, clans={0: "C", 1: "C"})])
def test_nothing_to_compare_is_one_line(rows: list[Record]) -> None:
    with pytest.raises(NotApplicable, match="planted has no two unrelated families of 3 distinct sequences"):
        prepare(dataset(rows), SETTINGS)


@pytest.mark.parametrize("pairs", ["families", "review"])
def test_what_has_no_6_mer_is_left_out_for_every_model(pairs: str) -> None:
    rows = [*records(families=4), Record("short", "ACGUA", family="F0"), Record("six", "ACGUAC", family="F0")]
    data = prepare(dataset(rows), OverlapRatioSettings(pairs=pairs))
    assert data.skipped == {"sequences without six known nucleotides in a row": 1}
    assert "six" in {record.id for record in data.records}
    assert kmer_counts([record.sequence for record in data.records], 6).any(axis=1).all()
