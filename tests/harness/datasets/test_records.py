from __future__ import annotations

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.datasets.records import Dataset, DatasetCard, Record, build_dataset, normalise_sequence
from harness.errors import InputError

CARD = DatasetCard("set", "a set")
NUCLEOTIDES, TO_N, AMBIGUOUS = "ACGUTacgut", "RYKMSWBDHVPIXrykmswbdhvpix", "Nn"


def dataset(*records: Record) -> Dataset:
    return Dataset(CARD, records or (Record("a", "ACGU", "F1"), Record("b", "GG", "F2"), Record("c", "GG")))


@given(st.text(NUCLEOTIDES + TO_N + AMBIGUOUS, min_size=1))
def test_letters_become_four_nucleotides_and_n(letters: str) -> None:
    meaning = {"T": "U", "U": "U", "A": "A", "C": "C", "G": "G"}
    expected = [meaning.get(letter.upper(), "N") for letter in letters]
    replaced = sum(letter in TO_N for letter in letters)
    assert normalise_sequence(letters, "a") == ("".join(expected), replaced)
    assert normalise_sequence("".join(expected), "a") == ("".join(expected), 0)


@given(st.text("ACGUN", max_size=20), st.characters(), st.text("ACGUN", max_size=20))
def test_any_other_letter_is_an_error_that_names_record_position_and_letter(
    before: str, letter: str, after: str
) -> None:
    if letter in NUCLEOTIDES + TO_N + AMBIGUOUS:
        return
    with pytest.raises(InputError) as caught:
        normalise_sequence(before + letter + after, "rna 7")
    assert str(caught.value).startswith(f"record 'rna 7', position {len(before) + 1}: {letter!r} is not a nucleotide")


def test_every_protein_letter_that_is_no_nucleotide_is_refused() -> None:
    assert set(string.ascii_uppercase) - set((NUCLEOTIDES + TO_N + AMBIGUOUS).upper()) == set("EFJLOQZ")
    with pytest.raises(InputError, match="record 'p', position 3: 'L'"):
        normalise_sequence("MKLV", "p")
    with pytest.raises(InputError, match="record 'a' has no sequence"):
        normalise_sequence("", "a")


@pytest.mark.parametrize("field", ["id", "family", "clan", "cluster"])
def test_labels_are_what_can_be_printed(field: str) -> None:
    def record(label: str) -> Record:
        return Record(**({"id": "a", "sequence": "ACGU"} | {field: label}))  # type: ignore[arg-type]

    for label in ("=cmd|' /C calc'!A0", "<script>", "5S rRNA|x/1-9", "µ β-Globin\u00a0é", "x" * 500):
        assert getattr(record(label), field) == label
    for label in ("a\x1b[31mb", "a\nb", "a\x9b2Jb", "a\u202eb", "a\u2028b"):
        with pytest.raises(InputError, match=f"{field} .*contains .*, which is not printable: remove it") as caught:
            record(label)
        assert str(caught.value).isprintable()
    with pytest.raises(InputError, match=rf"{field} 'x+…' has 501 letters, more than 500: shorten it"):
        record("x" * 501)


def test_a_card_of_another_name_than_a_folder_can_have_is_refused() -> None:
    with pytest.raises(InputError, match="'a b' is not a valid dataset name"):
        DatasetCard("a b", "")


@pytest.mark.parametrize(("proteins", "refused"), [(5, True), (4, False)])
def test_proteins_of_nucleotide_codes_alone(proteins: int, refused: bool) -> None:
    """Of 18 letters 13 become N; a written N is no sign of a protein."""
    rows = [Record(f"p{i}", "MKVSTPRDGHIYWAVCNS") for i in range(proteins)]
    rows += [Record("r", "ACGU" * 8), Record("n", "N" * 3)]
    if refused:
        with pytest.raises(InputError, match=r"^65 of 125 letters \(52%\) .* look like proteins"):
            build_dataset(CARD, rows)
    else:
        assert build_dataset(CARD, rows).replaced_letters == 52


