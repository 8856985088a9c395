"""Chains, letters and contacts of proteins against coordinates made here and two loops over them."""

from __future__ import annotations

import gzip
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.datasets.clusters import clusters
from harness.datasets.proteins.chains import NO_AMINO_ACIDS, records
from harness.datasets.records import Record
from harness.datasets.resolve import load_dataset
from harness.errors import InputError
from tests.harness.datasets.proteins.made import (
    THREE,
    Atom,
    as_mmcif,
    as_pdb,
    contacts,
    hairpin,
    helix,
    random_sequence,
    residue,
)

SEQUENCE = "MGKV" + random_sequence(1, 26)
WRITERS = {"pdb": as_pdb, "mmcif": as_mmcif}


@pytest.fixture(params=list(WRITERS))
def read(request: pytest.FixtureRequest) -> Callable[[Sequence[Atom]], list[Record]]:
    """The records of atoms, written in one format and read again."""
    return lambda atoms: records(WRITERS[request.param](atoms), request.param, "made")[0]


Read = Callable[[Sequence[Atom]], list[Record]]


@pytest.mark.parametrize("fold", [helix, hairpin])
def test_contacts_are_those_of_two_loops(read: Read, fold: Callable[[str], list[Atom]]) -> None:
    (found,) = read(fold(SEQUENCE))
    assert found.id == "made" and found.sequence == SEQUENCE
    assert found.pairs is not None and set(found.pairs) == contacts(fold(SEQUENCE))
    assert list(found.pairs) == sorted(found.pairs)


def test_a_helix_touches_to_its_turns_and_a_hairpin_across() -> None:
    (wound,), _ = records(as_pdb(helix("A" * 20)), "pdb", "h")
    assert {j - i for i, j in wound.pairs or ()} == {1, 2, 3, 4}
    (folded,), _ = records(as_pdb(hairpin("A" * 20)), "pdb", "h")
    assert {(0, 19), (1, 18), (9, 10)} <= set(folded.pairs or ()) and (0, 10) not in set(folded.pairs or ())


def test_glycine_and_truncated_side_chains_are_read_at_their_c_alpha(read: Read) -> None:
    # C-alpha atoms 7 Å apart, C-beta atoms 12 Å, one of each 10 or 9 Å
    left, right = residue("A", 1, (0, 0, 0), (-3, 0, 0)), residue("A", 2, (7, 0, 0), (9, 0, 0))

    def cut(atoms: list[Atom]) -> list[Atom]:
        return [atom for atom in atoms if atom.name != "CB"]

    def glycine(atoms: list[Atom]) -> list[Atom]:
        return [replace(atom, residue="GLY") for atom in atoms]

    for instead in (cut, glycine):
        for atoms in ([*left, *right], [*instead(left), *right], [*left, *instead(right)]):
            assert read(atoms)[0].pairs == ()
        assert read([*instead(left), *instead(right)])[0].pairs == ((0, 1),)


def test_the_limit_is_less_than_8_angstrom(read: Read) -> None:
    for apart, touching in ((7.999, 1), (8.0, 0)):
        atoms = [*residue("A", 1, (0, 9, 0), (0, 0, 0)), *residue("A", 2, (3, 9, 0), (apart, 0, 0))]
        assert len(read(atoms)[0].pairs or ()) == touching


def test_modified_residues_are_their_parents_and_ligands_are_none(read: Read) -> None:
    atoms = helix("AMSAAAUA")
    names = {2: "MSE", 3: "SEP", 5: "DUM", 7: "SEC"}
    atoms = [replace(atom, residue=names.get(atom.number, atom.residue), hetero=atom.number in names) for atom in atoms]
    atoms += [Atom("CA", "CA", 201, (1, 1, 1), hetero=True, element="CA")]
    atoms += residue("G", 202, (90, 0, 0), (90, 0, 0), hetero=True)
    atoms += [Atom("O", "HOH", 203, (2, 2, 2), hetero=True, element="O")]
    (found,) = read(atoms)
    assert found.sequence == "AMSAXAUA"


def test_the_most_occupied_location_counts(read: Read) -> None:
    def at(shares: tuple[float, float]) -> list[Atom]:
        first = residue("A", 1, (0, 9, 0), (0, 0, 0))
        second = [atom for atom in residue("A", 2, (3, 9, 0), (0, 0, 0)) if atom.name != "CB"]
        near, far = (
            Atom("CB", "ALA", 2, (x, 0, 0), alternative=name, occupancy=share)
            for name, x, share in (("A", 5.0, shares[0]), ("B", 11.0, shares[1]))
        )
        return [*first, *second, near, far]

    assert [len(read(at(shares))[0].pairs or ()) for shares in ((0.6, 0.4), (0.4, 0.6), (0.5, 0.5))] == [1, 0, 1]


def test_of_two_residues_in_one_place_the_more_occupied_is_read(read: Read) -> None:
    for shares, letter in (((0.7, 0.3), "S"), ((0.3, 0.7), "A")):
        atoms = helix("GGG")
        two = [
            replace(atom, residue=name, alternative=alternative, occupancy=share)
            for name, alternative, share in (("SER", "A", shares[0]), ("ALA", "B", shares[1]))
            for atom in residue("S", 2, atoms[4].place, (9, 9, 9))
        ]
        (found,) = read([*atoms[:3], *two, *atoms[6:]])
        assert found.sequence == f"G{letter}G"


