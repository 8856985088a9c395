from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.datasets.records import Record
from harness.datasets.resolve import load_dataset
from harness.errors import InputError, NotApplicable
from tasks.structure.data import INSIDE, Rna
from tasks.structure_f1.data import prepare
from tasks.structure_f1.settings import StructureF1Settings as Settings
from tests.fakes import FakeModel
from tests.tasks.structure.planted import dataset, hairpin, records


def ids(part: tuple[Rna, ...]) -> list[str]:
    return [rna.record.id for rna in part]


def test_given_splits_are_kept_and_train_is_cut_by_hash() -> None:
    data = prepare(dataset(), FakeModel(), Settings(train_records=3))
    assert ids(data.select) == [f"r{k:02}" for k in range(1, 24, 3)]
    assert ids(data.test) == [f"r{k:02}" for k in range(2, 24, 3)]
    assert len(data.train) == 3 and set(ids(data.train)) <= {f"r{k:02}" for k in range(0, 24, 3)}
    assert data.split == "given" and data.skipped == {}
    assert prepare(dataset(), FakeModel(), Settings(train_records=0)).train == ()


def test_item_set_names_what_chooses_and_is_scored_and_no_training_rna() -> None:
    made = dataset()
    item_sets = {prepare(made, FakeModel(), Settings(train_records=n)).item_set(made) for n in (0, 3, 500)}
    assert len(item_sets) == 1
    assert prepare(made, FakeModel(), Settings(limit=4)).item_set(made) not in item_sets


def test_what_cannot_be_compared_is_left_out_and_counted() -> None:
    sequence, pairs = hairpin(99, stem=20, loop=12)
    extra = [
        Record("long", sequence, split="test", pairs=pairs),
        Record("over-long", sequence * 2, split="test", pairs=pairs),
        Record("blank", "NNNNAC", split="test", pairs=((0, 5),)),
        Record("unknown", "ACGUACGU", split="test"),
        Record("homeless", "ACGUACGUA", pairs=((0, 7),)),
        Record("single", "A", split="test", pairs=()),
        Record("unpaired", "ACGUACGUAC", split="test", pairs=()),
    ]
    data = prepare(dataset(extra), FakeModel(), Settings(longest=60, shortest=5, train_records=3))
    assert data.skipped == {
        "sequences over 60 nt": 1,
        "sequences under 5 nt": 1,
        "sequences of mostly N": 1,
        "base pairs unknown": 1,
        "RNAs without a split": 1,
    }
    assert {"long", "unpaired"} <= set(ids(data.test))
    (single,) = (rna for rna in prepare(dataset(extra), FakeModel(), Settings()).test if rna.record.id == "single")
    assert single.pairs == 0 and len(single.known) == 0


def test_a_limit_takes_by_hash_and_the_same_from_any_order() -> None:
    data = prepare(dataset(), FakeModel(), Settings(limit=8))
    assert [len(part) for part in (data.train, data.select, data.test)] == [2, 3, 3]
    assert data.skipped == {"RNAs beyond --limit": 16}
    turned = prepare(dataset(rows=records()[::-1]), FakeModel(), Settings(limit=8))
    assert ids(turned.test) == ids(data.test)


def test_without_splits_whole_families_go_to_either_half() -> None:
    rows = [replace(record, split=None, family=f"F{number % 4}") for number, record in enumerate(records())]
    twin = replace(rows[0], id="twin")
    data = prepare(dataset(rows=[*rows, twin]), FakeModel(), Settings())
    halves = [{rna.record.family for rna in part} for part in (data.select, data.test)]
    assert not halves[0] & halves[1] and halves[0] | halves[1] == {"F0", "F1", "F2", "F3"}
    assert len(data.select) == len(data.test) == 12 and data.train == ()
    assert data.skipped == {"exact duplicates": 1} and "family" in data.split


