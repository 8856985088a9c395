"""The regression over maps: a head for each example that it needs, and scores from one pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.progress import Progress
from harness.task import CellContext
from tasks.probe_structure.attention import AttentionProbe, corrected, fit, logits, read_maps
from tasks.probe_structure.examples import Examples, examples_of
from tasks.structure.data import Rna
from tasks.structure.maps import pair_probabilities, upper_triangle
from tests.tasks.probe_structure.planted import HEADS, LAYERS, Attentive, dataset


def of_type(head: int, heads: int, seed: int) -> tuple[np.ndarray, Examples]:
    """An RNA whose pairs are marked in one head only, on noise."""
    generator = np.random.default_rng([head, seed])
    known = np.arange(60) < 6
    maps = generator.normal(scale=0.05, size=(60, heads)).astype(np.float32)
    maps[known, head] += 1
    return maps, Examples(np.arange(60), known, np.ones(60))


@pytest.mark.parametrize("heads", [2, 5])
def test_a_regression_that_needs_exactly_as_many_examples_as_heads(heads: int) -> None:
    """One RNA for every head: with one fewer, the RNAs of that head are all missed; with all, none is."""
    for count in (heads - 1, heads):
        maps, examples = zip(*(of_type(head, heads, 0) for head in range(count)), strict=True)
        probe = fit(maps, examples, 1.0)
        for head in range(heads):
            test, truth = of_type(head, heads, 1)
            found = test @ probe.weights + probe.intercept > 0
            assert found[truth.known].all() == (head < count), (count, head)
            assert not found[~truth.known].any()


def test_a_strong_penalty_uses_no_head_and_the_scale_of_a_head_does_not_matter() -> None:
    maps, examples = of_type(0, 4, 0)
    assert not fit([maps], [examples], 1e-4).weights.any()
    plain = fit([maps], [examples], 0.1)
    scales = np.array([1000, 1, 0.001, 5], np.float32)
    scaled = fit([maps * scales], [examples], 0.1)
    np.testing.assert_allclose(scaled.weights * scales, plain.weights, rtol=1e-3, atol=1e-6)


def test_correction_is_that_of_the_definition_and_logits_are_sums_over_heads(tmp_path: Path) -> None:
    data = dataset()
    model, rnas = Attentive(data), [Rna(record) for record in data.records[:3]]
    context = CellContext("cpu", tmp_path, tmp_path, Progress(quiet=True))
    examples = [examples_of(rna) for rna in rnas]
    read = read_maps(model, rnas, examples, context)
    generator = np.random.default_rng(0)
    probes = [AttentionProbe(generator.normal(size=LAYERS * HEADS), generator.normal()) for _ in range(2)]
    found = logits(model, rnas, probes, context, "pass")
    for rna, own, maps, scores in zip(rnas, examples, read, found, strict=True):
        expected = []
        for layer in range(1, LAYERS + 1):
            for attention in model.maps(rna.sequence, layer).astype(np.float64):
                symmetric = attention + attention.T
                sums = symmetric.sum(axis=0)
                expected.append(symmetric - np.outer(sums, sums) / sums.sum())
        flat = upper_triangle(np.array(expected))
        np.testing.assert_allclose(maps, flat[:, own.pairs].T, atol=1e-5)
        for probe, row in zip(probes, scores, strict=True):
            np.testing.assert_allclose(row, probe.weights @ flat + probe.intercept, atol=1e-4)


def test_pairs_without_a_score_count_as_nothing() -> None:
    scores = pair_probabilities(np.random.default_rng(0).random((2, 5, 5)).astype(np.float32))
    scores[:, 3] = -1
    assert not corrected(scores)[:, 3].any() and np.isfinite(corrected(scores)).all()
