"""probe-families: how many examples of a family does a model need, once a probe reads its frozen hidden states?

The mean hidden state of a sequence is given to the nearest of the families' centroids, or to a multinomial logistic
regression, with one, few or all examples per family. Splits are by cluster. Controls run in the same cell with the same
examples: the model's random twins, k-mers and composition (floors), and the most similar training sequence (reference).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.adapter import ModelAdapter
from harness.task import CellContext, Task, TaskCard, TaskOutcome, TaskSettings
from tasks.probe_families.settings import ProbeFamiliesSettings

if TYPE_CHECKING:
    from harness.datasets.records import Dataset


class ProbeFamilies(Task):
    """ncRNA families from probes of mean hidden states."""

    card = TaskCard(
        name="probe-families",
        version="1",
        summary="ncRNA families from probes of mean hidden states, with 1, 5 or all examples (default: last layer)",
        requires=frozenset(),
        requires_any=frozenset({"hidden_states", "sequence_vectors"}),
        default_dataset="rfam-profiles",
        real_dataset="rfam-seed",
        headline="f1_probed",
        columns=(
            "f1_probed",
            "f1_zero_shot",
            "gap",
            "f1_few",
            "accuracy_probed",
            "gain_over_twins",
            "gain_over_kmers",
            "gain_over_lookup",
        ),
        windows=True,
        question="How well can families of non-coding RNA be told apart from a model's frozen hidden states, with one "
        "example of each family, with five, with all? The mean hidden state of a sequence is compared with the "
        "families' centroids, or read by a logistic regression.",
        how_to_read=(
            "The headline is the macro F1 over families with all examples, on sequences of other clusters; the head, "
            "and the layer where several are given, come from validation. Zero-shot is the nearest of one example per "
            "family; the gap is the difference of the two.",
            "The gain is over the hardest floor: the same probes of networks with random weights, of k-mers and of "
            "composition, with the same examples.",
            "Looking up the most similar training sequence by alignment shows what can be reached without a model; it "
            "is not subtracted.",
        ),
        labels={
            "f1_probed": "macro F1, all examples",
            "accuracy_probed": "accuracy, all examples",
            "f1_zero_shot": "macro F1, one example",
            "gap": "probed minus zero-shot",
            "f1_few": "macro F1, few examples",
            "gain_over_twins": "gain over random twins",
            "gain_over_kmers": "gain over k-mers",
            "gain_over_composition": "gain over composition",
            "gain_over_lookup": "gain over lookup",
            "f1_validation": "macro F1 on validation sequences",
        },
    )
    settings_type = ProbeFamiliesSettings

    def run(self, model: ModelAdapter, dataset: Dataset, settings: TaskSettings, context: CellContext) -> TaskOutcome:
        """See :class:`harness.task.Task`."""
        from tasks.probe_families.run import run_probe_families

        assert isinstance(settings, ProbeFamiliesSettings)
        return run_probe_families(model, dataset, settings, context)
