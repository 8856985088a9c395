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
from tasks.sae_families.settings import SaeFamiliesSettings

if TYPE_CHECKING:
    from harness.datasets.records import Dataset


class SaeFamilies(Task):
    """Sparse-autoencoder features against ncRNA families."""

    card = TaskCard(
        name="sae-families",
        version="3",
        summary="one SAE feature per ncRNA family, chosen on select and scored on test (default: last layer, "
        "m = 4 d features, 3000 steps)",
        requires=frozenset({"hidden_states"}),
        default_dataset="rfam-profiles",
        headline="auroc_macro",
        columns=(
            *("auroc_macro", "auroc_macro_stable", "mcc_macro", "gain_auroc", "gain_mcc"),
            *("stability", "coverage", "fve"),
        ),
    )
    settings_type = SaeFamiliesSettings

    def run(self, model: ModelAdapter, dataset: Dataset, settings: TaskSettings, context: CellContext) -> TaskOutcome:
        """See :class:`harness.task.Task`."""
        from tasks.sae_families.run import FamiliesRun

        assert isinstance(settings, SaeFamiliesSettings)
        return FamiliesRun(model, dataset, settings, context).outcome()
