"""The dataset record, in one alphabet and 0-based coordinates, and the dataset that holds records."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from harness.adapter import Alphabet
from harness.errors import InputError
from harness.names import check_label, check_name
from harness.sequences.alignment import Alignment

Split = Literal["train", "select", "test"]
SPLITS: tuple[Split, ...] = ("train", "select", "test")

MOST_REPLACED = 0.5
"""Where more of a dataset's letters than this share became N, it is taken for proteins: those of IUPAC letters alone
lose two thirds, and RNAs with modified residues a few per cent. A written N is no replaced letter."""

UNKNOWN_RESIDUE = "X"
AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWYBZUO" + UNKNOWN_RESIDUE
_RESIDUES = frozenset(AMINO_ACIDS + "J" + AMINO_ACIDS.lower() + "j")

_UNKNOWN = "RYKMSWBDHVN" + "PIX"
_LETTERS, _MEANING = "ACGUT" + _UNKNOWN, "ACGUU" + "N" * len(_UNKNOWN)
# not str.upper(), which makes two letters of one German sharp s, and a nucleotide code of a long s
_TABLE = str.maketrans(_LETTERS + _LETTERS.lower(), _MEANING * 2)


def normalise_sequence(letters: str, name: str) -> tuple[str, int]:
    """Upper case, T to U, IUPAC and modified-residue letters to N; and how many letters became N.

    Raises:
        InputError: the sequence is empty or holds a letter outside IUPAC; names the record, the position and it.
    """
    if not letters:
        raise InputError(f"record {name!r} has no sequence")
    normalised = letters.translate(_TABLE)
    if foreign := set(normalised) - set("ACGUN"):
        position = next(i for i, letter in enumerate(normalised) if letter in foreign)
        raise InputError(
            f"record {name!r}, position {position + 1}: {letters[position]!r} is not a nucleotide (IUPAC letters only)"
        )
    return normalised, normalised.count("N") - letters.count("N") - letters.count("n")


def normalise_protein(letters: str, name: str) -> tuple[str, int]:
    """Upper case, and J (leucine or isoleucine) to X; and how many letters became X.

    Raises:
        InputError: the sequence is empty or holds another letter; names the record, the position and it.
    """
    if not letters:
        raise InputError(f"record {name!r} has no sequence")
    if foreign := set(letters) - _RESIDUES:
        position = next(i for i, letter in enumerate(letters) if letter in foreign)
        raise InputError(f"record {name!r}, position {position + 1}: {letters[position]!r} is not an amino acid")
    return letters.upper().replace("J", UNKNOWN_RESIDUE), letters.upper().count("J")


@dataclass(frozen=True)
class Variant:
    """What an assay measured of a variant: what it is a variant of, and its fitness, higher is fitter."""

    wild_type: str
    score: float


@dataclass(frozen=True)
class Record:
    """One RNA (or DNA, read as RNA), or the chain of a protein. Positions count from 0.

    ``pairs`` holds (i, j) with i < j, multiplets and non-canonical pairs included, or the contacts of a protein; None
    means unknown, () none.
    ``cluster`` groups near-identical records; ``clan`` groups related families. A record with a ``variant`` is one row
    of a mutational scan: its family is the assay, and its pairs are those of the wild type.
    """

    id: str
    sequence: str
    family: str | None = None
    clan: str | None = None
    cluster: str | None = None
    split: Split | None = None
    pairs: tuple[tuple[int, int], ...] | None = None
    given_loop_types: str | None = None
    alignment: Alignment | None = None
    variant: Variant | None = None

    def __post_init__(self) -> None:
        check_label("the id", self.id)
        for what in ("family", "clan", "cluster"):
            if (label := getattr(self, what)) is not None:
                check_label(f"record {self.id!r}: the {what}", label)
        length = len(self.sequence)
        if self.given_loop_types is not None and len(self.given_loop_types) != length:
            raise InputError(f"record {self.id!r}: {len(self.given_loop_types)} loop types for {length} nucleotides")
        for i, j in self.pairs or ():
            if not 0 <= i < j < length:
                raise InputError(f"record {self.id!r}: base pair ({i + 1}, {j + 1}) does not fit {length} nucleotides")

    @cached_property
    def loop_types(self) -> str | None:
        """One letter of S H B I M X E per nucleotide: the dataset's own, else multimolecule's bpRNA annotation."""
        if self.given_loop_types is not None or self.pairs is None:
            return self.given_loop_types
        from harness.datasets.loop_types import annotate

        return annotate(self.sequence, self.pairs)

    @property
    def loop_types_source(self) -> str:
        return "dataset" if self.given_loop_types is not None else "multimolecule bpRNA annotator"


@dataclass(frozen=True)
class DatasetCard:
    """Where a dataset comes from. ``simulated`` sets are labelled so wherever they appear.

    Raises:
        InputError: the name has not the form of one (:mod:`harness.names`).
    """

    name: str
    summary: str
    source: str = "local file"
    licence: str = "unknown"
    simulated: bool = False
    alphabet: Alphabet = "nucleotide"

    def __post_init__(self) -> None:
        check_name("dataset", self.name)


@dataclass(frozen=True)
class Dataset:
    """Named, hashed records, with what was dropped or changed on the way in, and why.

    ``family_names`` gives readable names of families where the identifiers are accessions; ``unread_columns`` are those
    of a table that are no field of a record.
    """

    card: DatasetCard
    records: tuple[Record, ...]
    skipped: dict[str, int] = field(default_factory=dict)
    replaced_letters: int = 0
    family_names: dict[str, str] = field(default_factory=dict)
    unread_columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.records:
            raise InputError(f"dataset {self.card.name} has no records")
        identifier, count = Counter(record.id for record in self.records).most_common(1)[0]
        if count > 1:
            raise InputError(f"dataset {self.card.name}: id {identifier!r} occurs {count} times")

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the content of all records, whatever file or order they came in.

        Rows that several records share are hashed once.
        """
        digests: dict[int, str] = {}

        def aligned(alignment: Alignment) -> list[object]:
            if alignment.query_row == 0:
                return [alignment.written]
            shared = id(alignment.written)
            if shared not in digests:
                digests[shared] = hashlib.sha256("\n".join(alignment.written).encode()).hexdigest()
            return [digests[shared], alignment.query_row]

        lines = sorted(
            json.dumps(
                [r.id, r.sequence, r.family, r.clan, r.cluster, r.split, r.pairs, r.given_loop_types]
                + (aligned(r.alignment) if r.alignment else [])
                + ([{"wild_type": r.variant.wild_type, "score": r.variant.score}] if r.variant else []),
                separators=(",", ":"),
            )
            for r in self.records
        )
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

    @property
    def families(self) -> list[str]:
        return sorted({r.family for r in self.records if r.family is not None})

    def subset(self, records: Iterable[Record], skipped: dict[str, int] | None = None) -> Dataset:
        """The same dataset with fewer records; ``skipped`` is added to the counts."""
        counts = Counter(self.skipped)
        counts.update(skipped or {})
        return replace(self, records=tuple(records), skipped=dict(counts))


def build_dataset(card: DatasetCard, rows: Sequence[Record], skipped: dict[str, int] | None = None) -> Dataset:
    """A dataset from records with raw sequences: normalises every sequence and counts the letters that became N, or X
    in proteins.

    Wild types of variants are normalised where they are read, since mutations are checked against them.

    Raises:
        InputError: no records, an empty sequence, a foreign letter, a duplicate id, or letters of which most became N.
    """
    records, replaced = [], 0
    normalise = normalise_protein if card.alphabet == "protein" else normalise_sequence
    for row in rows:
        sequence, changed = normalise(row.sequence, row.id)
        replaced += changed
        records.append(replace(row, sequence=sequence))
    letters = sum(len(record.sequence) for record in records)
    if card.alphabet == "nucleotide" and replaced > MOST_REPLACED * letters:
        raise InputError(
            f"{replaced:,} of {letters:,} letters ({replaced / letters:.0%}) are neither A C G T U nor N: "
            "these look like proteins, not nucleotides"
        )
    return Dataset(card, tuple(records), dict(skipped or {}), replaced)
