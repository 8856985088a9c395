"""sae-motifs: do single sparse-autoencoder features of a model mark the motifs of transcription factors or RNA-binding
proteins?

The letters around the strongest activations of a feature on select sequences make its motif. TOMTOM compares it with a
library, and with the same library after the columns of every motif were permuted. A match claims that the feature is
active at a known place of every site of that motif on one strand; on test sequences that claim is confirmed, or not,
against the same places of dinucleotide-shuffled sequences. Controls run in the same cell, through the same pipeline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.adapter import ModelAdapter
from harness.task import CellContext, Task, TaskCard, TaskOutcome, TaskSettings
from tasks.sae.settings import QUALITY_LABELS
from tasks.sae_motifs.settings import SaeMotifsSettings

if TYPE_CHECKING:
    from harness.datasets.records import Dataset


class SaeMotifs(Task):
    """Sparse-autoencoder features against motifs."""

    card = TaskCard(
        name="sae-motifs",
        version="2",
        summary="motifs of SAE features, matched with TOMTOM on select and confirmed on test (default: last layer, "
        "m = 4 d features, 3000 steps)",
        requires=frozenset({"hidden_states"}),
        default_dataset="planted-motifs",
        real_dataset="ctcf-peaks",
        headline="excess_clusters",
        columns=(
            *("excess_clusters", "excess_clusters_stable", "gain_excess", "clusters", "clusters_null", "peak_auroc"),
            *("gain_peak", "stability", "fve"),
        ),
        windows=True,
        question="Do single features of a sparse autoencoder (SAE), trained on a model's hidden states, mark the "
        "binding motifs of transcription factors or RNA-binding proteins? The letters around a feature's strongest "
        "activations are matched with a library of motifs (TOMTOM), and every match is confirmed at held-out sites.",
        how_to_read=(
            "The headline counts distinct motif clusters that a feature matches on select and confirms on test (AUROC "
            "> 0.7, q < 0.05), less the same count with the columns of every motif permuted, at an equal number of "
            "features for every source: 0 is chance.",
            "k-mers are no floor here: most motifs are short words, which k-mer indicators name directly. With all of "
            "them they are a ceiling, at an equal number they are not. The gain is over SAEs on the same network with "
            "random weights.",
            "The AUROC of peaks asks one feature to tell sequences from their dinucleotide shuffles. It is meant for "
            "sets with one dominant motif; a position weight matrix of a hundred numbers is shown beside it.",
        ),
        labels={
            "excess_clusters": "motif clusters confirmed, over chance",
            "excess_clusters_stable": "motif clusters over chance, stable features",
            "excess_clusters_all": "motif clusters over chance, all features",
            "gain_excess": "gain in motif clusters",
            "clusters": "motif clusters confirmed",
            "clusters_null": "motif clusters confirmed, permuted library",
            "matched_clusters": "motif clusters matched on select",
            "matched_clusters_null": "motif clusters matched, permuted library",
            "hit_rate": "features with a matching motif",
            "hit_rate_excess": "features with a matching motif, over chance",
            "live_share": "features active in 20 sequences",
            "peak_auroc": "AUROC of sequences against shuffles",
            "gain_peak": "gain in AUROC of sequences",
            "candidates": "candidate features",
            **QUALITY_LABELS,
        },
    )
    settings_type = SaeMotifsSettings

    def run(self, model: ModelAdapter, dataset: Dataset, settings: TaskSettings, context: CellContext) -> TaskOutcome:
        """See :class:`harness.task.Task`."""
        from tasks.sae_motifs.run import MotifRun

        assert isinstance(settings, SaeMotifsSettings)
        return MotifRun(model, dataset, settings, context).outcome()
