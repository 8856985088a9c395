"""Fit the profiles of the embedded set ``rfam-profiles`` and compare what they make with the real alignments.

    HARNESS_DATA=... python scripts/fit_rfam_profiles.py

Reads families/rfam_seed_alignments.stk.gz (Rfam 14 seed alignments, CC0) under HARNESS_DATA and
harness/datasets/rfam_profiles_families.txt; writes harness/datasets/rfam_profiles.npz and RFAM_PROFILES.md.
"""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import edlib
import numpy as np
from Bio import Align
from numpy.typing import NDArray
from scipy.special import xlogy

from harness.datasets.loop_types import CANONICAL
from harness.datasets.rfam_profiles import (
    CLADES,
    GAP,
    LETTERS,
    SCALE,
    Profile,
    candidates,
    members,
    sample_clades,
    sequence_of,
)

FOLDER = Path(__file__).parents[1] / "harness" / "datasets"
ALIGNMENTS = Path("families") / "rfam_seed_alignments.stk.gz"
PSEUDOCOUNT = 1.0  # sequences' worth of background added to each column and each pair
MOST_CANDIDATES = 2000

Aligned = NDArray[np.int8]

MEASURES = {
    "A": ".2f",
    "C": ".2f",
    "G": ".2f",
    "U": ".2f",
    "length": ".0f",
    "length sd": ".1f",
    "canonical": ".2f",
    "pairs per RNA": ".1f",
    "identity": ".2f",
}
HEADING = (
    """# `rfam-profiles` compared with the alignments it was fitted to

Written by `scripts/fit_rfam_profiles.py`; each cell is real / simulated. The real sequences are Rfam 14 seeds (CC0).

- A, C, G, U: share of the nucleotides. Length: nucleotides per sequence, mean and standard deviation.
- Canonical: share of A-U, G-C and G-U among aligned consensus pairs with both partners present.
- Identity: share of identical nucleotides among the columns that both sequences of a pair fill, mean over all pairs.

Where they differ, and why. Any two simulated clades are kept below 80 % identity, which lowers the mean identity of
families whose real members are more similar. The presence of a column depends on one earlier column and on its partner;
insertions and fragments that occur together for other reasons are independent here, which makes lengths vary less. All
real sequences have equal weight, whatever their phylogeny. Tertiary contacts, pairs outside the consensus and anything
else that links columns beyond the consensus structure are absent.

| family | sequences | """
    + " | ".join(MEASURES)
    + """ |
|---|---|"""
    + "---|" * len(MEASURES)
)


def consensus_pairs(wuss: str) -> list[tuple[int, int]]:
    """Pairs of columns of a WUSS consensus structure; letters are pseudoknots, upper case opening."""
    opening: dict[str, list[int]] = {}
    closes = dict(zip(">)]}", "<([{", strict=True))
    pairs = []
    for column, symbol in enumerate(wuss):
        if symbol in "<([{" or symbol.isupper():
            opening.setdefault(symbol, []).append(column)
        elif symbol in closes or symbol.islower():
            pairs.append((opening[closes.get(symbol, symbol.upper())].pop(), column))
    return sorted(pairs)


def read_alignments(path: Path, accessions: Iterable[str]) -> Iterator[tuple[str, str, Aligned, list[tuple[int, int]]]]:
    """Accession, name, (n, C) indices into LETTERS (ambiguous letters become -1) and consensus pairs."""
    wanted = set(accessions)
    index = np.full(128, -1, dtype=np.int8)
    for letter, state in zip("ACGUT-.", (0, 1, 2, 3, 3, GAP, GAP), strict=True):
        index[ord(letter)] = state
    with gzip.open(path, "rt", encoding="latin-1") as handle:
        for alignment in Align.parse(handle, "stockholm"):
            accession = alignment.annotations["accession"]
            if accession not in wanted:
                continue
            rows = np.char.upper(np.array(alignment, dtype="S1")).view(np.uint8)
            wuss = alignment.column_annotations["consensus secondary structure"]
            yield accession, alignment.annotations["identifier"], index[rows], consensus_pairs(wuss)


def quantise(frequencies: NDArray[np.float64]) -> NDArray[np.int64]:
    """Integers of the same shape that sum to SCALE, each at least 1; the largest takes the rounding."""
    flat = np.maximum(np.rint(frequencies.ravel() * SCALE).astype(np.int64), 1)
    flat[flat.argmax()] += SCALE - flat.sum()
    return flat.reshape(frequencies.shape)


