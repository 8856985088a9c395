"""probe-structure: how far a minimum of training goes from zero-shot secondary structure.

Probes are fitted on few RNAs: a logistic regression over the attention maps of all heads, and two small heads on frozen
hidden states. Hyperparameters and thresholds come from validation RNAs, and test RNAs are scored once, as structure-f1
scores them. The same probes with the same budget read the model's random twins and one-hot letters in the same cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.adapter import ModelAdapter
from harness.task import CellContext, Task, TaskCard, TaskOutcome, TaskSettings
from tasks.probe_structure.settings import ProbeStructureSettings

if TYPE_CHECKING:
    from harness.datasets.records import Dataset


class ProbeStructure(Task):
    """Secondary structure from probes of attention and of hidden states."""

    card = TaskCard(
        name="probe-structure",
        version="1",
        summary="base pairs from small probes of attention and hidden states, trained on 20 RNAs or more",
        requires=frozenset(),
        requires_any=frozenset({"attention", "hidden_states", "pair_scores"}),
        default_dataset="rfam-profiles",
        real_dataset="pdb-rna",
        headline="f1_probed",
        columns=(
            "f1_probed",
            "f1_zero_shot",
            "gap",
            "gain_over_twins",
            "gain_over_one_hot",
            "f1_attention_logistic",
            "f1_pair_linear",
            "f1_pair_small",
            "f1_pair_tuned",
        ),
        floors=("pairing-prior-stacked", "pairing-prior-stacked-softmax"),
        plotted_against="structure-f1",
        question="How far does a minimum of training go from zero-shot? A logistic regression over all attention maps "
        "is fitted on 20 RNAs, and two small heads read frozen hidden states with 20, 100 or all training RNAs. No "
        "weight of the language model changes, unless its last blocks are asked to.",
        how_to_read=(
            "The headline is the pooled F1 of base pairs that the probe preferred by validation reaches on test RNAs "
            "of other families. Zero-shot is one attention head without any training, as in structure-f1; the gap is "
            "the difference of the two.",
            "A head can learn which letters pair from its training RNAs alone, and a network with random weights hands "
            "the letters on. What the model knows is its gain over the same probes of random twins and of one-hot "
            "letters, with the same RNAs, steps and choices.",
            "The stacked pairing rules are floors without any training.",
        ),
        labels={
            "f1_probed": "pooled F1, probed",
            "f1_zero_shot": "pooled F1, zero-shot",
            "gap": "probed minus zero-shot",
            "gain_over_twins": "gain over random twins",
            "gain_over_one_hot": "gain over letters",
            "f1_attention_logistic": "regression on attention",
            "f1_pair_linear": "linear head, all RNAs",
            "f1_pair_small": "small head, all RNAs",
            "f1_pair_tuned": "small head and last blocks, all RNAs",
            "tuning_gap": "tuned minus probed",
            "f1_validation": "pooled F1 on validation RNAs",
        },
    )
    settings_type = ProbeStructureSettings

    def run(self, model: ModelAdapter, dataset: Dataset, settings: TaskSettings, context: CellContext) -> TaskOutcome:
        """See :class:`harness.task.Task`."""
        from tasks.probe_structure.run import run_probe_structure

        assert isinstance(settings, ProbeStructureSettings)
        return run_probe_structure(model, dataset, settings, context)
