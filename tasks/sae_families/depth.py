"""The numbers of a cell of sae-families by layer: the headline, every family, and how selective features are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from harness.statistics.bootstrap import Estimate
from tasks.sae.concepts.macro_scores import macro_scores
from tasks.sae.depth import MODEL, TWINS, AtLayer, Selectivities
from tasks.sae_families.report import LayerResult
from tasks.sae_families.scores import Items, SourceScores


def numbers_by_layer(layers: Sequence[LayerResult], items: Items) -> Iterator[AtLayer]:
    """The headline of all sources; families and selectivity of the model and of its random twins."""
    selectivities = Selectivities(items.weights, len(items.test))
    for result in layers:
        for source in result.sources.values():
            yield AtLayer.of("auroc_macro", source.name, result.layer, source.macro.auroc)
            if source.name not in (MODEL, TWINS):
                continue
            for family, estimate in zip(items.families, family_estimates(source, items), strict=True):
                yield AtLayer.of("auroc", source.name, result.layer, estimate, family)
            for seed in source.seeds:
                each = np.arange(len(items.test))
                selectivities.add(source.name, result.layer, seed.scores.test, items.test_member, each)
    yield from selectivities.by_layer()


def family_estimates(source: SourceScores, items: Items) -> Iterator[Estimate]:
    """The test AUROC of every family, with the draws of the macro AUROC."""
    tests = [seed.scores.test for seed in source.seeds]
    for c in range(items.count):
        choices = [seed.choice.only(c) for seed in source.seeds]
        yield macro_scores(tests, choices, items.test_member[:, [c]], items.weights).auroc
