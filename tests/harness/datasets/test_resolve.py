"""Every way to name a dataset, and what is said where there is none."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.datasets.builtin import DATASETS
from harness.datasets.manifest import manifests
from harness.datasets.resolve import dataset_cards, load_dataset
from harness.errors import InputError, Unavailable


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder and an empty hub cache."""
    from huggingface_hub import constants

    monkeypatch.setenv("HARNESS_DATA", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path


@pytest.fixture
def real(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARNESS_DATA", str(data_folder))
    return data_folder


@pytest.mark.parametrize("name", [name for name, manifest in manifests().items() if manifest.file])
def test_named_sets(name: str, real: Path) -> None:
    manifest = manifests()[name]
    data = load_dataset(name)
    assert data.card == manifest.card
    assert len(data.records) == manifest.records
    assert all(record.split is not None for record in data.records) == bool(manifest.splits)
    assert all(record.family is not None for record in data.records) == (
        name not in ("pdb-rna", "bprna-spot", "ctcf-peaks")
    )


def test_one_file_by_all_its_names(real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = shutil.copy(real / "structure/pdb_rna.csv", tmp_path)
    monkeypatch.chdir(tmp_path)
    names = ["pdb-rna", "structure/pdb_rna.csv", str(real / "structure/pdb_rna.csv"), str(copy), "pdb_rna.csv"]
    found = [load_dataset(name) for name in names]
    assert {data.card.name for data in found} == {"pdb-rna"}
    assert len({data.fingerprint for data in found}) == 1


def test_embedded_set_needs_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_DATA", raising=False)
    assert load_dataset("rfam-profiles").card.simulated


def test_plain_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "mine").mkdir()
    (folder / "mine/x.fa").write_text(">a\nACGU\n")
    assert load_dataset("mine/x.fa").card.name == "x"
    assert load_dataset(str(folder / "mine/x.fa")).records[0].sequence == "ACGU"
    monkeypatch.delenv("HARNESS_DATA")
    monkeypatch.chdir(folder / "mine")
    assert load_dataset("x.fa").card.name == "x"
    with pytest.raises(InputError, match="mine is a folder without structure files"):
        load_dataset(str(folder / "mine"))
    (folder / "mine/x.dbn").write_text(">a\nACGU\n(..)\n")
    assert [record.id for record in load_dataset(str(folder / "mine")).records] == ["x"]


def test_a_pattern_of_families_goes_with_the_path(folder: Path) -> None:
    (folder / "x.fa").write_text(">a tRNA,1\nACGU\n>b 5S,2\nACGU\n")
    assert load_dataset("x.fa").families == []
    assert load_dataset(r"x.fa#family= ([^,]{1,9}),\d").families == ["5S", "tRNA"]
    with pytest.raises(InputError, match=r"'_\(\.\)' matches no record, such as 'a'"):
        load_dataset("x.fa#family=_(.)")
    with pytest.raises(InputError, match="rfam-profiles has families of its own"):
        load_dataset("rfam-profiles#family=(.)")


def test_wrong_content_is_refused_by_name_and_by_path(folder: Path, tmp_path: Path) -> None:
    (folder / "structure").mkdir()
    file = folder / "structure/pdb_rna.csv"
    file.write_text("id,sequence\na,ACGU\n")
    for name in ("pdb-rna", "structure/pdb_rna.csv", str(file)):
        with pytest.raises(InputError, match="is another version of pdb-rna: sha256"):
            load_dataset(name)
    shutil.copy(file, tmp_path / "pdb_rna.csv")
    assert load_dataset(str(tmp_path / "pdb_rna.csv")).card.source == "local file"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bprna-sopt", "no dataset is called 'bprna-sopt'. Did you mean bprna-spot"),
        ("zzzzzz", "no dataset is called 'zzzzzz'. `harness list datasets`"),
        ("absent.fa", "absent.fa does not exist"),
        ("families/absent.fasta.gz", r"does not exist \(nor below HARNESS_DATA="),
        ("/absent/folder", "does not exist"),
        ("./absent", "does not exist"),
        ("a/b/c", "does not exist"),
    ],
)
def test_names_of_nothing(folder: Path, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load_dataset(name)
    assert "\n" not in str(caught.value)


def test_absent_named_set_says_where_it_belongs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable, match=f"rfam14_1_seed.fasta.gz; HARNESS_DATA={folder} does not contain it"):
        load_dataset("rfam-seed")
    monkeypatch.delenv("HARNESS_DATA")
    with pytest.raises(
        Unavailable, match=r"pdb_rna\.csv; HARNESS_DATA is not set: set it to the folder that contains it"
    ):
        load_dataset("pdb-rna")


def test_absent_set_that_the_hub_has_names_both_remedies(folder: Path) -> None:
    started = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        load_dataset("archiveii")
    assert "HARNESS_DATA" in str(caught.value)
    assert "`hf download --repo-type dataset multimolecule/archiveii`" in str(caught.value)
    assert "\n" not in str(caught.value) and caught.value.exit_code == 3
    assert time.monotonic() - started < 10


def test_listing_reads_no_records(folder: Path) -> None:
    available = {card.name: here for card, here in dataset_cards()}
    assert list(available) == list(manifests()) == list(DATASETS)
    assert [name for name, here in available.items() if here] == [
        "rfam-profiles",
        "rfam-profiles-decoupled",
        "planted-motifs",
        "hairpin-scans",
    ]
    (folder / "structure").mkdir()
    (folder / "structure/pdb_rna.csv").write_bytes(b"\0")
    assert dict((card.name, here) for card, here in dataset_cards())["pdb-rna"]


def test_registry_entries_load(real: Path) -> None:
    assert len(DATASETS["pdb-rna"]().records) == 189


def test_reading_imports_no_deep_learning_library(real: Path) -> None:
    """Finished cells are skipped after reading the dataset, which must not cost the import of torch."""
    code = (
        "import sys; from harness.datasets.builtin import DATASETS;"
        "heavy = {'torch', 'multimolecule', 'transformers', 'pandas', 'Bio', 'numpy'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules);"
        "[DATASETS[name]() for name in ('pdb-rna', 'archiveii', 'bprna-spot', 'rfam-alignments')];"
        "assert not {'torch', 'multimolecule', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_alignments_beside_a_file_come_with_it(tmp_path: Path) -> None:
    (tmp_path / "rnas.fasta").write_text(">a\nACGU\n>b\nGGGG\n")
    folder = tmp_path / "rnas.alignments"
    plain = load_dataset(str(tmp_path / "rnas.fasta"))
    folder.mkdir()
    (folder / "a.a3m").write_text(">a\nACGU\n>homolog\nAC-U\n")
    dataset = load_dataset(str(tmp_path / "rnas.fasta"))
    (record,) = dataset.records
    assert record.alignment is not None and record.alignment.rows == ("ACGU", "AC-U")
    assert dataset.skipped == {"no alignment": 1} and dataset.fingerprint != plain.fingerprint
    (folder / "a.a3m").write_text(">a\nUUUU\n")
    with pytest.raises(InputError, match="first sequence is not that of record 'a'"):
        load_dataset(str(tmp_path / "rnas.fasta"))
