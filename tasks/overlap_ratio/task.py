"""overlap-ratio: do a model's embeddings set sequences of one RNA family apart from others, without any training?

Similarities of homologous and of non-homologous pairs are two distributions; the headline is how far they overlap.
Several recipes make one vector of a sequence, the published one among them. k-mer counts, length and GC content, and
the same architecture with random weights are cells of their own, as are models that compare two sequences themselves
(alignment identity).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.adapter import ModelAdapter
from harness.task import CellContext, Task, TaskCard, TaskOutcome, TaskSettings
from tasks.common import RANDOM_TWINS
from tasks.overlap_ratio.settings import OverlapRatioSettings

if TYPE_CHECKING:
    from harness.datasets.records import Dataset


class OverlapRatio(Task):
    """Zero-shot family discrimination from similarities."""

    card = TaskCard(
        name="overlap-ratio",
        version="2",
        summary="overlap of the similarities of homologous and other pairs; lower is better (no training)",
        requires=frozenset(),
        requires_any=frozenset({"hidden_states", "sequence_vectors", "similarity"}),
        default_dataset="rfam-profiles",
        real_dataset="rfam-seed",
        headline="overlap_ratio_mean",
        columns=(
            "overlap_ratio_mean",
            "triplet_beyond_kmers",
            "triplet_beyond_identity",
            "overlap_ratio_centred",
            "auroc",
            "overlap_ratio_dct",
            "overlap_ratio_review_fft",
            "overlap_ratio_review_fft_leading",
        ),
        floors=(
            *(f"kmer-{k}" for k in range(1, 7)),
            "length-gc",
            *RANDOM_TWINS,
        ),
        plotted_against="structure-f1",
    )
    settings_type = OverlapRatioSettings

    def run(self, model: ModelAdapter, dataset: Dataset, settings: TaskSettings, context: CellContext) -> TaskOutcome:
        """See :class:`harness.task.Task`."""
        from tasks.overlap_ratio.run import run_overlap

        assert isinstance(settings, OverlapRatioSettings)
        return run_overlap(model, dataset, settings, context)
