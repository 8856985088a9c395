"""What is sought in a molecule: base pairs of RNAs, contacts of proteins. All else is the same for both."""

from __future__ import annotations

from dataclasses import dataclass

from harness.adapter import Alphabet
from harness.datasets.records import AMINO_ACIDS, UNKNOWN_RESIDUE


@dataclass(frozen=True)
class PairKind:
    """The words for a molecule and its pairs, and which pairs count.

    Pairs nearer than ``nearest`` along the chain are neither known nor non-pairs, and nothing counts them; the same
    holds for those of residues written as ``unplaced``, whose coordinates are not known.
    """

    molecule: str
    molecules: str
    pair: str
    unit: str
    letters: str
    nearest: int = 1
    unplaced: str = ""


BASE_PAIRS = PairKind("RNA", "RNAs", "base pair", "nt", letters="ACGUN")
CONTACTS = PairKind(
    "protein", "proteins", "contact", "residues", letters=AMINO_ACIDS, nearest=6, unplaced=UNKNOWN_RESIDUE
)
"""At least 6 apart, as Rao et al. 2021 (doi:10.1101/2020.12.15.422761) score attention maps of protein models."""

KINDS: dict[Alphabet, PairKind] = {"nucleotide": BASE_PAIRS, "protein": CONTACTS}
