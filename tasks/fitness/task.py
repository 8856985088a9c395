"""fitness: does a model's likelihood say which variants of an RNA work, without any training?

Mutational scans measure the fitness of many variants of one RNA. Likelihoods of several kinds, each by its name, are
compared with it by rank. The number of mutations, GC content and a Markov model are floors in the same cell; the same
architecture with random weights is a cell of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.adapter import ModelAdapter
from harness.task import CellContext, Task, TaskCard, TaskOutcome, TaskSettings
from tasks.common import RANDOM_TWINS
from tasks.fitness.settings import FitnessSettings

if TYPE_CHECKING:
    from harness.datasets.records import Dataset


class Fitness(Task):
    """Zero-shot prediction of the fitness of variants."""

    card = TaskCard(
        name="fitness",
        version="1",
        summary="likelihood of variants against measured fitness, by rank (no training)",
        requires=frozenset(),
        requires_any=frozenset({"log_probs", "unmasked_log_probs", "causal_log_probs"}),
        default_dataset="hairpin-scans",
        headline="spearman",
        columns=("spearman", "pairing_auroc_match_fill"),
        floors=RANDOM_TWINS,
        plotted_against="structure-f1",
        question="Does a language model know which variants of an RNA work? The likelihood of each variant, relative "
        "to the wild type, is compared with its fitness in mutational scans. Nothing is trained.",
        how_to_read=(
            "The headline is Spearman's rank correlation, mean over assays: 1 is the same order, 0 none.",
            "It is that of wt-fill, which masks each mutated position in the wild type, as RNAGym does; causal models "
            "have their likelihood there.",
            "The fills differ in what the model sees at the other mutated positions of a variant. wt-fill shows it the "
            "wild type, so it cannot know that a second mutation restores a base pair; the other fills and the "
            "pseudo-likelihood can.",
            "Compensated above disrupted compares variants with the same substitutions, which repair a base pair or "
            "break two. Whatever reads letters alone has 0.5 there.",
            "The gain is over the hardest floor: the number of mutations, GC content, a Markov model of the wild type, "
            "the same network with random weights.",
        ),
        labels={
            "spearman": "Spearman",
            "spearman_wt_fill": "Spearman, wt-fill",
            "spearman_mask_fill": "Spearman, mask-fill",
            "spearman_mut_fill": "Spearman, mut-fill",
            "spearman_match_fill": "Spearman, match-fill",
            "spearman_wt_marginal": "Spearman, wild-type marginals",
            "spearman_pseudo_likelihood": "Spearman, pseudo-likelihood",
            "spearman_causal_likelihood": "Spearman, causal likelihood",
            "pairing_auroc_wt_fill": "compensated above disrupted, wt-fill",
            "pairing_auroc_mask_fill": "compensated above disrupted, mask-fill",
            "pairing_auroc_mut_fill": "compensated above disrupted, mut-fill",
            "pairing_auroc_match_fill": "compensated above disrupted, match-fill",
            "pairing_auroc_wt_marginal": "compensated above disrupted, wild-type marginals",
            "pairing_auroc_pseudo_likelihood": "compensated above disrupted, pseudo-likelihood",
            "pairing_auroc_causal_likelihood": "compensated above disrupted, causal likelihood",
        },
    )
    settings_type = FitnessSettings

    def run(self, model: ModelAdapter, dataset: Dataset, settings: TaskSettings, context: CellContext) -> TaskOutcome:
        """See :class:`harness.task.Task`."""
        from tasks.fitness.run import run_fitness

        assert isinstance(settings, FitnessSettings)
        return run_fitness(model, dataset, settings, context)
