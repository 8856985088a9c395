"""The reference finds a planted direction that no single dimension shows."""

from __future__ import annotations

import numpy as np

from tasks.sae.concepts.choice import rank_auroc
from tasks.sae.concepts.probes import probe_scores
from tasks.sae.sources.probe import ProbeSource


def test_one_feature_per_concept_with_the_decisions_of_its_probe() -> None:
    generator = np.random.default_rng(0)
    hidden = generator.normal(size=(600, 10)).astype(np.float32)
    member = np.column_stack([hidden.sum(axis=1) > 2, hidden[:, 0] - hidden[:, 1] > 1])
    fit, held = np.arange(600) < 400, np.arange(600) >= 400
    source = ProbeSource(["spread out", "difference"])
    source.fit(hidden[fit], member[fit])
    scores = source.encode(hidden[held])
    assert scores.shape == (200, source.features) and source.feature_name(1) == "probe of difference"
    for concept in range(2):
        expected = probe_scores(hidden[fit], member[fit, concept], hidden[held])
        np.testing.assert_allclose(scores[:, concept], expected, rtol=1e-4, atol=1e-4)
    assert (np.diagonal(rank_auroc(scores, member[held])) > 0.97).all()
