"""structure-f1: do a model's attention maps hold RNA secondary structure, without any training?

Every head's map is symmetrised, corrected (APC) and squashed; one head and one threshold are chosen on validation
RNAs by pooled F1 and scored once on test RNAs. Models without attention that score pairs of nucleotides (the pairing
priors, folding tools) go the same way. The floors are cells of their own: pairing priors, and the same architecture
with random weights, each choosing its own head.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.adapter import ModelAdapter
from harness.task import CellContext, Task, TaskCard, TaskOutcome, TaskSettings
from tasks.common import RANDOM_TWINS
from tasks.structure_f1.settings import StructureF1Settings

if TYPE_CHECKING:
    from harness.datasets.records import Dataset


class StructureF1(Task):
    """Zero-shot secondary structure from attention."""

    card = TaskCard(
        name="structure-f1",
        version="3",
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
    )
    settings_type = StructureF1Settings

    def run(self, model: ModelAdapter, dataset: Dataset, settings: TaskSettings, context: CellContext) -> TaskOutcome:
        """See :class:`harness.task.Task`."""
        from tasks.structure_f1.run import run_structure

        assert isinstance(settings, StructureF1Settings)
        return run_structure(model, dataset, settings, context)
