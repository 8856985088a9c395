"""Structure formats against multimolecule's writers, and dot-brackets against its own reading of them."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.datasets.readers import read
from harness.datasets.records import Record
from harness.datasets.structures import pairs_of_dot_bracket
from harness.errors import InputError

QUICK = settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])


def random_structure(generator: random.Random) -> tuple[str, str]:
    """A sequence and its dot-brackets; each kind of bracket is nested in itself and may cross the others."""
    sequence = "".join(generator.choices("ACGU", k=generator.randint(1, 40)))
    structure = ["."] * len(sequence)
    for opening, closing in ("()", "[]", "{}", "<>", "Aa"):
        free = [i for i, letter in enumerate(structure) if letter == "."]
        stem = sorted(generator.sample(free, 2 * generator.randint(0, len(free) // 4)))
        for place, position in enumerate(stem):
            structure[position] = opening if place < len(stem) / 2 else closing
    return sequence, "".join(structure)


STRUCTURES = st.randoms(use_true_random=False).map(random_structure)


@settings(max_examples=200)
@given(st.text("()[]{}<>AaBb.,_+", max_size=25))
def test_brackets_as_multimolecule_reads_them(structure: str) -> None:
    from multimolecule.utils.rna.secondary_structure import notations

    try:
        expected = tuple(map(tuple, notations.dot_bracket_to_pairs(structure).tolist()))
    except ValueError:
        with pytest.raises(InputError):
            pairs_of_dot_bracket(structure, "r")
    else:
        assert pairs_of_dot_bracket(structure, "r") == expected


@QUICK
@given(STRUCTURES)
def test_random_structures_as_multimolecule_reads_them(drawn: tuple[str, str]) -> None:
    from multimolecule.utils.rna.secondary_structure import notations

    expected = tuple(map(tuple, notations.dot_bracket_to_pairs(drawn[1]).tolist()))
    assert pairs_of_dot_bracket(drawn[1], "r") == expected


@QUICK
@given(STRUCTURES, st.sampled_from(["dbn", "bpseq", "ct", "st"]), st.booleans())
def test_round_trip(tmp_path: Path, drawn: tuple[str, str], suffix: str, zipped: bool) -> None:
    from multimolecule import io

    sequence, structure = drawn
    path = tmp_path / f"one.{suffix}"
    record = io.RnaSecondaryStructureRecord(sequence, structure, "one")
    io.save(record, path)
    expected = io.load(path)
    if zipped:
        path = tmp_path / f"one.{suffix}.gz"
        path.write_bytes(gzip.compress((tmp_path / f"one.{suffix}").read_bytes()))
    loop_types = expected.structure_array if suffix == "st" else None
    pairs = pairs_of_dot_bracket(structure, "one")
    assert read(path).records == (Record("one", sequence, pairs=pairs, given_loop_types=loop_types),)


@QUICK
@given(st.lists(STRUCTURES, min_size=2, max_size=5), st.sampled_from(["dbn", "ct"]))
def test_many_records_in_one_file(tmp_path: Path, drawn: list[tuple[str, str]], suffix: str) -> None:
    from multimolecule import io

    text = ""
    for number, (sequence, structure) in enumerate(drawn):
        io.save(io.RnaSecondaryStructureRecord(sequence, structure, f"r{number}"), tmp_path / f"part.{suffix}")
        text += (tmp_path / f"part.{suffix}").read_text()
    path = tmp_path / f"all.{suffix}"
    path.write_text(text)
    assert [(r.id, r.sequence, r.pairs) for r in read(path).records] == [
        (f"r{number}", sequence, pairs_of_dot_bracket(structure, ""))
        for number, (sequence, structure) in enumerate(drawn)
    ]


def test_nameless_dot_bracket_is_called_after_its_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.db.gz"
    path.write_bytes(gzip.compress(b"# a comment\nGGAACC\n((..))\n"))
    assert read(path).records == (Record("mine", "GGAACC", pairs=((0, 5), (1, 4))),)


FAULTS = {
    "x.dbn": {
        ">a\nGGAACC\n((..)\n": "lengths differ",
        ">a\nGGAACC\n((...)\n": r"record 'a', position 1: '\(' is never closed",
        ">a\nGGAACC\n": "No dot-bracket|lengths differ|[Mm]issing|cannot be read",
        "GGAACC\n((..))\nGGAACC\n((..))\n": "'GGAACC' has 4 lines",
        ">a\nGGAACC\n((..))\n>a\nGG\n..\n": "id 'a' occurs 2 times",
        ">a\nGGEFCC\n((..))\n": "record 'a', position 3: 'E' is not a nucleotide",
    },
    "x.bpseq": {
        "1 G 0\n2 A\n": "Expected 3 columns",
        "1 G 9\n2 A 0\n": "Inconsistent pairing: 1 -> 9",
        "1 G 2\n2 A 1\n2 C 0\n": "Position 2 duplicated",
        "1 G 3\n2 A 3\n3 C 1\n": "Inconsistent pairing: 2 -> 3",
        "one G 0\n": "Invalid BPSEQ data",
    },
    "x.ct": {
        "2 name\n1 G 0 2 0 1\n": "declares 2 positions but only 1 rows",
        "name\n1 G 0 2 0 1\n": "Invalid CT header",
        "2 name\n1 G 0 2 7 1\n2 C 1 0 0 2\n": "Invalid pair index 7",
    },
    "x.st": {
        "#Name: a\nGGAACC\n((..))\n": "Incomplete .st record",
        "#Name: a\nGGAACC\n((..))\nSSHHSS\nNNN\n": "knot array lengths differ",
    },
}


@pytest.mark.parametrize(("name", "content"), [(name, content) for name in FAULTS for content in FAULTS[name]])
def test_faults_are_one_line(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(InputError, match=FAULTS[name][content]) as caught:
        read(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_real_bpseq(data_folder: Path) -> None:
    (record,) = read(data_folder / "msa/rna_msm_2DRB_1/2DRB_1.bpseq").records
    assert record.id == "2DRB_1" and len(record.sequence) == 35
    assert record.pairs is not None and record.pairs[0] == (0, 30)
