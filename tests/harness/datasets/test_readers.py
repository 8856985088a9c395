"""Every format read back from what a library wrote, every fault caused, and the real files."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from pathlib import Path

import pandas
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.datasets.readers import drop_duplicate_sequences, format_of, read
from harness.datasets.records import Dataset, Record
from harness.datasets.tables import records, where_to_put
from harness.errors import InputError

# one plain RNA beside them: letters of which most become N are taken for proteins
SEQUENCES = st.lists(st.text("ACGUTRYKMSWBDHVNacgut", min_size=1, max_size=40), min_size=1, max_size=5).map(
    lambda drawn: [*drawn, "ACGU" * 100]
)
QUICK = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


def write(path: Path, content: str | bytes) -> Path:
    content = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def letters(raw: str) -> str:
    """What the reader ought to make of a sequence."""
    return "".join({"T": "U"}.get(c, c if c in "ACGU" else "N") for c in raw.upper())


@pytest.mark.parametrize("name", ["x.fa", "x.FASTA", "x.fna.gz", "x.fas"])
def test_fasta(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, ">RF00001|X01556.1/3-118 a comment\nACG\r\nuu\n\n>plain\nNNT\n")
    data = read(path)
    assert data.records == (
        Record("RF00001|X01556.1/3-118", "ACGUU", family="RF00001"),
        Record("plain", "NNU"),
    )
    assert data.card.name == "x" and data.replaced_letters == 0


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("my rna (1).fasta", "my-rna-1"),
        ("-rf.fasta", "rf"),
        ("a--b..c.fasta.gz", "a-b.c"),
        ("_x_.fasta", "x"),
        ("größe.fasta", "gro-e"),
        ("two\nlines\x1b[31m.fasta", "two-lines-31m"),
        ("'; rm -rf $HOME;'.fasta", "rm-rf-HOME"),
        ("a" * 120 + ".fasta", "a" * 100),
    ],
)
def test_a_dataset_is_called_after_its_file_in_letters_that_can_be_a_folder(
    tmp_path: Path, file: str, name: str
) -> None:
    card = read(write(tmp_path / file, ">a\nACGU\n")).card
    assert card.name == name and card.summary.isprintable()


@pytest.mark.parametrize("file", ["..fasta", "---.fasta", "数据.fasta"])
def test_a_file_without_a_letter_in_its_name_is_refused(tmp_path: Path, file: str) -> None:
    with pytest.raises(InputError, match="no letter A to Z or digit: rename it"):
        read(write(tmp_path / file, ">a\nACGU\n"))


@QUICK
@given(SEQUENCES)
def test_fasta_round_trip(tmp_path: Path, sequences: list[str]) -> None:
    from Bio import SeqIO
    from Bio.Seq import Seq
    from Bio.SeqRecord import SeqRecord

    path = tmp_path / "x.fasta"
    SeqIO.write([SeqRecord(Seq(s), f"r{i}") for i, s in enumerate(sequences)], path, "fasta")
    assert [record.sequence for record in read(path).records] == [letters(s) for s in sequences]


@QUICK
@given(SEQUENCES, st.sampled_from(["csv", "tsv", "parquet", "csv.gz"]), st.randoms(use_true_random=False))
def test_table_round_trip(tmp_path: Path, sequences: list[str], suffix: str, generator: random.Random) -> None:
    pairs = [sorted(random_pairs(generator, len(s))) for s in sequences]
    frame = pandas.DataFrame(
        {
            "Name": [f"r{i}" for i in range(len(sequences))],
            "SEQ": sequences,
            "rfam": ["RF00001" if i % 2 else "" for i in range(len(sequences))],
            "split": [("TR0", "VL1", "TS2")[i % 3] for i in range(len(sequences))],
            "base_pairs": [json.dumps([[j + 1, i + 1] for i, j in own]) for own in pairs],
        }
    )
    path = tmp_path / f"x.{suffix}"
    if suffix == "parquet":
        frame["base_pairs"] = [json.loads(own) for own in frame["base_pairs"]]
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if suffix == "tsv" else ",")
    assert read(path).records == tuple(
        Record(
            f"r{i}",
            letters(sequence),
            family="RF00001" if i % 2 else None,
            split=("train", "select", "test")[i % 3],
            pairs=tuple(pairs[i]),
        )
        for i, sequence in enumerate(sequences)
    )


def random_pairs(generator: random.Random, length: int) -> set[tuple[int, int]]:
    """Pairs with shared partners."""
    if length < 2:
        return set()
    drawn = (generator.sample(range(length), 2) for _ in range(generator.randint(0, 6)))
    return {(min(pair), max(pair)) for pair in drawn}


def test_modified_residues_become_n_and_are_counted(tmp_path: Path) -> None:
    data = read(write(tmp_path / "x.fa", ">a\nACPXN\n>b\nIRU\n"))
    assert [r.sequence for r in data.records] == ["ACNNN", "NNU"]
    assert data.replaced_letters == 4


def test_hundred_thousand_nucleotides(tmp_path: Path) -> None:
    assert len(read(write(tmp_path / "x.fa", ">a\n" + "ACGU" * 25_000 + "\n")).records[0].sequence) == 100_000


def test_same_records_same_fingerprint_in_any_format(tmp_path: Path) -> None:
    fasta = read(write(tmp_path / "x.fa", ">a\nacgt\n>b\nGG\n"))
    table = read(write(tmp_path / "y.tsv.gz", "seq\tid\nGG\tb\nACGU\ta\n"))
    assert fasta.fingerprint == table.fingerprint


def test_format_may_be_named(tmp_path: Path) -> None:
    path = write(tmp_path / "x.txt", ">a\nACGU\n")
    assert read(path, "fasta").records[0].sequence == "ACGU"
    with pytest.raises(InputError, match="format 'embl' is not one of fasta, csv"):
        read(path, "embl")


def test_family_pattern(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", "id,seq,family\n5s_a,AC,\n5s_b,AC,mine\nother,AC,\n")
    assert [r.family for r in read(path, family_pattern="([^_]+)_").records] == ["5s", "mine", None]


def test_drop_duplicate_sequences(tmp_path: Path) -> None:
    data = read(write(tmp_path / "x.fa", ">a\nACGU\n>b\nGG\n>c\nacgt\n>d\nGG\n"))
    unique = drop_duplicate_sequences(data)
    assert [r.id for r in unique.records] == ["a", "b"]
    assert unique.skipped == {"duplicate sequence": 2}
    assert drop_duplicate_sequences(unique).skipped == {"duplicate sequence": 2}


FAULTS = {
    "empty file": ("x.fa", "", r"x\.fa is empty"),
    "empty gzip": ("x.fa.gz", "", r"is empty"),
    "blank file": ("x.csv", " \n\n", r"is empty"),
    "header only": ("x.csv", "id,sequence\n", r"has no records"),
    "no sequence": ("x.fa", ">a\nACGU\n>b\n>c\nA\n", r"record 'b' has no sequence"),
    "no sequence in a row": ("x.csv", "id,sequence\na,\n", r"record 'a' has no sequence"),
    "no id": ("x.fa", ">a\nACGU\n>\nA\n", r"record 2 has no id"),
    "protein": ("x.fa", ">p\nMKVLAAGIV\n", r"record 'p', position 4: 'L' is not a nucleotide"),
    "digit": ("x.fa", ">p\nACG5\n", r"record 'p', position 4: '5' is not a nucleotide"),
    "gap outside an alignment": ("x.fa", ">p\nAC-G\n", r"record 'p', position 3: '-' is not a nucleotide"),
    "duplicate ids": ("x.fa", ">a x\nAC\n>b\nAC\n>a y\nGG\n", r"id 'a' occurs 2 times"),
    "missing column": ("x.csv", "id,text,len\na,AC,2\n", r"no column sequence or seq; found id, text, len"),
    "missing id": ("x.tsv", "seq\tlen\nAC\t2\n", r"no column id or name; found seq, len"),
    "ragged": ("x.csv", "id,seq\na,AC\nb,AC,G,U\n", r"cannot be read as csv: .*line 3"),
    "binary": ("x.fa", b">a\n\0\1\2\3", r"binary, not text"),
    "not UTF-8": ("x.fa", b">a\nAC\xff\n", r"byte 6 is not UTF-8 text"),
    "not FASTA": ("x.fa", "ACGU\n>a\nAC\n", r"first line of a FASTA file must start with '>'"),
    "broken parquet": ("x.parquet", b"PAR1 and then nothing", r"cannot be read as parquet: "),
    "unknown suffix": ("x.docx", "text", r"suffix '\.docx' is not one of \.fa "),
    "no suffix": ("x", "text", r"suffix '' is not one of"),
    "pairs are not JSON": ("x.csv", "id,seq,base_pairs\na,ACGU,1-4\n", r"record 'a': base pairs are not a JSON list"),
    "pairs are not pairs": (
        "x.csv",
        'id,seq,base_pairs\na,ACGU,"[1, 4]"\n',
        r"record 'a': base pairs are not a list of",
    ),
    "pair past the end": ("x.csv", 'id,seq,base_pairs\na,ACGU,"[[1, 5]]"\n', r"base pair \(1, 5\) does not fit 4 nuc"),
    "pair counted from 0": ("x.csv", 'id,seq,base_pairs\na,ACGU,"[[0, 3]]"\n', "call the column base_pairs_from_0"),
    "pair counted from 1": ("x.csv", 'id,seq,base_pairs_from_0\na,ACGU,"[[1, 4]]"\n', "from 0 end at 3: call"),
    "pairs in two ways": ("x.csv", "id,seq,base_pairs,base_pairs_from_0\na,ACGU,,\n", "leave one out"),
    "pair with itself": ("x.csv", 'id,seq,base_pairs\na,ACGU,"[[2, 2]]"\n', r"base pair \(2, 2\) does not fit 4"),
    "open bracket": ("x.csv", "id,seq,structure\na,ACGU,((.)\n", r"record 'a', position 1: '\(' is never closed"),
    "closing bracket": ("x.csv", "id,seq,structure\na,ACGU,(.))\n", r"record 'a', position 4: '\)' opens nowhere"),
    "no bracket": ("x.csv", "id,seq,structure\na,ACGU,(*.)\n", r"record 'a', position 2: '\*' is not dot-bracket"),
    "structure too short": ("x.csv", "id,seq,structure\na,ACGU,...\n", r"3 dot-bracket letters for 4 nucleotides"),
    "loop types too short": ("x.csv", "id,seq,structure_type\na,ACGU,EEE\n", r"3 loop types for 4 nucleotides"),
    "unknown loop type": ("x.csv", "id,seq,structure_type\na,ACGU,EEEQ\n", r"'Q' is not one of the loop types"),
    "unknown split": ("x.csv", "id,seq,split\na,ACGU,holdout\n", r"record 'a': split 'holdout' is not one of train"),
    "not Stockholm": ("x.stk", "RNA\n//\n", r"cannot be read as stockholm: Did not find STOCKHOLM header"),
    "cut Stockholm": ("x.stk", "# STOCKHOLM 1.0\n\na AC\n", r"does not end with '//'"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_faults_are_one_line(tmp_path: Path, case: str) -> None:
    name, content, message = FAULTS[case]
    with pytest.raises(InputError, match=message) as caught:
        read(write(tmp_path / name, content))
    assert "\n" not in str(caught.value) and name in str(caught.value)


def test_damaged_gzip(tmp_path: Path) -> None:
    whole = gzip.compress(b">a\n" + bytes(random.Random(0).choices(b"ACGU", k=5000)))
    damaged = {"cut": whole[:-20], "not gzip": b">a\nACGU\n", "flipped": whole[:50] + b"\xff\xff\xff" + whole[53:]}
    for content in damaged.values():
        path = tmp_path / "x.fa.gz"
        path.write_bytes(content)
        with pytest.raises(InputError, match="is not a complete gzip file"):
            read(path)


def test_folder_missing_and_unreadable(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder without structure files"):
        read(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        read(tmp_path / "absent.fa")
    with pytest.raises(InputError, match="cannot be read: "):
        read(write(tmp_path / "file", "x") / "below.fa")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60), st.sampled_from(["fa", "csv", "tsv", "parquet", "stk", "fa.gz", "csv.gz"]))
def test_garbage_never_shows_a_traceback(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(content)
    try:
        data = read(path)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert isinstance(data, Dataset)


def test_format_of() -> None:
    assert {format_of(Path(name)) for name in ("a.fa", "b.FNA.gz", "c.d.fasta")} == {"fasta"}
    assert format_of(Path("x.sto.gz")) == "stockholm"


def test_real_pdb(data_folder: Path) -> None:
    data = read(data_folder / "structure/pdb_rna.csv")
    assert Counter(r.split for r in data.records) == {"train": 120, "select": 30, "test": 39}
    assert data.replaced_letters == 17
    partners = Counter(i for r in data.records for pair in r.pairs or () for i in ((r.id, pair[0]), (r.id, pair[1])))
    assert max(partners.values()) > 1, "multiplets are kept"
    assert data.records[0].pairs is not None and data.records[0].pairs[0] == (0, 72)


def test_real_archive(data_folder: Path) -> None:
    data = read(data_folder / "structure/archiveII.csv.gz")
    assert len(data.records) == 3864
    assert drop_duplicate_sequences(data).skipped == {"duplicate sequence": 3864 - 3353}
    table = pandas.read_csv(data_folder / "structure/archiveII.csv.gz")[["id", "sequence", "structure"]]
    brackets = records(table)
    assert [r.pairs for r in brackets] == [r.pairs for r in data.records]


def test_real_seed(data_folder: Path) -> None:
    data = read(data_folder / "families/rfam14_1_seed.fasta.gz")
    assert len(data.records) == 47_668 and len(data.families) == 2_809
    assert data.records[0].id == "RF00001|X01556.1/3-118"


def test_positions_count_from_1_or_as_the_column_says_from_0(tmp_path: Path) -> None:
    rows = {"base_pairs": "[[1, 4], [2, 3]]", "base_pairs_from_0": "[[0, 3], [2, 1]]"}
    for column, pairs in rows.items():
        data = read(write(tmp_path / "x.csv", f'id,seq,{column}\na,ACGU,"{pairs}"\n'))
        assert data.records[0].pairs == ((0, 3), (1, 2))


def test_columns_that_are_no_field_are_remembered(tmp_path: Path) -> None:
    data = read(write(tmp_path / "x.csv", "id,seq,ss,note\na,ACGU,(..),b\n"))
    assert data.unread_columns == ("ss", "note")
    assert where_to_put(data, "family") == " (read from a column family, rfam; its other columns are ss, note)"
    assert where_to_put(read(write(tmp_path / "x.fa", ">a\nACGU\n")), "family") == ""


BPSEQ = "1 A 4\n2 C 0\n3 G 0\n4 U 1\n"


def test_a_folder_of_structures_is_one_dataset(tmp_path: Path) -> None:
    folder = tmp_path / "my.rnas"
    folder.mkdir()
    write(folder / "b.bpseq", BPSEQ)
    (folder / "a.bpseq.gz").write_bytes(gzip.compress(BPSEQ.encode()))
    write(folder / "c.ct", "4 ENERGY = -1\n1 A 0 2 4 1\n2 C 1 3 0 2\n3 G 2 4 0 3\n4 U 3 0 1 4\n")
    write(folder / "d.dbn", ">one\nACGU\n(..)\n>two\nACGUA\n.(.).\n")
    write(folder / "README.md", "what these are")
    data = read(folder)
    assert [r.id for r in data.records] == ["a", "b", "c", "d|one", "d|two"]
    assert [r.pairs for r in data.records] == [((0, 3),)] * 4 + [((1, 3),)]
    assert data.card.name == "my.rnas" and data.card.summary == "folder my.rnas"
    assert {r.family for r in read(folder, family_pattern=r"^(\w)").records} == {"a", "b", "c", "d"}


@pytest.mark.parametrize(
    ("content", "message"),
    [(BPSEQ.replace("G", "J"), "'J' is not a nucleotide"), ("not a bpseq\n", "bad.bpseq"), ("", "is empty")],
)
def test_a_fault_in_a_folder_names_the_file(tmp_path: Path, content: str, message: str) -> None:
    write(tmp_path / "good.bpseq", BPSEQ)
    write(tmp_path / "bad.bpseq", content)
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path)
    assert str(tmp_path / "bad.bpseq") in str(caught.value) and "\n" not in str(caught.value)


def test_families_from_any_header(tmp_path: Path) -> None:
    path = write(tmp_path / "x.fa", ">s1 family=tRNA x\nACGU\n>s2 family=5S\nACGA\n>s3\nACGG\n")
    assert [r.family for r in read(path, family_pattern=r"family=(\S+)").records] == ["tRNA", "5S", None]
    for pattern, message in (("family=", "has no group"), ("(", "is not a regular expression")):
        with pytest.raises(InputError, match=message):
            read(path, family_pattern=pattern)
