"""Choose the motifs of the embedded set planted-motifs from JASPAR: twelve that are planted, and decoys.

    python -m scripts.choose_planted_motifs DATA/motifs/jaspar2024_core_vertebrates.transfac

Decoys are drawn by hash among matrices of at least 8 informative columns that resemble neither a planted motif nor each
other: TOMTOM p over 0.05 after correction for the number of matrices, in both directions and on both strands. Matrices
are written as JASPAR has them, to ``harness/datasets/planted_motifs.transfac``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from memelite import tomtom

from harness.datasets.planted_motifs import LIBRARY, PLANTED
from harness.datasets.selection import by_hash
from harness.sequences.motifs import Motif, information, read_motifs

DECOYS = 36
LEAST_BITS = 8.0
MOST_ALIKE = 0.05


def choose(motifs: list[Motif]) -> list[str]:
    """Ids: those planted, in their order, then the decoys."""
    known = {motif.id: motif for motif in motifs}
    matrices = [motif.frequencies.T for motif in motifs]
    place = {motif.id: number for number, motif in enumerate(motifs)}
    p = tomtom(matrices, matrices, n_jobs=1)[0] * len(motifs)
    chosen = list(PLANTED)
    for name in by_hash(set(known) - set(PLANTED)):
        if information(known[name].frequencies).sum() < LEAST_BITS:
            continue
        own, others = place[name], [place[other] for other in chosen]
        if min(p[own, others].min(), p[others, own].min()) > MOST_ALIKE:
            chosen.append(name)
        if len(chosen) == len(PLANTED) + DECOYS:
            return chosen
    raise SystemExit(f"only {len(chosen) - len(PLANTED)} matrices resemble no other")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jaspar", type=Path)
    text = parser.parse_args().jaspar.read_text(encoding="utf-8")
    blocks = {block.split()[1]: block for block in (part.strip() for part in text.split("\n//")) if block}
    chosen = choose(list(read_motifs(text, "transfac")))
    LIBRARY.write_text("".join(f"{blocks[name]}\n//\n" for name in chosen), encoding="utf-8")


if __name__ == "__main__":
    main()
