"""What ncrna-nano may learn from: the Rfam seed less held-out families, held-out clusters and benchmark look-alikes.

python -m scripts.ncrna_nano.split --data DATA [--out FILE]
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.datasets.records import normalise_sequence
from harness.errors import InputError, Unavailable
from scripts.ncrna_nano.alike import alike_to_any, clusters

FOLDER = Path(__file__).parents[2] / "model_adapters" / "ncrna_nano"
SPLIT_FILE = FOLDER / "nano_split.json"
SEED_FILE = "families/rfam14_1_seed.fasta.gz"
EMBEDDED_FAMILIES = FOLDER.parents[1] / "harness" / "datasets" / "rfam_profiles_families.txt"

SEED = 2024
LONGEST = 512
HELD_OUT_FAMILIES = 0.2
VALIDATION = 0.05


@dataclass(frozen=True)
class SeedSequence:
    """One distinct sequence of the Rfam seed; ``id`` is ``family|accession/start-end``."""

    id: str
    family: str
    sequence: str


@dataclass(frozen=True)
class NanoSplit:
    """The three parts of the Rfam seed. No sequence of ``training`` is alike to one of the other two."""

    training: list[SeedSequence]
    validation: list[SeedSequence]
    held_out: list[SeedSequence]


def read_seed(data: Path) -> list[SeedSequence]:
    """The Rfam seed without exact duplicates and without sequences over 512 nt, in the order of the file.

    Raises:
        Unavailable: the file is not there.
    """
    from Bio import SeqIO

    path = data / SEED_FILE
    if not path.exists():
        raise Unavailable(f"{path} is not there; point --data at a folder that holds {SEED_FILE}")
    sequences: dict[str, SeedSequence] = {}
    with gzip.open(path, "rt") as lines:
        for entry in SeqIO.parse(lines, "fasta"):
            sequence, _ = normalise_sequence(str(entry.seq), entry.id)
            if len(sequence) <= LONGEST:
                sequences.setdefault(sequence, SeedSequence(entry.id, entry.id.split("|")[0], sequence))
    return list(sequences.values())


def read_benchmarks(data: Path) -> dict[str, list[str]]:
    """The distinct sequences of the structure benchmarks that training must not have seen."""
    import pandas as pd

    pdb = pd.read_csv(data / "structure/pdb_rna.csv")
    bprna = pd.read_csv(data / "structure/bprna_TR0_VL0_TS0_structure_types.tsv.gz", sep="\t")
    archive = pd.read_csv(data / "structure/archiveII.csv.gz")
    named = {
        "VL1/TS2": pdb.loc[pdb.split.isin(["VL1", "TS2"]), "sequence"],
        "VL0/TS0": bprna.loc[bprna.split.isin(["VL0", "TS0"]), "seq"],
        "ArchiveII": archive.sequence,
    }
    return {name: sorted({normalise_sequence(s, name)[0] for s in column}) for name, column in named.items()}


def make_split(sequences: list[SeedSequence], embedded: list[str], benchmarks: dict[str, list[str]]) -> dict[str, Any]:
    """The split as it is written to nano_split.json: what is held out and removed; the rest is for training."""
    families = sorted({entry.family for entry in sequences})
    ours = _by_hash([family for family in families if family in set(embedded)])
    others = _by_hash([family for family in families if family not in set(embedded)])
    half = ours[: len(ours) // 2]
    held_out = set(half) | set(others[: round(HELD_OUT_FAMILIES * len(families)) - len(half)])

    known = [entry for entry in sequences if entry.family not in held_out]
    validation = _validation_clusters(known)
    training = [entry for entry in known if entry.id not in validation]
    references = {
        **benchmarks,
        "held-out families": [entry.sequence for entry in sequences if entry.family in held_out],
        "validation": [entry.sequence for entry in known if entry.id in validation],
    }
    removed: dict[str, list[str]] = {}
    for name, reference in references.items():
        hits = alike_to_any([entry.sequence for entry in training], reference)
        removed[name] = [entry.id for entry, hit in zip(training, hits, strict=True) if hit >= 0]
        training = [entry for entry, hit in zip(training, hits, strict=True) if hit < 0]
    return {
        "seed": SEED,
        "held_out_families": sorted(held_out),
        "validation": _by_family(validation),
        "removed_from_training": {name: _by_family(identifiers) for name, identifiers in removed.items()},
        "training_sequences": len(training),
        "training_sha256": _digest([entry.sequence for entry in training]),
    }


def apply_split(sequences: list[SeedSequence], split: dict[str, Any]) -> NanoSplit:
    """The parts that nano_split.json describes.

    Raises:
        InputError: the training sequences are not the ones that the split was made from.
    """
    families, validation = set(split["held_out_families"]), _identifiers(split["validation"])
    removed = set().union(*map(_identifiers, split["removed_from_training"].values()))
    held_out = [entry for entry in sequences if entry.family in families]
    known = [entry for entry in sequences if entry.family not in families]
    training = [entry for entry in known if entry.id not in validation | removed]
    if _digest([entry.sequence for entry in training]) != split["training_sha256"]:
        raise InputError("nano_split.json does not fit this Rfam seed file; make it again with ncrna_nano.split")
    return NanoSplit(training, [entry for entry in known if entry.id in validation], held_out)


def split_hash(split: dict[str, Any]) -> str:
    """The first 16 hex digits of the SHA-256 of the split; the model card names it."""
    return hashlib.sha256(json.dumps(split, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:16]


def load_split(data: Path) -> NanoSplit:
    """The split that ships with the model, applied to the Rfam seed under ``data``."""
    return apply_split(read_seed(data), json.loads(SPLIT_FILE.read_text()))


def _validation_clusters(known: list[SeedSequence]) -> set[str]:
    by_family: dict[str, list[SeedSequence]] = {}
    for entry in known:
        by_family.setdefault(entry.family, []).append(entry)
    groups: dict[str, list[str]] = {}
    for members in by_family.values():
        for entry, representative in zip(members, clusters([m.sequence for m in members]), strict=True):
            groups.setdefault(members[representative].id, []).append(entry.id)
    chosen: set[str] = set()
    for representative_id in _by_hash(groups):
        if len(chosen) >= VALIDATION * len(known):
            break
        chosen.update(groups[representative_id])
    return chosen


def _by_family(identifiers: Iterable[str]) -> dict[str, str]:
    grouped: dict[str, list[str]] = {}
    for family, place in sorted(identifier.split("|") for identifier in identifiers):
        grouped.setdefault(family, []).append(place)
    return {family: " ".join(places) for family, places in grouped.items()}


def _identifiers(grouped: dict[str, str]) -> set[str]:
    return {f"{family}|{place}" for family, places in grouped.items() for place in places.split()}


def _by_hash(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: hashlib.sha256(f"{SEED}:{name}".encode()).digest())


def _digest(sequences: list[str]) -> str:
    return hashlib.sha256("\n".join(sorted(sequences)).encode()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with families/ and structure/")
    parser.add_argument("--out", type=Path, default=SPLIT_FILE)
    options = parser.parse_args()
    split = make_split(read_seed(options.data), EMBEDDED_FAMILIES.read_text().split(), read_benchmarks(options.data))
    options.out.write_text(json.dumps(split, indent=1) + "\n")
    removed = {name: len(_identifiers(group)) for name, group in split["removed_from_training"].items()}
    print(f"split {split_hash(split)}: {split['training_sequences']} training sequences, removed {removed}")


if __name__ == "__main__":
    main()
