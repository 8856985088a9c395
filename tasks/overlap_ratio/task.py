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
        version="1",
        summary="overlap of the similarities of homologous and other pairs; lower is better (no training)",
        requires=frozenset(),
        requires_any=frozenset({"hidden_states", "sequence_vectors", "similarity"}),
        default_dataset="rfam-profiles",
        real_dataset="rfam-seed",
        headline="overlap_ratio_mean",
        columns=(
            "overlap_ratio_mean",
            "overlap_ratio_best_layer",
            "triplet_beyond_kmers",
            "triplet_beyond_identity",
            "overlap_ratio_centred",
            "overlap_ratio_whitened",
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
        windows=True,
        question="Do a model's embeddings place sequences of one RNA family closer together than those of different "
        "families, without any training? The similarities of homologous pairs and of other pairs are two "
        "distributions; the headline is how far they overlap.",
        how_to_read=(
            "The headline is an overlap: 0 is perfectly apart, 1 is no difference. Lower is better.",
            "The headline is that of the last layer. The best layer is chosen among all layers on half of the families "
            "and scored on the other half; a model without layers is scored there as it is.",
            "The gain is over the hardest floor (k-mer counts, length with GC content, the same network with random "
            "weights), counted so that more is better. Below zero, counting k-mers does better.",
            "Alignment identity and local alignment show what comparing two sequences directly reaches.",
        ),
        labels={
            "overlap_ratio": "overlap ratio",
            "overlap_ratio_mean": "overlap ratio",
            "overlap_ratio_centred": "overlap ratio, centred",
            "overlap_ratio_whitened": "overlap ratio, whitened",
            "overlap_ratio_dct": "overlap ratio, low frequencies",
            "overlap_ratio_review_fft": "overlap ratio as published",
            "overlap_ratio_review_fft_leading": "overlap ratio as published, leading token",
            "overlap_ratio_best_layer": "overlap ratio of the best layer",
            "overlap_ratio_histogram": "overlap of histograms",
            "triplet_beyond_kmers": "triplets beyond k-mers",
            "triplet_beyond_identity": "triplets beyond identity",
            "auroc": "AUROC of pairs",
            "overlap_coefficient": "shared area",
            "best_f1": "best F1",
            "mcc": "best MCC",
            "difference": "difference of overlap ratios",
            "difference_of_means": "difference of means",
            "difference_of_medians": "difference of medians",
        },
    )
    settings_type = OverlapRatioSettings

    def run(self, model: ModelAdapter, dataset: Dataset, settings: TaskSettings, context: CellContext) -> TaskOutcome:
        """See :class:`harness.task.Task`."""
        from tasks.overlap_ratio.run import run_overlap

        assert isinstance(settings, OverlapRatioSettings)
        return run_overlap(model, dataset, settings, context)
