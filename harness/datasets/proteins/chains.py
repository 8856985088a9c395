"""Chains of proteins from PDB and mmCIF files: their letters, and which residues touch.

A contact is a pair of residues whose C-beta atoms lie less than 8 Å apart, C-alpha for glycine and wherever C-beta is
missing: the definition of CASP (Monastyrskyy et al. 2014, doi:10.1002/prot.24340). Only contacts within a chain count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from harness.datasets.records import UNKNOWN_RESIDUE as UNKNOWN
from harness.datasets.records import Record
from harness.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CONTACT = 8.0
"""Angstrom."""
BONDED = 4.5
"""C-alpha atoms of neighbours in a chain are 3.8 Å apart (2.9 Å across a cis bond), others 4.5 Å and more."""
NO_AMINO_ACIDS = "chains without amino acids"
_SPECIAL = {"SEC": "U", "PYL": "O", "ASX": "B", "GLX": "Z"}
"""What Biopython's table of modified residues leaves out."""


@dataclass(frozen=True)
class _Residue:
    letter: str
    number: int
    hetero: bool
    alpha: NDArray[np.float32]
    beta: NDArray[np.float32]

    def follows(self, other: _Residue) -> bool:
        """Whether the two are next to each other in space, whatever their numbers say."""
        return float(((self.alpha - other.alpha) ** 2).sum()) <= BONDED**2


def records(text: str, format: str, name: str) -> tuple[list[Record], dict[str, int]]:
    """One record for each chain of the first model, and how many chains were left out, by reason.

    A record is called ``name``, and ``name|CHAIN`` where the file holds several chains with amino acids. Of alternative
    locations the most occupied one is read, the first of equal ones. Modified residues are read as their parents (MSE
    as M). Residues without coordinates within a chain, as the numbering tells, are X, and so are those of unknown kind.

    Raises:
        InputError: no chain has amino acids, or the file is cut off.
    """
    found: list[tuple[str, list[_Residue]]] = []
    left_out = 0
    for chain in _chains(text, format):
        if residues := _bonded(list(_residues(chain))):
            found.append((chain.id.strip() or "_", residues))
        else:
            left_out += 1
    if not found:
        raise InputError("no chain has amino acids with a C-alpha atom")
    rows = []
    for chain_name, residues in found:
        sequence, pairs = _read(residues)
        rows.append(Record(name if len(found) == 1 else f"{name}|{chain_name}", sequence, pairs=pairs))
    return rows, {NO_AMINO_ACIDS: left_out} if left_out else {}


def _chains(text: str, format: str) -> list[Any]:
    from Bio.PDB.MMCIFParser import MMCIFParser
    from Bio.PDB.PDBParser import PDBParser

    if format == "mmcif" and "_atom_site." not in text:
        raise InputError("no table of atoms (_atom_site)")
    if format == "pdb" and not any(line.startswith(("ATOM  ", "HETATM")) for line in text.splitlines()):
        raise InputError("no line starts with ATOM")
    parser = MMCIFParser(QUIET=True) if format == "mmcif" else PDBParser(QUIET=True)
    try:
        model = next(iter(parser.get_structure("", StringIO(text))), None)
    except KeyError as error:
        raise InputError(f"the table of atoms has no column {error}") from error
    return [] if model is None else list(model)


def _residues(chain: Any) -> Iterator[_Residue]:
    """Every residue that has a C-alpha atom, in the order of the file; ions called CA have none."""
    from Bio.Data.PDBData import protein_letters_3to1_extended

    for entry in chain:
        residue = _most_occupied(entry)
        kind, number, _ = residue.id
        if kind == "W" or "CA" not in residue or (kind != " " and not ("N" in residue and "C" in residue)):
            continue
        name = residue.resname.strip()
        letter = protein_letters_3to1_extended.get(name) or _SPECIAL.get(name, UNKNOWN)
        alpha = residue["CA"].coord
        beta = residue["CB"].coord if "CB" in residue and letter != "G" else alpha
        yield _Residue(letter, number, kind != " ", alpha, beta)


def _most_occupied(entry: Any) -> Any:
    """One of several residues that share a place, as where a position is mutated in part of the crystal."""
    if entry.is_disordered() != 2:
        return entry
    return max(
        sorted(entry.disordered_get_list(), key=lambda residue: residue.resname),
        key=lambda residue: max(atom.occupancy or 0 for atom in residue),
    )


def _bonded(residues: list[_Residue]) -> list[_Residue]:
    """Without the amino acids that are ligands: a HETATM residue belongs to the chain if it lies next to its like."""
    padded = [None, *residues, None]
    return [
        own
        for before, own, after in zip(padded, residues, padded[2:], strict=False)
        if not own.hetero or any(other is not None and own.follows(other) for other in (before, after))
    ]


def _read(residues: list[_Residue]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The sequence with X for what is missing, and the contacts (i, j), i < j, at any separation."""
    import numpy as np
    from scipy.spatial.distance import pdist

    missing = [0]
    for before, after in pairwise(residues):
        jump = after.number - before.number - 1
        missing.append(0 if after.follows(before) else max(jump, 0))
    sequence = "".join(UNKNOWN * gap + own.letter for gap, own in zip(missing, residues, strict=True))
    place = np.arange(len(residues)) + np.cumsum(missing)
    i, j = np.triu_indices(len(residues), 1)
    near = pdist(np.array([own.beta for own in residues], dtype=np.float64)) < CONTACT
    return sequence, tuple(zip(place[i[near]].tolist(), place[j[near]].tolist(), strict=True))
