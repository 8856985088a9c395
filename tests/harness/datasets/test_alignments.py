from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.datasets.alignments import (
    alignment_of,
    filter_depth,
    model_inputs,
    read_alignments,
    read_alone,
    with_alignments,
)
from harness.datasets.records import DatasetCard, Record, build_dataset
from harness.errors import InputError
from harness.sequences.alignment import Alignment
from tests.fakes import FakeModel

STOCKHOLM = """# STOCKHOLM 1.0
#=GF AC RF00001
#=GF ID first

one/1-4   AC.gu
two/1-5   ACCGU
#=GC SS_cons <...>
//
# STOCKHOLM 1.0
#=GF ID second

a/1-2     A~U
b/1-3     A_C
//
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a3m_and_a2m_give_the_same_alignment(tmp_path: Path) -> None:
    # one row inserts two letters after the second column; A2M pads the others there
    a3m = read_alignments(write(tmp_path / "x.a3m", ">query\nACGT\n>homolog one\nAC\nggU-\n>third\n--GR\n"))
    a2m = read_alignments(write(tmp_path / "x.a2m", ">query\nAC..GT\n>homolog one\nACggU-\n>third\n--..GR\n"))
    assert a3m == a2m == (Alignment("x", ("ACGU", "ACU-", "--GN")),)


def test_gaps_in_the_query_stay_columns(tmp_path: Path) -> None:
    (alignment,) = read_alignments(write(tmp_path / "x.a2m_msa2", ">q\nA-CU\n>h\nAGC-\n"))
    assert alignment.query == "ACU" and alignment.query_columns == (0, 2, 3) and alignment.depth == 2


def test_stockholm_holds_many_and_case_means_nothing(tmp_path: Path) -> None:
    assert read_alignments(write(tmp_path / "x.sto", STOCKHOLM)) == (
        Alignment("RF00001", ("AC-GU", "ACCGU")),
        Alignment("second", ("A-U", "A-C")),
    )
    nameless = "# STOCKHOLM 1.0\none AC\ntwo GU\n//\n"
    assert read_alignments(write(tmp_path / "file.stk", nameless)) == (Alignment("file", ("AC", "GU")),)


def test_gzip_and_windows_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "x.a3m.gz"
    path.write_bytes(gzip.compress(b">q\r\nAC\r\nGU\r\n>h\r\nAC-U\r\n"))
    assert read_alignments(path) == (Alignment("x", ("ACGU", "AC-U")),)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("x.txt", "ACGU", "the suffix '.txt' is not one of .a3m .a2m"),
        ("x.a3m", "  \n", "is empty"),
        ("x.a3m", "ACGU\n", "the first line must start with '>'"),
        ("x.a3m", ">q\nACGU\n>h\nACG\n", "h (row 2) has 3 columns, but the first row has 4"),
        ("x.a3m", ">q\nACGU\n>h\nAC!U\n", "record 'h (row 2)', position 3: '!' is not a nucleotide"),
        ("x.a3m", ">q\nMKEL\n", "position 3: 'E' is not a nucleotide"),
        ("x.a3m", ">q\nacgu\n>h\nacgu\n", "has no query sequence"),
        ("x.a3m", ">q\n----\n>h\nACGU\n", "has no query sequence"),
        ("x.sto", STOCKHOLM[:-4], "does not end with '//'"),
        ("x.sto", "nonsense\n//\n", "cannot be read as stockholm"),
        ("x.a3m.gz", "ACGU", "is not a complete gzip file"),
    ],
)
def test_faults_are_one_line_that_names_the_file(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        read_alignments(write(tmp_path / name, text))
    assert said in str(caught.value) and name in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"x.a3m does not exist"):
        read_alignments(tmp_path / "x.a3m")


def test_records_are_given_their_alignments(tmp_path: Path) -> None:
    dataset = build_dataset(DatasetCard(name="d", summary="d"), [Record("a", "ACGU"), Record("b", "GGCC")])
    with pytest.raises(InputError, match=r"no alignment named like a record, such as a.a3m"):
        with_alignments(dataset, tmp_path)
    write(tmp_path / "a.a3m", ">a\nACGT\n>h\nACG-\n")
    aligned = with_alignments(dataset, tmp_path)
    assert [record.id for record in aligned.records] == ["a"] and aligned.skipped == {"no alignment": 1}
    assert aligned.records[0].alignment == Alignment("a", ("ACGU", "ACG-"))
    assert aligned.fingerprint != dataset.subset(dataset.records[:1]).fingerprint
    write(tmp_path / "b.sto", STOCKHOLM)
    with pytest.raises(InputError, match=r"b.sto: the first sequence is not that of record 'b'"):
        with_alignments(dataset, tmp_path)


def greedy_by_loops(rows: list[str], depth: int) -> list[str]:
    """The rule of the filter, without arrays."""
    query = rows[0]
    columns = [i for i, letter in enumerate(query) if letter != "-"]
    cut = ["".join(row[i] for i in columns) for row in rows]
    candidates = []
    for number, row in enumerate(cut):
        if row not in cut[:number] and number and 2 * row.count("-") <= len(row):
            candidates.append(number)
    chosen = [0]
    while len(chosen) < depth and candidates:
        totals = [sum(a != b for other in chosen for a, b in zip(cut[c], cut[other], strict=True)) for c in candidates]
        best = candidates[totals.index(max(totals))]
        chosen.append(best)
        candidates.remove(best)
    return [rows[number] for number in chosen]


rows = (
    st.integers(2, 7)
    .flatmap(lambda width: st.lists(st.text("ACGU-", min_size=width, max_size=width), min_size=1, max_size=12))
    .filter(lambda rows: rows[0].strip("-"))
)


@given(rows=rows, depth=st.integers(1, 12))
def test_the_filter_is_greedy_and_nested(rows: list[str], depth: int) -> None:
    alignment = Alignment("x", tuple(rows))
    filtered = filter_depth(alignment, depth)
    if len(rows) <= depth:
        assert filtered is alignment
        return
    assert list(filtered.rows) == greedy_by_loops(rows, depth)
    assert filtered.query == alignment.query and filtered.depth <= depth
    if depth + 1 < len(rows):
        assert filter_depth(alignment, depth + 1).shallow(depth).rows == filtered.rows


def test_fragments_and_repeats_are_no_candidates() -> None:
    alignment = Alignment("x", ("ACGU", "A---", "ACGU", "ACGA", "UUUU", "ACGA"))
    assert filter_depth(alignment, 5).rows == ("ACGU", "UUUU", "ACGA")
    with pytest.raises(InputError, match="at least 1, not 0"):
        filter_depth(alignment, 0)


def test_the_published_alignment(data_folder: Path) -> None:
    path = data_folder / "msa" / "rna_msm_2DRB_1" / "2DRB_1.a2m_msa2"
    if not path.is_file():
        pytest.skip("the published alignment of 2DRB_1 is not in $HARNESS_DATA")
    (alignment,) = read_alignments(path)
    assert (alignment.name, alignment.depth, len(alignment.query)) == ("2DRB_1", 1176, 35)
    few = filter_depth(alignment, 10)
    letters = np.array([list(row) for row in few.rows])
    assert few.depth == 10 and ((letters != "-").mean(axis=1) >= 0.5).all()


def test_rfam_seed_alignments(data_folder: Path) -> None:
    path = data_folder / "families" / "rfam_seed_alignments.stk.gz"
    if not path.is_file():
        pytest.skip("the Rfam seed alignments are not in $HARNESS_DATA")
    alignments = read_alignments(path)
    assert len(alignments) == 433 and all(alignment.name.startswith("RF") for alignment in alignments)


DEEP = Record("deep", "ACGU", alignment=Alignment("deep", ("ACGU", "A-GU")))
SHALLOW = Record("shallow", "ACG", alignment=Alignment("shallow", ("ACG",)))
BARE = Record("bare", "AC")


def test_a_record_without_an_alignment_is_its_only_row() -> None:
    assert alignment_of(DEEP) is DEEP.alignment
    assert alignment_of(BARE) == Alignment("bare", ("AC",))


def test_sequences_read_without_homologs_are_counted_for_models_of_alignments_alone() -> None:
    card = FakeModel("deep-reader", capabilities={"alignment", "hidden_states"}).card
    assert read_alone(card, [DEEP]) == [] == read_alone(FakeModel().card, [BARE])
    (note,) = read_alone(card, [DEEP, SHALLOW, BARE])
    assert note == "2 of 3 sequences have no alignment: deep-reader read them alone, without homologs"


OWN = Record("member", "ACG", "RF1", alignment=Alignment("RF1", ("ACGU", "ACG-"), 1))


def test_the_alignment_of_a_family_is_not_given_where_the_family_is_asked() -> None:
    card = FakeModel("deep-reader", capabilities={"alignment", "hidden_states"}).card
    homologs = replace(OWN, alignment=Alignment("member", ("ACG", "ACC")))  # searched for, whatever the family
    assert model_inputs(card, [OWN, homologs]) == [OWN.alignment, homologs.alignment]
    asked = model_inputs(card, [OWN, homologs, DEEP, BARE], family_asked=True)
    assert asked == [Alignment("member", ("ACG",)), homologs.alignment, DEEP.alignment, Alignment("bare", ("AC",))]
    assert read_alone(card, [OWN, DEEP]) == []
    assert read_alone(card, [OWN, DEEP, BARE], family_asked=True) == [
        "1 of 3 sequences have no alignment: deep-reader read them alone, without homologs",
        "1 of 3 sequences have the alignment of their own family, which would give the family away: "
        "deep-reader read them alone, without homologs",
    ]
    assert read_alone(FakeModel().card, [OWN], family_asked=True) == []


def test_a_row_other_than_the_first_is_filtered_as_the_first_would_be() -> None:
    rows = ("A-GU", "ACGU", "AC-A", "UUUU", "ACCA")
    for row in range(len(rows)):
        moved = Alignment("x", (rows[row], *rows[:row], *rows[row + 1 :]))
        assert filter_depth(Alignment("x", rows, row), 3) == filter_depth(moved, 3)


def test_models_of_alignments_read_them_and_others_the_sequence() -> None:
    card = FakeModel("deep-reader", capabilities={"alignment", "hidden_states"}).card
    records = [DEEP, BARE]
    assert model_inputs(FakeModel().card, records) == [DEEP.sequence, BARE.sequence]
    assert model_inputs(card, records) == [DEEP.alignment, Alignment(BARE.id, (BARE.sequence,))]
    assert model_inputs(card, records, depth=1) == [Alignment("deep", ("ACGU",)), Alignment("bare", ("AC",))]