def test_rnas_of_mostly_unknown_nucleotides_are_none_of_them() -> None:
    assert build_dataset(CARD, [Record("n", "N" * 90 + "ACGU")]).replaced_letters == 0


@pytest.mark.parametrize("pairs", [((0, 4),), ((-1, 2),), ((2, 2),), ((3, 1),)])
def test_pairs_lie_inside_the_sequence_in_order(pairs: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(InputError, match=r"record 'a': base pair \(\d+, \d+\) does not fit 4 nucleotides"):
        Record("a", "ACGU", pairs=pairs)
    assert Record("a", "ACGU", pairs=((0, 3), (0, 2))).pairs == ((0, 3), (0, 2))


def test_loop_types_are_as_long_as_the_sequence() -> None:
    with pytest.raises(InputError, match="record 'a': 3 loop types for 4 nucleotides"):
        Record("a", "ACGU", given_loop_types="EEE")
    given = Record("a", "ACGU", given_loop_types="EEEE")
    assert (given.loop_types, given.loop_types_source) == ("EEEE", "dataset")
    assert Record("a", "ACGU").loop_types is None


def test_the_fingerprint_follows_the_content_and_not_the_order() -> None:
    records = list(dataset().records)
    base = dataset().fingerprint
    random.Random(1).shuffle(records)
    assert Dataset(DatasetCard("other-name", ""), tuple(records)).fingerprint == base
    changes = [
        *(Record("a2", "ACGU", "F1"), Record("a", "ACGA", "F1"), Record("a", "ACGU", "F3"), Record("a", "ACGU")),
        *(Record("a", "ACGU", "F1", clan="C"), Record("a", "ACGU", "F1", cluster="k")),
        *(Record("a", "ACGU", "F1", split="test"), Record("a", "ACGU", "F1", pairs=())),
        *(Record("a", "ACGU", "F1", pairs=((0, 3),)), Record("a", "ACGU", "F1", given_loop_types="EEEE")),
    ]
    rest = dataset().records[1:]
    assert len({dataset(change, *rest).fingerprint for change in changes} | {base}) == len(changes) + 1


def test_a_dataset_has_records_and_each_id_once() -> None:
    with pytest.raises(InputError, match="dataset set has no records"):
        Dataset(CARD, ())
    with pytest.raises(InputError, match="dataset set: id 'a' occurs 3 times"):
        dataset(Record("b", "A"), *[Record("a", "ACGU")] * 3)


def test_build_dataset_counts_letters_that_became_n() -> None:
    built = build_dataset(CARD, [Record("a", "acgtR", "F"), Record("b", "NNPX")], {"too short": 2})
    assert [record.sequence for record in built.records] == ["ACGUN", "NNNN"]
    assert built.replaced_letters == 3 and built.skipped == {"too short": 2} and built.families == ["F"]
    assert built.records[0].family == "F"


def test_a_subset_adds_up_what_was_left_out() -> None:
    whole = build_dataset(CARD, dataset().records, {"too long": 1})
    part = whole.subset(whole.records[:2], {"too long": 2, "duplicates": 1})
    assert part.skipped == {"too long": 3, "duplicates": 1} and len(part.records) == 2
    assert whole.skipped == {"too long": 1} and part.fingerprint != whole.fingerprint


def test_proteins_keep_their_letters_and_are_never_read_as_nucleotides() -> None:
    card = DatasetCard("chains", "two chains", alphabet="protein")
    dataset = build_dataset(card, [Record("a", "mkUTNX"), Record("b", "JLBZO")])
    assert [record.sequence for record in dataset.records] == ["MKUTNX", "XLBZO"] and dataset.replaced_letters == 1
    for sequence, message in (("MK*", "position 3: '\\*' is not an amino acid"), ("", "no sequence")):
        with pytest.raises(InputError, match=message):
            build_dataset(card, [Record("a", sequence)])
