"""The separation prior: one over the separation, whatever the residues."""

from __future__ import annotations

import pytest

from harness.adapter import ModelOptions
from model_adapters.baselines.separation_prior import SeparationPrior


def test_scores_fall_with_the_separation() -> None:
    [(index, scores)] = SeparationPrior(ModelOptions()).pair_scores(["MKVLA"])
    assert index == 0 and scores.shape == (5, 5)
    for i in range(5):
        for j in range(5):
            assert scores[i, j] == pytest.approx(1 / max(abs(i - j), 1))
