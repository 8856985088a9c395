"""Chains with ideal coordinates, written as PDB and as mmCIF, and their contacts by two loops."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

THREE = {
    **{"A": "ALA", "C": "CYS", "D": "ASP", "E": "GLU", "F": "PHE", "G": "GLY", "H": "HIS", "I": "ILE", "K": "LYS"},
    **{"L": "LEU", "M": "MET", "N": "ASN", "P": "PRO", "Q": "GLN", "R": "ARG", "S": "SER", "T": "THR", "V": "VAL"},
    **{"W": "TRP", "Y": "TYR"},
}
Point = tuple[float, float, float]


@dataclass(frozen=True)
class Atom:
    name: str
    residue: str
    number: int
    place: Point
    chain: str = "A"
    insertion: str = ""
    alternative: str = ""
    occupancy: float = 1.0
    hetero: bool = False
    element: str = "C"
    model: int = 1


def random_sequence(seed: int, length: int) -> str:
    return "".join(random.Random(seed).choices(sorted(THREE), k=length))


def residue(letter: str, number: int, alpha: Point, beta: Point, **about: object) -> list[Atom]:
    """N, C-alpha and C, and C-beta unless it is a glycine."""
    name = THREE.get(letter, letter)
    n, c = ((alpha[0] - 1.2, alpha[1] + 0.8, alpha[2]), (alpha[0] + 1.2, alpha[1] + 0.8, alpha[2]))
    atoms = [Atom("N", name, number, n, element="N"), Atom("CA", name, number, alpha), Atom("C", name, number, c)]
    atoms += [] if letter == "G" else [Atom("CB", name, number, beta)]
    return [replace(atom, **about) for atom in atoms]  # type: ignore[arg-type]


def helix(sequence: str, chain: str = "A", first: int = 1) -> list[Atom]:
    """An ideal alpha helix: 1.5 Å and 100° per residue, C-alpha 2.3 Å and C-beta 3.3 Å from the axis."""
    atoms = []
    for k, letter in enumerate(sequence):
        turn = math.radians(100 * k)
        alpha, beta = (
            (radius * math.cos(turn), radius * math.sin(turn), 1.5 * k + rise)
            for radius, rise in ((2.3, 0), (3.3, -0.3))
        )
        atoms += residue(letter, first + k, alpha, beta, chain=chain)
    return atoms


def hairpin(sequence: str, chain: str = "A") -> list[Atom]:
    """Two antiparallel strands 4.8 Å apart, 3.5 Å per residue, C-beta up and down in turn; the middle turns around."""
    half = len(sequence) // 2
    atoms = []
    for k, letter in enumerate(sequence):
        x, y = (3.5 * k, 0.0) if k < half else (3.5 * (len(sequence) - 1 - k), 4.8)
        side = 1.5 if min(k, len(sequence) - 1 - k) % 2 else -1.5
        atoms += residue(letter, 1 + k, (x, y, 0.0), (x, y, side), chain=chain)
    return atoms


def contacts(atoms: Sequence[Atom]) -> set[tuple[int, int]]:
    """Pairs of places in the chain, residue by residue, in the numbering of the file from its first residue."""
    chosen: dict[int, Point] = {}
    for atom in atoms:
        if atom.name == "CB" or (atom.name == "CA" and atom.number not in chosen):
            chosen[atom.number] = tuple(round(x, 3) for x in atom.place)  # type: ignore[assignment]
    first, found = min(chosen), set()
    for i in chosen:
        for j in chosen:
            if i < j and math.dist(chosen[i], chosen[j]) < 8:
                found.add((i - first, j - first))
    return found


def as_pdb(atoms: Sequence[Atom]) -> str:
    lines, model = [], 0
    for serial, atom in enumerate(atoms, 1):
        if atom.model != model:
            lines += ["ENDMDL"] * (model > 0) + [f"MODEL     {atom.model:4}"]
            model = atom.model
        x, y, z = atom.place
        lines.append(
            f"{'HETATM' if atom.hetero else 'ATOM  '}{serial:5} {' ' + atom.name:4}"
            f"{atom.alternative or ' '}{atom.residue:>3} {atom.chain}{atom.number:4}{atom.insertion or ' '}   "
            f"{x:8.3f}{y:8.3f}{z:8.3f}{atom.occupancy:6.2f}{10:6.2f}          {atom.element:>2}"
        )
    return "\n".join([*lines, "ENDMDL", "END", ""])


def as_mmcif(atoms: Sequence[Atom]) -> str:
    columns = (
        *("group_PDB", "id", "type_symbol", "label_atom_id", "label_alt_id", "label_comp_id", "label_asym_id"),
        *("label_entity_id", "label_seq_id", "pdbx_PDB_ins_code", "Cartn_x", "Cartn_y", "Cartn_z", "occupancy"),
        *("B_iso_or_equiv", "auth_seq_id", "auth_comp_id", "auth_asym_id", "auth_atom_id", "pdbx_PDB_model_num"),
    )
    lines = ["data_made", "#", "loop_", *(f"_atom_site.{column}" for column in columns)]
    for serial, atom in enumerate(atoms, 1):
        group, place = "HETATM" if atom.hetero else "ATOM", [f"{x:.3f}" for x in atom.place]
        words = [
            group,
            serial,
            atom.element,
            atom.name,
            atom.alternative or ".",
            atom.residue,
            atom.chain,
            1,
            atom.number,
        ]
        words += [atom.insertion or "?", *place, f"{atom.occupancy:.2f}", "10.00", atom.number, atom.residue]
        lines.append(" ".join(map(str, [*words, atom.chain, atom.name, atom.model])))
    return "\n".join([*lines, "#", ""])
