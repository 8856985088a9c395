"""sae-families: do sparse-autoencoder features of a model tell ncRNA families apart?

For every family one feature, its sign and its threshold are chosen on the selection split and scored once on the
test split; splits are disjoint by cluster. Controls run in the same cell, through the same pipeline, on the same
sequences: the model's random twins with autoencoders of their own, k-mers, length and composition (floors); raw
neurons, PCA, ICA, autoencoders of which one half stays at its random start, and untrained ones (ablations); a dense
probe (reference).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.adapter import ModelAdapter
from harness.task import CellContext, Task, TaskCard, TaskOutcome, TaskSettings
from tasks.sae.settings import QUALITY_LABELS
from tasks.sae_families.settings import SaeFamiliesSettings

if TYPE_CHECKING:
    from harness.datasets.records import Dataset


class SaeFamilies(Task):
    """Sparse-autoencoder features against ncRNA families."""

    card = TaskCard(
        name="sae-families",
        version="4",
        summary="one SAE feature per ncRNA family, chosen on select and scored on test (default: last layer, "
        "m = 4 d features, 3000 steps)",
        requires=frozenset({"hidden_states"}),
        default_dataset="rfam-profiles",
        real_dataset="rfam-seed",
        headline="auroc_macro",
        columns=(
            *("auroc_macro", "auroc_macro_stable", "mcc_macro", "gain_auroc", "gain_mcc"),
            *("stability", "coverage", "fve"),
        ),
        windows=True,
        question="Do single features of a sparse autoencoder (SAE), trained on a model's hidden states, tell families "
        "of non-coding RNA apart? For each family one feature is chosen on one set of sequences and scored once on "
        "another that shares no cluster with it.",
        how_to_read=(
            "The headline is the AUROC of the chosen feature, averaged over families: 1 is perfect, 0.5 is chance.",
            "The gain is over the hardest floor: SAEs on the same network with random weights, k-mer counts, length, "
            "composition. k-mers alone tell most families apart, so read the gain before the headline.",
            "A feature counts as stable where every other seed of the autoencoder has it too (cosine > 0.7): the score "
            "of stable features alone does not rest on the chance of one training run.",
            "Raw neurons, PCA, ICA, untrained SAEs and SAEs with one half frozen at its random start show what the "
            "trained autoencoder adds; a dense probe on all dimensions shows what can be reached.",
        ),
        labels={
            "auroc_macro": "mean AUROC",
            "auroc_macro_stable": "mean AUROC, stable features",
            "mcc_macro": "mean MCC",
            "mcc_macro_stable": "mean MCC, stable features",
            "f1_macro": "mean F1",
            "gain_auroc": "gain in AUROC",
            "gain_mcc": "gain in MCC",
            "average_precision_macro": "mean average precision",
            "coverage": "families found",
            "auroc_matched": "AUROC against matched negatives",
            "auroc_matched_length": "AUROC of length, same pairs",
            "auroc_matched_gc": "AUROC of GC content, same pairs",
            "gain_over_composition": "gain over composition",
            "group_separation": "separation of groups",
            "selectivity_tau": "selectivity, tau",
            "selectivity_information": "selectivity, information",
            "select_null_95": "chance AUROC on select",
            **{f"probe_{size}_share": f"share of the dense probe, {size} features" for size in (1, 2, 5, 16)},
            "candidates": "candidate features",
            "trend_auroc_macro": "trend of mean AUROC with depth",
            **QUALITY_LABELS,
        },
    )
    settings_type = SaeFamiliesSettings

    def run(self, model: ModelAdapter, dataset: Dataset, settings: TaskSettings, context: CellContext) -> TaskOutcome:
        """See :class:`harness.task.Task`."""
        from tasks.sae_families.run import FamiliesRun

        assert isinstance(settings, SaeFamiliesSettings)
        return FamiliesRun(model, dataset, settings, context).outcome()
