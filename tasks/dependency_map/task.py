"""dependency-map: do a model's predictions hold RNA secondary structure, without any training?

Every base is replaced by the three others, and what changes elsewhere makes two maps of pairs: the dependency map and
the categorical Jacobian. A map and a threshold are chosen on validation RNAs by pooled F1 and scored once on test RNAs,
as structure-f1 does with attention. Floors are cells of their own: pairing priors, which bring scores of pairs, and the
same architecture with random weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.adapter import ModelAdapter
from harness.task import CellContext, Task, TaskCard, TaskOutcome, TaskSettings
from tasks.common import RANDOM_TWINS
from tasks.dependency_map.settings import DependencyMapSettings

if TYPE_CHECKING:
    from harness.datasets.records import Dataset


class DependencyMap(Task):
    """Zero-shot secondary structure from predictions."""

    card = TaskCard(
        name="dependency-map",
        version="2",
        summary="base pairs from how predictions change under substitutions, threshold from validation (no training)",
        requires=frozenset(),
        requires_any=frozenset({"unmasked_log_probs", "causal_log_probs", "pair_scores"}),
        default_dataset="rfam-profiles",
        real_dataset="pdb-rna",
        headline="f1_pooled",
        columns=(
            "f1_pooled",
            "auprc_macro",
            "pair_conditional_auroc",
            "partner_specificity",
            "f1_mirror",
            "mirror_gain",
            "f1_matched",
        ),
        floors=(
            "pairing-prior",
            "pairing-prior-softmax",
            "pairing-prior-stacked",
            "pairing-prior-stacked-softmax",
            *RANDOM_TWINS,
        ),
        plotted_against="structure-f1",
        question="Do the predictions of a language model contain RNA secondary structure? Each base is replaced by the "
        "three others, and the change of the predictions elsewhere is read as a map of base pairs. It needs no "
        "attention, so models without any can be compared. Nothing is trained.",
        how_to_read=(
            "The headline is the pooled F1 of base pairs: 1 is every pair and no other, 0 is none. The map (dependency "
            "map or categorical Jacobian) and its threshold are chosen on validation RNAs.",
            "Partner specificity asks whether the signal is at the partner itself rather than anywhere in the stem: "
            "0.5 without any knowledge, more for a rule of which letters pair, so compare it with the floors.",
            "The mirror is each sequence read backwards: it has the same letters and the same complementary segments, "
            "but nature made no such RNA. What a map finds there it owes to the letters alone.",
            "The gain is over the hardest floor: simple rules of which bases pair, and the same network with random "
            "weights. Below zero, a rule without any learning does better.",
        ),
        labels={
            "f1_pooled": "pooled F1",
            "auprc_macro": "average precision",
            "pair_conditional_auroc": "AUROC among like pairs",
            "partner_specificity": "partner specificity",
            "f1_mirror": "F1 of the mirror",
            "mirror_gain": "F1 minus mirror",
            "f1_per_rna": "F1 per RNA",
            "f1_matched": "F1, one partner each",
            "f1_exact_threshold": "pooled F1, exact threshold",
            "precision_top_half_length": "precision of the top L/2 pairs",
            "mcc": "MCC",
            "f1_ceiling_canonical": "ceiling for canonical pairs",
            "f1_ceiling_one_partner": "ceiling for one partner each",
        },
    )
    settings_type = DependencyMapSettings

    def run(self, model: ModelAdapter, dataset: Dataset, settings: TaskSettings, context: CellContext) -> TaskOutcome:
        """See :class:`harness.task.Task`."""
        from tasks.dependency_map.run import run_dependency_map

        assert isinstance(settings, DependencyMapSettings)
        return run_dependency_map(model, dataset, settings, context)