def _one_hot(aligned: Aligned) -> NDArray[np.float64]:
    return (aligned[:, :, None] == np.arange(4)).astype(np.float64)


def background(families: Iterable[tuple[Aligned, list[tuple[int, int]]]]) -> tuple[Any, Any]:
    """Pooled frequencies of nucleotides in unpaired columns (4,) and of pairs (4, 4); each family weighs the same."""
    single, joint = np.zeros(4), np.zeros((4, 4))
    for aligned, pairs in families:
        hot = _one_hot(aligned)
        unpaired = np.setdiff1d(np.arange(aligned.shape[1]), np.ravel(pairs))
        single += hot[:, unpaired].mean((0, 1))
        both = sum((hot[:, i].T @ hot[:, j] for i, j in pairs), np.zeros((4, 4)))
        joint += both / both.sum()
    return single / single.sum(), joint / joint.sum()


def fit(
    accession: str,
    name: str,
    aligned: Aligned,
    pairs: list[tuple[int, int]],
    single: NDArray[np.float64],
    joint: NDArray[np.float64],
) -> Profile:
    """The profile of one alignment, its clades undecided: counts of its sequences plus PSEUDOCOUNT."""
    hot = _one_hot(aligned)
    counts = hot.sum(0) + PSEUDOCOUNT * single
    frequencies = np.array([quantise(column / column.sum()) for column in counts])
    joints = np.zeros((len(pairs), 4, 4), dtype=np.int64)
    for number, (i, j) in enumerate(pairs):
        both = hot[:, i].T @ hot[:, j] + PSEUDOCOUNT * joint
        joints[number] = quantise(both / both.sum())
        frequencies[i], frequencies[j] = joints[number].sum(1), joints[number].sum(0)

    there = (aligned != GAP).astype(np.int64)
    earlier = informants(there)
    partner = {j: i for i, j in pairs}
    present = np.zeros((aligned.shape[1], 2, 2), dtype=np.int64)
    for column in range(aligned.shape[1]):
        overall = there[:, column].mean()
        before = there[:, earlier[column]] if column else np.ones(len(there), dtype=np.int64)
        other = there[:, partner[column]] if column in partner else np.ones(len(there), dtype=np.int64)
        for state in np.ndindex(2, 2):
            chosen = there[(before == state[0]) & (other == state[1]), column]
            chance = (chosen.sum() + PSEUDOCOUNT * overall) / (len(chosen) + PSEUDOCOUNT)
            present[column][state] = min(round(chance * SCALE), SCALE - 1)
    undecided = np.zeros((2, CLADES), dtype=np.int64)
    return Profile(accession, name, frequencies, np.array(pairs), joints, earlier, present, undecided)


