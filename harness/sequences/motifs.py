"""Sequence motifs as matrices of letter counts, and the two formats that public collections come in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO

import numpy as np
from numpy.typing import NDArray

from harness.errors import InputError

Floats = NDArray[np.float64]
LETTERS = "ACGU"
_PARSERS = {"transfac": {"strict": False}, "minimal": {}}


@dataclass(frozen=True, eq=False)
class Motif:
    """A motif; ``counts`` (width, 4) of A, C, G, U (T in DNA) may be shares as well as numbers."""

    id: str
    name: str
    counts: Floats

    @property
    def width(self) -> int:
        return len(self.counts)

    @property
    def frequencies(self) -> Floats:
        """(width, 4), rows sum to 1; a column without a count is even."""
        return frequencies(self.counts)

    @property
    def reverse_complement(self) -> Motif:
        return Motif(self.id, self.name, self.counts[::-1, ::-1])


def frequencies(counts: Floats) -> Floats:
    """Rows (…, 4) that sum to 1; one without a count is even."""
    totals = counts.sum(axis=-1, keepdims=True)
    return np.divide(counts, totals, out=np.full(counts.shape, 0.25), where=totals > 0)


def information(shares: Floats) -> Floats:
    """Bits (…,) of rows (…, 4) of frequencies, over letters that are even."""
    logs = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    return np.asarray(2 + (shares * logs).sum(axis=-1))


def read_motifs(text: str, format: str) -> tuple[Motif, ...]:
    """The motifs of a TRANSFAC file ("transfac", as JASPAR writes it) or of a MEME file ("minimal").

    Biopython parses both. It rounds what MEME calls nsites x probability to whole counts, so that probabilities are
    read again from the text.

    Raises:
        InputError: the text is damaged or holds no motif; names the motif.
    """
    from Bio import motifs

    try:
        found = motifs.parse(StringIO(text), format, **_PARSERS[format])
    except Exception as error:  # the parsers raise anything on a damaged file
        raise InputError(f"motifs cannot be read as {format}: {' '.join(str(error).split())[:300]}") from error
    if format == "transfac":
        read = [(str(own["AC"]).split()[0], str(own["ID"]), _columns(own.counts)) for own in found]
    else:
        matrices = _meme_matrices(text)
        read = [(*_meme_name(own.name, text), matrix) for own, matrix in zip(found, matrices, strict=True)]
    if not read:
        raise InputError(f"no motif in what was read as {format}")
    for identifier, _, counts in read:
        if not len(counts) or (counts < 0).any() or not (counts.sum(axis=1) > 0).all():
            raise InputError(f"motif {identifier!r}: a column has no count, or a negative one")
    return tuple(Motif(*own) for own in read)


def _columns(counts: dict[str, Sequence[float]]) -> Floats:
    return np.array([counts[letter] for letter in "ACGT"], dtype=np.float64).T


def _meme_matrices(text: str) -> list[Floats]:
    blocks = re.split(r"^letter-probability matrix:.*$", text, flags=re.MULTILINE)[1:]
    found = []
    for block in blocks:
        rows = re.match(r"\s*((?:[\d.eE+-]+\s+){3}[\d.eE+-]+\s*(?:\n|$))+", block)
        found.append(np.array((rows[0] if rows else "").split(), dtype=np.float64).reshape(-1, 4))
    return found


def _meme_name(identifier: str, text: str) -> tuple[str, str]:
    """The identifier, and what follows it on its line."""
    line = re.search(rf"^MOTIF[ \t]+{re.escape(identifier)}[ \t]*(.*)$", text, flags=re.MULTILINE)
    return identifier, (line[1].strip() if line else "") or identifier
