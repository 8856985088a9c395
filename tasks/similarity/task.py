"""similarity: how alike are the layers of a model, of its random twins, and of what needs no model?

Linear CKA and mutual nearest neighbours on nucleotides of unrelated RNAs. Random twins, letters, k-mers, positions and
permuted RNAs are compared in the same cell. ``harness compare-models`` compares the models of several records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.adapter import ModelAdapter
from harness.task import CellContext, Task, TaskCard, TaskOutcome, TaskSettings
from tasks.similarity.settings import SimilaritySettings

if TYPE_CHECKING:
    from harness.datasets.records import Dataset


class Similarity(Task):
    """Representations compared with each other, without any label."""

    card = TaskCard(
        name="similarity",
        version="1",
        summary="how far training moved the layers of a model from those of its random twins (no training)",
        requires=frozenset({"hidden_states"}),
        default_dataset="rfam-profiles",
        real_dataset="pdb-rna",
        headline="learned_change",
        columns=(
            "learned_change",
            "learned_change_neighbours",
            "learned_change_sequences",
            "cka_twin",
            "cka_between_twins",
            "cka_letters_around",
            "cka_first_last",
        ),
        windows=True,
        question="How far has training moved the layers of a model? Each layer is compared with the same layer of "
        "copies with random weights, by linear CKA and by mutual nearest neighbours, on nucleotides of unrelated RNAs.",
        how_to_read=(
            "The headline is the CKA of random copies with each other minus that of the model with them, mean over the "
            "blocks: 0 is a model as like a random copy as another random copy is, 1 one that shares nothing with "
            "them. It says how much was learned, not whether it is useful.",
            "CKA is 1 for the same geometry up to rotation and scale, and 0 for independent layers. The share of "
            "nearest neighbours that two layers have in common looks at details that CKA averages away.",
            "The last layer is also compared with what needs no model: with the letters, the letters around, counts of "
            "3-mers around, and positions. A layer that is close to these has added little to them.",
        ),
        labels={
            "learned_change": "learned change",
            "learned_change_neighbours": "learned change, neighbours",
            "learned_change_sequences": "learned change, sequence means",
            "cka_twin": "CKA with random twins",
            "cka_between_twins": "CKA between random twins",
            "cka_permuted": "CKA, RNAs permuted",
            "neighbours_twin": "neighbours shared with random twins",
            "neighbours_between_twins": "neighbours shared between random twins",
            "neighbours_permuted": "neighbours shared, RNAs permuted",
            "cka_first_last": "CKA of first and last layer",
            "cka_letters": "CKA with the letter",
            "cka_letters_around": "CKA with letters around",
            "cka_3_mers_around": "CKA with 3-mers around",
            "cka_position": "CKA with position",
        },
    )
    settings_type = SimilaritySettings

    def run(self, model: ModelAdapter, dataset: Dataset, settings: TaskSettings, context: CellContext) -> TaskOutcome:
        """See :class:`harness.task.Task`."""
        from tasks.similarity.run import run_similarity

        assert isinstance(settings, SimilaritySettings)
        return run_similarity(model, dataset, settings, context)
