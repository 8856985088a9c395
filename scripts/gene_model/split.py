"""Which CTCF peaks train the gene models: all that sae-motifs does not choose or score on, nor anything like them."""

from __future__ import annotations

from dataclasses import dataclass

from harness.datasets.resolve import load_dataset
from scripts.ncrna_nano.alike import alike_to_any
from tasks.sae_motifs.data import prepare
from tasks.sae_motifs.settings import SaeMotifsSettings

VALIDATION = 20
"""One peak in so many of those that may train is held out, to see the loss."""


@dataclass(frozen=True)
class Peaks:
    """Sequences of each part, in the order of their ids; ``alike`` were left out because a select or test peak is like
    them."""

    training: list[str]
    validation: list[str]
    alike: int


def load_peaks(dataset: str = "ctcf-peaks") -> Peaks:
    """Split the peaks as the task does with its default settings, which no model narrows: peaks have 100 nt."""
    records = load_dataset(dataset)
    used = prepare(records, SaeMotifsSettings())
    held = {record.sequence for record in (*used.select, *used.test)}
    free = sorted({record.sequence for record in records.records} - held)
    hits = alike_to_any(free, sorted(held))
    kept = [sequence for sequence, hit in zip(free, hits, strict=True) if hit < 0]
    validation = kept[::VALIDATION]
    return Peaks(sorted(set(kept) - set(validation)), validation, len(free) - len(kept))