def test_missing_residues_are_x_where_the_chain_is_broken(read: Read) -> None:
    atoms = [atom for atom in helix(SEQUENCE) if not 10 <= atom.number <= 14]
    (found,) = read(atoms)
    assert found.sequence == SEQUENCE[:9] + "XXXXX" + SEQUENCE[14:]
    assert set(found.pairs or ()) == contacts(atoms)
    # numbers that jump, or repeat with insertion codes, along a chain that goes on
    jumps = [replace(atom, number=atom.number + 100 * (atom.number > 9)) for atom in helix(SEQUENCE)]
    assert read(jumps)[0].sequence == SEQUENCE
    inserted = [
        replace(atom, number=min(atom.number, 9), insertion="ABC"[atom.number - 10] if 10 <= atom.number <= 12 else "")
        for atom in helix(SEQUENCE[:12])
    ]
    (found,) = read(inserted)
    assert found.sequence == SEQUENCE[:12] and set(found.pairs or ()) == contacts(helix(SEQUENCE[:12]))


def test_chains_are_records_and_only_the_first_model_is_read(read: Read) -> None:
    atoms = [*helix("ACDEFGHIKL"), *hairpin("MNPQRSTVWY", chain="B")]
    found = read(atoms + [replace(atom, model=2, chain="CD"[atom.chain == "B"]) for atom in atoms])
    assert [(record.id, record.sequence) for record in found] == [("made|A", "ACDEFGHIKL"), ("made|B", "MNPQRSTVWY")]
    assert set(found[1].pairs or ()) == contacts(hairpin("MNPQRSTVWY"))


def test_chains_of_rna_are_counted_and_a_file_of_them_is_refused() -> None:
    rna = [Atom(name, "G", k, (6.0 * k, 0, 0), chain="R") for k in range(5) for name in ("P", "C1'")]
    found, left_out = records(as_pdb([*helix("ACDEF", chain=" "), *rna]), "pdb", "complex")
    assert [record.id for record in found] == ["complex"] and left_out == {NO_AMINO_ACIDS: 1}
    with pytest.raises(InputError, match="no chain has amino acids"):
        records(as_pdb(rna), "pdb", "rna")


def test_a_folder_is_one_dataset_of_proteins(tmp_path: Path) -> None:
    (tmp_path / "a.pdb").write_text(as_pdb(helix(SEQUENCE)))
    (tmp_path / "b.cif.gz").write_bytes(gzip.compress(as_mmcif(hairpin(SEQUENCE[:20])).encode()))
    two = [*hairpin("ACDEFGHIKL"), *helix("MNPQRSTVWY", chain="B")]
    (tmp_path / "c.ent.gz").write_bytes(gzip.compress(as_pdb(two).encode()))
    (tmp_path / "readme.md").write_text("no structure")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dataset = load_dataset(str(tmp_path))
    assert dataset.card.alphabet == "protein" and not dataset.replaced_letters
    assert [record.id for record in dataset.records] == ["a", "b", "c|A", "c|B"]
    single = load_dataset(str(tmp_path / "b.cif.gz"))
    assert single.card.alphabet == "protein" and single.records == dataset.records[1:2]


def _not_a_number(text: str) -> str:
    x = text.splitlines()[2][30:38]
    return text.replace(x, "  not.a.n", 1)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.pdb", ""),
        ("notes.pdb", "HEADER    NO ATOMS\nEND\n"),
        ("bad.pdb", _not_a_number(as_pdb(helix("ACDEF")))),
        ("notes.cif", "data_x\n_entry.id x\n"),
        ("column.cif", as_mmcif(helix("ACDEF")).replace("_atom_site.id", "_atom_site.other")),
        ("cut.cif", as_mmcif(helix("ACDEF"))[:-60]),
        ("binary.pdb", "ATOM\0"),
        ("cut.pdb", as_pdb(helix("ACDEF"))[:81]),
    ],
)
def test_a_broken_file_is_one_line_with_its_name(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / "good.pdb").write_text(as_pdb(helix("ACDEF")))
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=name) as caught:
        load_dataset(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_proteins_of_40_per_cent_identity_share_a_cluster(tmp_path: Path) -> None:
    whole = random_sequence(3, 60)
    letters = sorted(THREE)

    def kept_one_in(every: int) -> str:
        return "".join(letters[(letters.index(x) + 7) % 20] if k % every else x for k, x in enumerate(whole))

    chains = {"whole": whole, "half": kept_one_in(2), "tenth": kept_one_in(10), "other": random_sequence(4, 60)}
    for name, sequence in chains.items():
        (tmp_path / f"{name}.pdb").write_text(as_pdb(helix(sequence)))
    found = clusters(load_dataset(str(tmp_path)), 0.4)
    assert found["whole"] == found["half"] and len({found[name] for name in ("whole", "tenth", "other")}) == 3