@pytest.mark.parametrize(
    ("name", "select", "test"), [("pdb-rna", 30, 39), ("archiveii", 2151, 1122), ("rfam-profiles", 888, 916)]
)
def test_real_and_embedded_sets(
    name: str, select: int, test: int, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_DATA", str(data_folder))
    data = prepare(load_dataset(name), FakeModel(max_length=None), Settings())
    assert (len(data.select), len(data.test)) == (select, test)
    assert not {rna.record.id for rna in data.select} & {rna.record.id for rna in data.test}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([replace(r, pairs=None) for r in records()], "dataset hairpins has no base pairs"),
        ([replace(r, pairs=()) for r in records()], "dataset hairpins has no base pairs"),
        ([r for r in records() if r.split != "select"], r"no validation \(select\) RNA"),
        ([r for r in records() if r.split != "test"], "no test RNA"),
        ([replace(r, pairs=()) if r.split == "select" else r for r in records()], r"no validation \(select\) RNA"),
    ],
)
def test_a_dataset_that_cannot_serve_is_one_line(rows: list[Record], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        prepare(dataset(rows=rows), FakeModel(), Settings())
    assert "\n" not in str(caught.value)


class Tokens(FakeModel):
    """Reads tokens of three nucleotides side by side."""

    def token_of(self, sequence: str) -> NDArray[np.int64]:
        return np.arange(len(sequence)) // 3


def test_pairs_inside_one_token_are_neither_known_nor_others() -> None:
    pairs = ((0, 1), (0, 2), (2, 3), (3, 5), (1, 6))
    rna = Rna(Record("x", "ACGUACG", pairs=pairs), Tokens().token_of("ACGUACG"))
    every = [(i, j) for i in range(7) for j in range(i + 1, 7)]
    assert [every[k] for k in rna.inside] == [(i, j) for i, j in every if i // 3 == j // 3]
    assert [every[k] for k in rna.known] == [(1, 6), (2, 3)] == rna.known_pairs and rna.lost == 3
    alone = Rna(Record("x", "ACGUACG", pairs=pairs))
    own = Rna(Record("x", "ACGUACG", pairs=pairs), FakeModel().token_of("ACGUACG"))
    assert alone.lost == own.lost == 0 and alone.known_pairs == own.known_pairs == sorted(pairs)


def test_pairs_that_tokens_hide_are_counted_and_those_of_a_set_that_has_no_others_fit_no_model() -> None:
    data = prepare(dataset(), Tokens(), Settings())
    hidden = sum(i // 3 == j // 3 for record in records() for i, j in record.pairs or ())
    known = sum(len(rna.known) for part in (data.train, data.select, data.test) for rna in part)
    assert data.skipped == ({INSIDE: hidden} if hidden else {})
    assert known == sum(len(record.pairs or ()) for record in records()) - hidden
    rows = [replace(r, pairs=((0, 2), (3, 5))) for r in records()]
    with pytest.raises(
        NotApplicable, match=rf"RNA with base pairs .* fake can be scored on \(48 left out: {INSIDE}\)"
    ) as caught:
        prepare(dataset(rows=rows), Tokens(), Settings())
    assert "\n" not in str(caught.value)


def test_codons_take_whole_codons_and_a_set_without_any_fits_no_model() -> None:
    data = prepare(dataset(), FakeModel(), Settings(length_multiple=3))
    left_out = sum(len(record.sequence) % 3 > 0 for record in records())
    assert 0 < left_out < 24 and data.skipped == {"sequences that are not whole codons of 3 nt": left_out}
    with pytest.raises(NotApplicable, match=r"fake can be scored on \(24 left out: sequences over 4 nt\)"):
        prepare(dataset(), FakeModel(), Settings(longest=4))


def test_known_pairs_are_indices_without_repeats() -> None:
    assert Rna(Record("x", "ACGUA", pairs=((0, 1), (0, 4), (3, 4), (0, 4)))).known.tolist() == [0, 3, 9]
    assert Rna(Record("x", "ACGUA", pairs=())).known.tolist() == []


def test_units_of_resampling() -> None:
    assert Rna(Record("x", "AC", family="F", cluster="c")).unit == "family F"
    assert Rna(Record("x", "AC", cluster="c")).unit == "c"
    assert Rna(Record("x", "AC")).unit == "x"


def test_a_limit_is_of_all_rnas_and_what_a_split_lacks_goes_to_the_others() -> None:
    for limit in (2, 5, 23, 24, 800):
        data = prepare(dataset(), FakeModel(), Settings(limit=limit))
        assert len(data.train) + len(data.select) + len(data.test) == min(limit, 24)
    data = prepare(dataset(), FakeModel(), Settings(limit=15, train_records=1))
    assert [len(part) for part in (data.train, data.select, data.test)] == [1, 7, 7]
    data = prepare(dataset(rows=[replace(r, split=None) for r in records()]), FakeModel(), Settings(limit=10))
    assert [len(part) for part in (data.train, data.select, data.test)] == [0, 5, 5]
    with pytest.raises(InputError, match=r"no validation \(select\) RNA .*23 left out: RNAs beyond --limit\): raise"):
        prepare(dataset(), FakeModel(), Settings(limit=1))


def near_copies(seed: int, count: int) -> list[Record]:
    """RNAs of no family that differ in one letter of 60 from the first."""
    sequence, pairs = hairpin(seed, stem=20, loop=20)
    swap = {"A": "C", "C": "A", "G": "U", "U": "G"}
    made = [sequence] + [sequence[:k] + swap[sequence[k]] + sequence[k + 1 :] for k in range(21, 20 + count)]
    return [Record(f"s{seed}-{k}", own, pairs=pairs) for k, own in enumerate(made)]


def test_without_splits_near_identical_rnas_are_on_one_side_and_one_unit() -> None:
    rows = [record for seed in range(8) for record in near_copies(seed, 6)]
    data = prepare(dataset(rows=rows), FakeModel(), Settings())
    sides = [{rna.record.id.partition("-")[0] for rna in part} for part in (data.select, data.test)]
    assert not sides[0] & sides[1] and len(data.select) == len(data.test) == 24
    assert len({rna.unit for rna in data.test}) == 4 and "cluster" in data.split


def test_families_that_share_a_cluster_are_on_one_side() -> None:
    rows = [replace(r, split=None) for r in records()]
    shared = [replace(r, cluster=r.id if r.family in ("F2", "F3") else f"one/{k // 2}") for k, r in enumerate(rows)]
    linked = [replace(r, cluster="both") if r.id in ("r00", "r01") else replace(r, cluster=r.id) for r in rows]
    assert {r.family for r in rows if r.id in ("r00", "r01")} == {"F0", "F1"}
    for made in (shared, linked):
        data = prepare(dataset(rows=made), FakeModel(), Settings())
        halves = [{rna.record.family for rna in part} for part in (data.select, data.test)]
        assert not halves[0] & halves[1]
    assert any({"F0", "F1"} <= half for half in halves)


ONE = [Record("a", hairpin(1)[0], pairs=hairpin(1)[1])]
CAUSES = {
    "one RNA": (ONE, "has one usable RNA: a head is chosen on some RNAs"),
    "all duplicates": (
        [replace(ONE[0], id=name) for name in "abc"],
        r"one usable RNA \(2 left out: exact duplicates\)",
    ),
    "all N": ([Record(name, "N" * 8, pairs=((0, 7),)) for name in "ab"], r"no usable RNA \(2 left out: .* mostly N\)"),
    "one family": ([replace(r, family="F", split=None) for r in records()], "24 usable RNAs, all of one family"),
    "one cluster": (near_copies(1, 6), "6 usable RNAs, all of one family or cluster"),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_each_cause_of_too_few_rnas_is_named(cause: str) -> None:
    rows, message = CAUSES[cause]
    with pytest.raises(InputError, match=message) as caught:
        prepare(dataset(rows=rows), FakeModel(), Settings())
    assert "\n" not in str(caught.value)


def test_a_table_without_pairs_names_the_columns_it_has() -> None:
    made = replace(dataset(rows=[Record("a", "ACGU")]), unread_columns=("ss", "note"))
    with pytest.raises(InputError, match=r"no base pairs \(read from a column base_pairs, .*columns are ss, note\)"):
        prepare(made, FakeModel(), Settings())
