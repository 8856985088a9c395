"""What the features of an autoencoder mean, as the cell that trained it found on select and confirmed on test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.errors import InputError
from harness.result import ResultRecord, read_verified
from tasks.sae.autoencoder.model import SparseAutoencoder

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Meaning:
    """A feature that was chosen for a concept (a family, a structural element) on select.

    ``auroc`` and ``q`` are held out: of the test split. Only features that are active in the concept are listed; one
    that is silent there marks no nucleotide. The concept is called where ``threshold``, chosen on select, is reached:
    by a sequence, in the mean or in the maximum over ``window`` nucleotides (``aggregation``), or by a nucleotide
    (None).
    """

    feature: int
    concept: str
    threshold: float
    aggregation: str | None
    auroc: float
    q: float
    window: int = 0


def record_of(folder: Path) -> ResultRecord:
    """The record of the cell that left an autoencoder in ``folder``.

    Raises:
        InputError: the folder does not lie beside a record, or the record or its tables have changed since.
    """
    path = folder.resolve().parent.with_suffix(".json")
    if not path.is_file():
        raise InputError(
            f"{folder} does not lie in the folder of a result: give results/TASK/DATASET/MODEL/CELL/sae-layer-L-seed-S"
        )
    try:
        return read_verified(path)
    except ValueError as error:
        raise InputError(str(error)) from None


def meanings(folder: Path, autoencoder: SparseAutoencoder, record: ResultRecord) -> list[Meaning]:
    """Of the features that hold on test (q < 0.05), by feature, the best concept first.

    Raises:
        InputError: the cell left no table of chosen features, or none of this autoencoder holds.
    """
    import pandas as pd

    path = folder.resolve().parent / "families.parquet"
    if not path.is_file():
        raise InputError(f"{path} is missing: without it no feature has a meaning")
    table = pd.read_parquet(path)
    own = table[
        (table["source"] == "sae") & (table["layer"] == autoencoder.layer) & (table["seed"] == autoencoder.seed)
    ]
    held = own[(own["q"] < SIGNIFICANT) & (own["sign"] > 0)].sort_values(["feature", "q", "family"])
    if held.empty:
        raise InputError(
            f"no feature of {folder} was confirmed on test (q < {SIGNIFICANT}): there is nothing to annotate"
        )
    columns = ("feature", "family", "threshold", "auroc", "q")
    aggregation, window = record.selected.get("aggregation"), int(record.selected.get("window", 0))
    return [
        Meaning(int(feature), str(concept), float(threshold), aggregation, float(auroc), float(q), window)
        for feature, concept, threshold, auroc, q in zip(*(held[name].tolist() for name in columns), strict=True)
    ]
