"""structure-f1: do a model's attention maps hold RNA secondary structure, without any training?

Every head's map is symmetrised, corrected (APC) and squashed; one head and one threshold are chosen on validation
RNAs by pooled F1 and scored once on test RNAs. Models without attention that score pairs of nucleotides (the pairing
priors, folding tools) go the same way. The floors are cells of their own: pairing priors, and the same architecture
with random weights, each choosing its own head.

Proteins go the same way with their contacts: the control of the protocol on models that are known to hold structure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.adapter import ModelAdapter
from harness.task import CellContext, Task, TaskCard, TaskOutcome, TaskSettings
from tasks.common import RANDOM_TWINS
from tasks.structure_f1.settings import StructureF1Settings

if TYPE_CHECKING:
    from harness.datasets.records import Dataset


ON_PROTEINS: dict[str, object] = {
    "alphabet": "protein",
    "summary": "contacts of proteins from one attention head, chosen on validation chains and scored on test",
    "columns": (
        "f1_pooled",
        "precision_top_fifth_length",
        "auprc_macro",
        "pair_conditional_auroc",
        "f1_per_rna",
        "precision_top_half_length",
        "mcc",
    ),
    "floors": ("separation-prior", *RANDOM_TWINS),
    "question": "Do the attention maps of a protein language model contain the contacts of its structure, although it "
    "was never taught any? This is the control of the same protocol on RNA: a head and a threshold are chosen on "
    "validation chains and scored once on test chains; nothing is trained.",
    "how_to_read": (
        "The headline is the pooled F1 of contacts: C-beta atoms (C-alpha of glycine) less than 8 Å apart, at least 6 "
        "residues along the chain. 1 is every contact and no other, 0 is none.",
        "The gain is over the hardest floor: how near two residues are along the chain, and the same network with "
        "random weights. Below zero, a rule without any learning does better.",
    ),
    "labels": {
        "f1_pooled": "pooled F1",
        "auprc_macro": "average precision",
        "pair_conditional_auroc": "AUROC among like pairs",
        "f1_per_rna": "F1 per protein",
        "f1_exact_threshold": "pooled F1, exact threshold",
        "f1_validation": "F1 on validation proteins",
        "precision_top_half_length": "precision of the top L/2 pairs",
        "precision_top_fifth_length": "precision of the top L/5 pairs",
        "mcc": "MCC",
        "f1_oracle_head": "pooled F1 of the best head on test",
    },
}
"""What the card says where the dataset holds proteins."""


class StructureF1(Task):
    """Zero-shot secondary structure from attention."""

    card = TaskCard(
        name="structure-f1",
        version="4",
        summary="base pairs from one attention head, chosen on validation RNAs and scored on test (no training)",
        requires=frozenset(),
        requires_any=frozenset({"attention", "pair_scores"}),
        default_dataset="rfam-profiles",
        real_dataset="pdb-rna",
        headline="f1_pooled",
        columns=(
            "f1_pooled",
            "auprc_macro",
            "pair_conditional_auroc",
            "f1_per_rna",
            "f1_matched",
            "precision_top_half_length",
            "mcc",
        ),
        floors=(
            "pairing-prior",
            "pairing-prior-softmax",
            "pairing-prior-stacked",
            "pairing-prior-stacked-softmax",
            *RANDOM_TWINS,
        ),
        question="Do the attention maps of a language model contain RNA secondary structure, although it was never "
        "taught any? Each head's map is read as a map of base pairs. One head and one threshold are chosen on "
        "validation RNAs and scored once on test RNAs; nothing is trained.",
        how_to_read=(
            "The headline is the pooled F1 of base pairs: 1 is every pair and no other, 0 is none.",
            "The gain is over the hardest floor: simple rules of which bases pair, and the same network with random "
            "weights. Below zero, a rule without any learning does better.",
            "ViennaRNA, a folding program, shows what can be reached on the same RNAs; it is not subtracted.",
        ),
        labels={
            "f1_pooled": "pooled F1",
            "auprc_macro": "average precision",
            "pair_conditional_auroc": "AUROC among like pairs",
            "f1_per_rna": "F1 per RNA",
            "f1_matched": "F1, one partner each",
            "f1_exact_threshold": "pooled F1, exact threshold",
            "f1_validation": "F1 on validation RNAs",
            "precision_top_half_length": "precision of the top L/2 pairs",
            "mcc": "MCC",
            "f1_oracle_head": "pooled F1 of the best head on test",
            "f1_ceiling_canonical": "ceiling for canonical pairs",
            "f1_ceiling_one_partner": "ceiling for one partner each",
        },
    )
    settings_type = StructureF1Settings

    def card_on(self, dataset: Dataset) -> TaskCard:
        """See :class:`harness.task.Task`: contacts, where the dataset holds proteins."""
        return self.card.model_copy(update=ON_PROTEINS) if dataset.card.alphabet == "protein" else self.card

    def run(self, model: ModelAdapter, dataset: Dataset, settings: TaskSettings, context: CellContext) -> TaskOutcome:
        """See :class:`harness.task.Task`."""
        from tasks.structure_f1.run import run_structure

        assert isinstance(settings, StructureF1Settings)
        return run_structure(model, dataset, settings, context)
