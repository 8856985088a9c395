"""The motifs that features are compared with: named libraries, their columns permuted, and clusters of like ones."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.datasets.planted_motifs import LIBRARY
from harness.datasets.planted_motifs import library as embedded
from harness.datasets.resolve import data_folder
from harness.errors import InputError, Unavailable
from harness.sequences.motifs import Floats, Motif, information, read_motifs
from tasks.sae.concepts.choice import SIGNIFICANT

ALIKE = 0.01
"""Motifs whose TOMTOM p, times the size of the library, is under this make one cluster."""
LEAST_CORRELATION = 0.6
"""Of the frequencies where two motifs meet, as RSAT matrix-clustering asks (Castro-Mondragon et al. 2017). TOMTOM takes
columns for independent, so that flat stretches, of which wide motifs have many, resemble each other beyond chance."""


class _File(NamedTuple):
    path: str
    sha256: str
    format: str
    source: str
    both_strands: bool


FILES = {
    "jaspar": _File(
        "motifs/jaspar2024_core_vertebrates.transfac",
        "0196cf785599aab1a64cc78dc0a087dfefae932bd3b75053caedfab1c52ddd4e",
        "transfac",
        "JASPAR 2024 CORE vertebrates, https://jaspar.elixir.no (CC BY 4.0)",
        True,
    ),
    "rbp": _File(
        "motifs/transite_174.meme",
        "08a42e1626a4153f49b0e6c126f53debade98d18df83c2ad72ce7294b0f572e8",
        "minimal",
        "174 motifs of human RNA-binding proteins of Transite, https://transite.mit.edu (MIT)",
        False,
    ),
}


@dataclass(frozen=True, eq=False)
class Library:
    """Motifs, the cluster of each (its number), and whether a site may lie on either strand."""

    name: str
    source: str
    motifs: tuple[Motif, ...]
    clusters: NDArray[np.int64]
    both_strands: bool

    def permuted(self, number: int) -> Library:
        """The same with the columns of every motif in another order: a null that keeps composition, information and
        width. A motif keeps its cluster."""
        generator = np.random.default_rng([0, number])
        motifs = tuple(Motif(m.id, m.name, m.counts[generator.permutation(m.width)]) for m in self.motifs)
        return Library(f"{self.name} permuted {number}", self.source, motifs, self.clusters, self.both_strands)


@dataclass(frozen=True)
class Matches:
    """The answer of :func:`match` for every query: p of its motif, corrected for the number of motifs, which it is, and
    how they lie: query column 0 lies at column ``offset`` of the motif, or of its reverse complement where ``strand``
    is -1."""

    p: Floats
    motif: NDArray[np.int64]
    offset: NDArray[np.int64]
    strand: NDArray[np.int64]


def load_library(name: str) -> Library:
    """A library of :class:`tasks.sae_motifs.settings.SaeMotifsSettings`.

    Raises:
        Unavailable: its file is not on this machine.
        InputError: its file is another version.
    """
    if name == "embedded":
        motifs, source, both = embedded(), f"JASPAR 2024 CORE vertebrates (CC BY 4.0), {LIBRARY.name}", True
    else:
        own = FILES[name]
        folder = data_folder()
        path = folder / own.path if folder else None
        if path is None or not path.is_file():
            where = f"HARNESS_DATA={folder} does not contain it" if folder else "HARNESS_DATA is not set"
            raise Unavailable(f"the motifs {name!r} need the file {own.path}; {where} (source: {own.source})")
        content = path.read_bytes()
        if (found := hashlib.sha256(content).hexdigest()) != own.sha256:
            raise InputError(f"{path} is another version: sha256 {found}, expected {own.sha256}; replace the file")
        motifs, source, both = read_motifs(content.decode(), own.format), own.source, own.both_strands
    return Library(name, source, motifs, _clusters(motifs, both), both)


def match(queries: Sequence[Floats], library: Library) -> Matches:
    """The motif of the library that every query (columns, 4) of frequencies resembles most.

    p is 1 - (1 - p)^motifs of the first motif, by p, whose letters correlate with the query or that is not significant
    anyway. Motifs are compared on both strands where a site may lie on both.
    """
    single, offset, strand = _tomtom(queries, library.motifs, library.both_strands)
    p = -np.expm1(len(library.motifs) * np.log1p(-np.minimum(single, 1 - 1e-12)))
    rows = np.arange(len(queries))
    best, found = single.argmin(axis=1), np.ones(len(queries))
    for row, query in enumerate(queries):
        for motif in np.argsort(single[row], kind="stable"):
            place = row, motif
            if p[place] >= SIGNIFICANT or _letters_agree(query, library.motifs[motif], offset[place], strand[place]):
                best[row], found[row] = motif, p[place]
                break
    return Matches(found, best, offset[rows, best], strand[rows, best])


def _letters_agree(query: Floats, motif: Motif, offset: int, strand: int) -> bool:
    """Whether two motifs (columns, 4), placed as in :class:`Matches`, correlate about even letters where they meet."""
    target = (motif if strand > 0 else motif.reverse_complement).frequencies
    first, end = max(0, offset), min(len(target), offset + len(query))
    a, b = query[first - offset : end - offset] - 0.25, target[first:end] - 0.25
    scale = np.sqrt((a**2).sum() * (b**2).sum())
    return bool(scale > 0 and (a * b).sum() >= LEAST_CORRELATION * scale)


def _clusters(motifs: Sequence[Motif], both_strands: bool) -> NDArray[np.int64]:
    """Greedy, the most informative first: a motif joins the first leader that it is like, or leads."""
    queries = [motif.frequencies for motif in motifs]
    p, offset, strand = _tomtom(queries, motifs, both_strands)
    alike = p * len(motifs) < ALIKE
    for a, b in np.argwhere(alike):
        alike[a, b] = _letters_agree(queries[a], motifs[b], offset[a, b], strand[a, b])
    alike |= alike.T
    own = np.full(len(motifs), -1)
    bits = np.array([information(query).sum() for query in queries])
    for number in np.argsort(-bits, kind="stable"):
        if own[number] < 0:
            own[alike[number] & (own < 0)] = number
            own[number] = number
    return np.unique(own, return_inverse=True)[1]


def _tomtom(
    queries: Sequence[Floats], motifs: Sequence[Motif], both_strands: bool
) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """p, offset and strand (queries, motifs). A transposed view keeps the layout for which TOMTOM is compiled.

    The first call starts numba's threads, which gives PyTorch, sharing OpenMP with them, all cores of the machine
    whatever ``OMP_NUM_THREADS`` says: its own number is given back.
    """
    import torch

    try:
        from memelite import tomtom
    except ImportError as error:
        raise Unavailable("sae-motifs needs memelite: pip install 'rna-harness[motifs]'") from error
    targets = [np.ascontiguousarray(motif.frequencies).T for motif in motifs]
    own = [np.ascontiguousarray(query).T for query in queries]
    threads = torch.get_num_threads()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # few targets: only in tests
        p, _, offset, _, strand = tomtom(own, targets, reverse_complement=both_strands, n_jobs=1)
    torch.set_num_threads(threads)
    return p, offset.astype(np.int64), np.where(strand > 0, -1, 1)