def informants(there: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each column of (n, C) presences, the earlier one of the largest mutual information; the nearest of equals."""
    n, width = there.shape
    states = np.concatenate([1 - there, there], axis=1).astype(np.float64)
    share = states.mean(0)
    joint, expected = states.T @ states / n, np.outer(share, share)
    terms = xlogy(joint, joint / np.where(expected, expected, 1))
    information = terms.reshape(2, width, 2, width).sum((0, 2)).round(9)
    nearest = [column - 1 - int(np.argmax(information[column, :column][::-1])) for column in range(1, width)]
    return np.array([0, *nearest])


def choose_clades(profile: Profile) -> Profile:
    """The profile with the first clades that stay apart: the family's, then the twin's, also apart from the family's.

    Raises:
        ValueError: the alignment varies too little for so many clades.
    """
    kept: list[list[str]] = []
    chosen = np.zeros((2, CLADES), dtype=np.int64)
    for row, coupled in enumerate((True, False)):
        for number, candidate in enumerate(islice(candidates(profile, coupled), MOST_CANDIDATES)):
            clade = [sequence_of(aligned) for aligned in members(candidate)]
            if not any(near(a, b) for other in kept for b in other for a in clade):
                chosen[row, len(kept) - row * CLADES] = number
                kept.append(clade)
            if len(kept) == CLADES * (row + 1):
                break
        else:
            raise ValueError(f"{profile.accession} varies too little for {CLADES} distinct clades")
    return replace(profile, clades=chosen)


def near(first: str, second: str) -> bool:
    """Whether 1 - edit distance / length of the longer is 80 % or more."""
    allowed = max(len(first), len(second)) // 5
    return bool(edlib.align(first, second, mode="NW", task="distance", k=allowed)["editDistance"] >= 0)


def save(fitted: list[Profile], path: Path) -> None:
    """One compressed file without pickles; the families' columns and pairs are concatenated."""
    np.savez_compressed(
        path,
        accessions=np.array([profile.accession for profile in fitted]),
        names=np.array([profile.name for profile in fitted]),
        columns=np.array([profile.columns for profile in fitted], dtype=np.uint16),
        pair_counts=np.array([len(profile.pairs) for profile in fitted], dtype=np.uint16),
        frequencies=np.concatenate([profile.frequencies for profile in fitted]).astype(np.uint16),
        before=np.concatenate([profile.before for profile in fitted]).astype(np.uint16),
        present=np.concatenate([profile.present for profile in fitted]).astype(np.uint16),
        pairs=np.concatenate([profile.pairs for profile in fitted]).astype(np.uint16),
        joint=np.concatenate([profile.joint for profile in fitted]).astype(np.uint16),
        clades=np.stack([profile.clades for profile in fitted]).astype(np.uint16),
    )


def describe(aligned: Aligned, pairs: list[tuple[int, int]]) -> dict[str, float]:
    """Composition, length in nt, canonical share of consensus pairs, and mean pairwise identity of aligned columns."""
    hot, there = _one_hot(aligned), (aligned != GAP).astype(np.float64)
    lengths = there.sum(1)
    composition = hot.sum((0, 1)) / hot.sum()
    i, j = np.transpose(pairs)
    left, right = aligned[:, i], aligned[:, j]
    both = (left >= 0) & (left < GAP) & (right >= 0) & (right < GAP)
    canonical = np.array([[a + b in CANONICAL for b in LETTERS] for a in LETTERS])[left, right] & both
    flat = hot.reshape(len(hot), -1)
    identity = (flat @ flat.T / np.maximum(there @ there.T, 1))[np.triu_indices(len(hot), 1)]
    return {
        **{letter: float(share) for letter, share in zip("ACGU", composition, strict=True)},
        "length": float(lengths.mean()),
        "length sd": float(lengths.std()),
        "canonical": float(canonical.sum() / both.sum()),
        "pairs per RNA": float(both.sum() / len(aligned)),
        "identity": float(identity.mean()),
    }


def report(families: list[tuple[str, str, Aligned, list[tuple[int, int]]]], fitted: list[Profile]) -> str:
    """The comparison of simulated with real families, as Markdown."""
    rows = []
    for (accession, name, real, pairs), profile in zip(families, fitted, strict=True):
        drawn = np.concatenate(sample_clades(profile))
        rows.append((f"{accession} {name}", len(real), len(drawn), describe(real, pairs), describe(drawn, pairs)))
    lines = [HEADING]
    for label, count, simulated, before, after in rows:
        cells = [f"{before[key]:{form}} / {after[key]:{form}}" for key, form in MEASURES.items()]
        lines.append(f"| {label} | {count} / {simulated} | " + " | ".join(cells) + " |")
    table = {key: np.array([(before[key], after[key]) for *_, before, after in rows]) for key in MEASURES}
    means = [f"{a:{form}} / {b:{form}}" for (a, b), form in ((table[key].mean(0), MEASURES[key]) for key in MEASURES)]
    lines.append("| **mean** | | " + " | ".join(means) + " |")
    for label, reduce in (("mean absolute deviation", np.mean), ("largest deviation", np.max)):
        off = [f"{reduce(abs(table[key] @ (1, -1))):{form}}" for key, form in MEASURES.items()]
        lines.append(f"| **{label}** | | " + " | ".join(off) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    data = os.environ.get("HARNESS_DATA")
    if not data:
        sys.exit("set HARNESS_DATA to the folder that holds families/rfam_seed_alignments.stk.gz")
    accessions = (FOLDER / "rfam_profiles_families.txt").read_text().split()
    families = sorted(read_alignments(Path(data) / ALIGNMENTS, accessions), key=lambda family: family[0])
    single, joint = background([(aligned, pairs) for _, _, aligned, pairs in families])
    fitted = [choose_clades(fit(*family, single, joint)) for family in families]
    save(fitted, FOLDER / "rfam_profiles.npz")
    (FOLDER / "RFAM_PROFILES.md").write_text(report(families, fitted), encoding="utf-8")


if __name__ == "__main__":
    main()
