"""sae-structure: do single sparse-autoencoder features of a model follow structural elements of RNA?

For every element (stem, hairpin, bulge, internal loop, multiloop, …) one feature, its sign and its threshold are chosen
on nucleotides of the selection split and scored once on those of the test split. Controls run in the same cell, through
the same pipeline: the model's random twins with autoencoders of their own, k-mers, position, length and composition
(floors); raw neurons, PCA, ICA, autoencoders of which one half stays at its random start, and untrained ones
(ablations); a dense probe (reference).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.adapter import ModelAdapter
from harness.task import CellContext, Task, TaskCard, TaskOutcome, TaskSettings
from tasks.sae.settings import QUALITY_LABELS
from tasks.sae_structure.settings import SaeStructureSettings

if TYPE_CHECKING:
    from harness.datasets.records import Dataset


class SaeStructure(Task):
    """Sparse-autoencoder features against structural elements."""

    card = TaskCard(
        name="sae-structure",
        version="2",
        summary="one SAE feature per structural element, chosen on select and scored on test (default: last layer, "
        "m = 4 d features, 3000 steps)",
        requires=frozenset({"hidden_states"}),
        default_dataset="rfam-profiles",
        real_dataset="bprna-spot",
        headline="mcc_macro",
        columns=(
            *("mcc_macro", "attainable_mcc", "enrichment", "mcc_macro_stable", "gain_mcc", "conditional_auroc"),
            *("context_auroc", "element_f1", "stability", "fve"),
        ),
        windows=True,
        question="Do single features of a sparse autoencoder (SAE), trained on a model's hidden states, follow the "
        "structural elements of RNA: stems, hairpins, bulges, internal loops, multiloops? For each element one feature "
        "is chosen on one set of RNAs and scored once, nucleotide by nucleotide, on another.",
        how_to_read=(
            "The headline is the MCC of the chosen feature over all nucleotides, averaged over the five elements: 1 is "
            "perfect, 0 is chance. Where the dataset has enough RNAs of families that neither training nor choosing "
            "saw, they alone are scored.",
            "A feature that is active at 1 % of the nucleotides cannot have a high MCC with stems, which half of them "
            "are in: the most it could have stands beside it, and so does its enrichment (precision over prevalence), "
            "which asks for no coverage and is 1 by chance.",
            "The gain is over the hardest floor: SAEs on the same network with random weights, k-mers, k-mers with "
            "position, composition, length. Read it before the headline.",
            "The AUROC among nucleotides of one base is 0.5 for a feature that only knows the base; the AUROC within "
            "one trinucleotide and distance to the end shows what neither letters nor position explain.",
            "F1 of whole elements matches stretches of activity with elements one to one: a feature that is active "
            "everywhere finds almost none.",
        ),
        labels={
            "mcc_macro": "mean MCC",
            "mcc_macro_all": "mean MCC, all test RNAs",
            "mcc_macro_stable": "mean MCC, stable features",
            "auroc_macro": "mean AUROC",
            "f1_macro": "mean F1",
            "average_precision_macro": "mean average precision",
            "mcc_rna_macro": "mean MCC within RNAs",
            "attainable_mcc": "MCC at most",
            "enrichment": "enrichment",
            "element_f1": "F1 of whole elements",
            "conditional_auroc": "AUROC, same base",
            "context_auroc": "AUROC, same trinucleotide and distance to the end",
            "tract_features": "features of base runs",
            "pair_lift": "pair lift of the stem feature",
            "shuffle_response": "response to shuffling",
            "gain_mcc": "gain in MCC",
            "gain_auroc": "gain in AUROC",
            "select_null_95": "chance MCC on select",
            "candidates": "candidate features",
            "trend_mcc_macro": "trend of mean MCC with depth",
            **QUALITY_LABELS,
        },
    )
    settings_type = SaeStructureSettings

    def run(self, model: ModelAdapter, dataset: Dataset, settings: TaskSettings, context: CellContext) -> TaskOutcome:
        """See :class:`harness.task.Task`."""
        from tasks.sae_structure.run import StructureRun

        assert isinstance(settings, SaeStructureSettings)
        return StructureRun(model, dataset, settings, context).outcome()
