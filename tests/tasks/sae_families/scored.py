"""A source with scores already in place: the first features follow the families, the last one is dead."""

from __future__ import annotations

import numpy as np

from tasks.sae.aggregate import AGGREGATIONS
from tasks.sae.sequence_scores import ScoredSource, Scorer
from tasks.sae.sources.autoencoder import SaeSource
from tasks.sae_families.scores import Items
from tests.tasks.sae.planted import ready

FAMILIES = 4
FEATURES = 24
LENGTH = 12
PER_SPLIT = 10
SELECT = np.arange(FAMILIES * PER_SPLIT)
TEST = SELECT + len(SELECT)
LABELS = np.tile(np.repeat(np.arange(FAMILIES), PER_SPLIT), 2)
ITEMS = Items(("F0", "F1", "F2", "F3"), SELECT, LABELS[SELECT], TEST, LABELS[TEST], draws=50)


def scored_source(seed: int = 0, signal: float = 2.0) -> ScoredSource:
    """Codes of noise above zero; feature c is stronger in family c, the last feature is never active."""
    generator = np.random.default_rng(seed)
    names = [f"rna {index}" for index in range(len(LABELS))]
    scorer = Scorer(names, ["ACGU" * (LENGTH // 4)] * len(LABELS), window=LENGTH // 2)
    entry = scorer.prepare(SaeSource(ready(features=FEATURES)), 2, seed, AGGREGATIONS)
    for index, family in enumerate(LABELS):
        code = generator.normal(-0.5, 1, size=(LENGTH, FEATURES))
        code[:, family] += signal
        code[:, -1] = 0
        entry.scores.put(index, np.maximum(code, 0).astype(np.float32), slice(3, 3 + LENGTH // 2))
    return entry
