"""The embedded set ``planted-motifs``: random DNA with sites of twelve published transcription-factor motifs.

The matrices are JASPAR's (``planted_motifs.transfac``; sources in ``PLANTED_MOTIFS.md``): twelve are planted, 36 are
decoys, which lie in the library and not in the sequences. Every sequence holds one to three sites of distinct motifs,
on either strand, in any order, anywhere, with any distance between them: nothing but the letters of a site tells where
it is. A site is drawn from its matrix, column by column. The background has a GC content of its own in every sequence.

Nothing but integers enters, so that the records are the same on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from harness.datasets.records import Dataset, DatasetCard, Record, Split
from harness.datasets.rfam_profiles import SCALE, Noise

if TYPE_CHECKING:
    from harness.sequences.motifs import Motif

LIBRARY = Path(__file__).with_name("planted_motifs.transfac")
PLANTED = (
    "MA0139.2",  # CTCF
    "MA0138.3",  # REST
    "MA0506.3",  # Nrf1
    "MA0095.4",  # Yy1
    "MA0106.3",  # TP53
    "MA0080.7",  # Spi1
    "MA0035.5",  # GATA1
    "MA0102.5",  # CEBPA
    "MA0114.5",  # HNF4A
    "MA0052.5",  # MEF2A
    "MA0060.4",  # NFYA
    "MA0050.4",  # Irf1
)
LENGTH = 100
SIZES: dict[Split, int] = {"train": 1200, "select": 600, "test": 600}

_SEED = 21
_MOST_SITES = 3
_LETTERS = "ACGU"
_LEAST_GC, _MOST_GC = SCALE * 35 // 100, SCALE * 60 // 100


@dataclass(frozen=True)
class Site:
    """A planted site: ``start`` counts from 0 along the sequence, whatever the ``strand`` (1 or -1)."""

    motif: str
    start: int
    strand: int
    width: int


@cache
def library() -> tuple[Motif, ...]:
    """The 48 matrices: those that are planted first."""
    from harness.sequences.motifs import read_motifs

    return read_motifs(LIBRARY.read_text(encoding="utf-8"), "transfac")


@cache
def _drawn() -> tuple[tuple[Record, tuple[Site, ...]], ...]:
    source = Noise([_SEED])
    splits = [split for split, number in SIZES.items() for _ in range(number)]
    found = []
    for number, split in enumerate(splits):
        letters = _background(source)
        sites = _sites(source)
        for site in sites:
            letters[site.start : site.start + site.width] = _read(source, site)
        name = f"planted-{number:04}"
        sequence = "".join(_LETTERS[letter] for letter in letters)
        found.append((Record(name, sequence, cluster=name, split=split), sites))
    return tuple(found)


def planted_sites() -> dict[str, tuple[Site, ...]]:
    """Record id -> its sites, from left to right."""
    return {record.id: sites for record, sites in _drawn()}


def load() -> Dataset:
    """The dataset ``planted-motifs``."""
    return Dataset(
        DatasetCard(
            name="planted-motifs",
            summary="simulated: random DNA with sites of twelve JASPAR motifs at any place, distance and strand",
            source="JASPAR 2024 CORE vertebrates (doi:10.1093/nar/gkad1059), through scripts/choose_planted_motifs.py",
            licence="CC BY 4.0",
            simulated=True,
        ),
        tuple(record for record, _ in _drawn()),
    )


def _background(source: Noise) -> list[int]:
    gc = _LEAST_GC + int(source.below(_MOST_GC - _LEAST_GC, 1)[0])
    strong, which = source.draw(LENGTH) < gc, source.below(2, LENGTH)
    # C or G (1, 2), else A or U (0, 3)
    return [1 + int(w) if s else 3 * int(w) for s, w in zip(strong, which, strict=True)]


def _sites(source: Noise) -> tuple[Site, ...]:
    """One to three distinct motifs in any order; what the sites leave of the sequence is cut at random places."""
    widths = {motif.id: motif.width for motif in library()}
    left = list(PLANTED)
    chosen = []
    for _ in range(1 + int(source.below(_MOST_SITES, 1)[0])):
        chosen.append(left.pop(int(source.below(len(left), 1)[0])))
    free = LENGTH - sum(widths[name] for name in chosen)
    cuts = sorted(int(cut) for cut in source.below(free + 1, len(chosen)))
    sites, before = [], 0
    for name, cut in zip(chosen, cuts, strict=True):
        strand = 1 if source.below(2, 1)[0] else -1
        sites.append(Site(name, cut + before, strand, widths[name]))
        before += widths[name]
    return tuple(sites)


def _read(source: Noise, site: Site) -> list[int]:
    motif = next(motif for motif in library() if motif.id == site.motif)
    oriented = motif if site.strand > 0 else motif.reverse_complement
    letters = []
    for counts, drawn in zip(oriented.counts.astype(int).tolist(), source.draw(site.width).tolist(), strict=True):
        target, letter = drawn * sum(counts) // SCALE, 0
        while target >= counts[letter]:
            target -= counts[letter]
            letter += 1
        letters.append(letter)
    return letters
