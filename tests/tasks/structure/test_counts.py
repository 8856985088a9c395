from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.statistics.metrics import f1_of_counts
from tasks.structure.counts import THRESHOLDS, Tally, at_least, count, exact_threshold
from tasks.structure.data import Rna
from tasks.structure.maps import pair_probabilities
from tests.tasks.structure import slow

near_the_grid = st.integers(0, 1000).flatmap(
    lambda step: st.sampled_from(
        [
            np.float32(step / 1000),
            np.nextafter(np.float32(step / 1000), np.float32(-1)),
            np.nextafter(np.float32(step / 1000), np.float32(2)),
        ]
    )
)
scores_strategy = st.lists(near_the_grid | st.floats(0, 1, width=32), min_size=1, max_size=40)


def same_at_all_thresholds(scores: np.ndarray, known: set[int]) -> None:
    true_positives, predicted = count(scores[None], np.array(sorted(known), dtype=np.int64))
    for step in range(1001):
        tp, fp, fn = slow.counts(scores, known, np.float32(step / 1000))
        assert (true_positives[0, step], predicted[0, step]) == (tp, tp + fp), step
        assert f1_of_counts(true_positives, predicted, tp + fn)[0, step] == slow.pooled_f1([(tp, fp, fn)])


@settings(max_examples=40)
@given(scores_strategy, st.data())
def test_counts_are_those_of_a_loop_also_on_the_grid(values: list[float], data: st.DataObject) -> None:
    scores = np.array(values, dtype=np.float32)
    known = data.draw(st.sets(st.integers(0, len(scores) - 1)))
    same_at_all_thresholds(scores, known)


def test_every_threshold_reaches_itself() -> None:
    assert at_least(THRESHOLDS[None])[0].tolist() == list(range(1001, 0, -1))


def test_counts_on_maps_of_a_real_model(weights_folder: Path, data_folder: Path, monkeypatch) -> None:
    from harness.adapter import ModelOptions
    from harness.datasets.resolve import load_dataset
    from model_adapters.catalog.models import MODELS

    if not (weights_folder / "rnabert").is_dir():
        pytest.skip("the weights of rnabert are not in HARNESS_WEIGHTS")
    monkeypatch.setenv("HARNESS_DATA", str(data_folder))
    records = sorted((r for r in load_dataset("pdb-rna").records if r.split == "select"), key=lambda r: len(r.sequence))
    rnas = [Rna(record) for record in records if record.pairs][:2]
    model = MODELS["rnabert"](ModelOptions(weights=weights_folder / "rnabert"))
    seen = []

    def visit(index: int, layer: int, maps: np.ndarray) -> None:
        if layer in (1, 6):
            scores = pair_probabilities(maps)
            assert np.allclose(scores[0], list(slow.probabilities(maps[0]).values()), rtol=2e-6)
            i, j = np.triu_indices(rnas[index].length, 1)
            pairs = {pair: k for k, pair in enumerate(zip(i.tolist(), j.tolist(), strict=True))}
            for head in (0, 5):
                same_at_all_thresholds(scores[head], {pairs[pair] for pair in rnas[index].record.pairs or ()})
                seen.append((index, layer, head))

    model.visit_attention([rna.sequence for rna in rnas], visit)
    assert len(seen) == 8


def test_a_score_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(HarnessError, match="NaN"):
        at_least(np.array([[0.5, np.nan]], dtype=np.float32))


def test_a_tally_pools_rnas_and_keeps_layers_apart() -> None:
    generator = np.random.default_rng(0)
    parts = [(generator.random((2, n), dtype=np.float32), np.arange(3)) for n in (10, 20)]
    tally = Tally()
    for scores, known in parts:
        tally.add(4, count(scores, known))
        tally.add(1, count(scores[:1], known))
    assert tally.heads == [(1, 0), (4, 0), (4, 1)]
    merged = np.concatenate([scores for scores, _ in parts], axis=1)
    true_positives, predicted = count(merged, np.array([0, 1, 2, 10, 11, 12]))
    expected = f1_of_counts(true_positives, predicted, 6)
    assert (tally.f1(6) == expected[[0, 0, 1]]).all()
    doubled = tally + tally
    assert np.allclose(doubled.f1(12), expected[[0, 0, 1]]) and (tally.f1(6) == expected[[0, 0, 1]]).all()


@given(scores_strategy, st.data())
def test_the_exact_threshold_is_the_best_of_all_scores(values: list[float], data: st.DataObject) -> None:
    scores = np.array(values, dtype=np.float32)
    known = data.draw(st.sets(st.integers(0, len(scores) - 1), min_size=1))
    found = exact_threshold(scores, scores[sorted(known)])
    by_score = {float(t): slow.pooled_f1([slow.counts(scores, known, t)]) for t in scores}
    assert by_score[found] == max(by_score.values())
    assert found == min(t for t, value in by_score.items() if value == by_score[found])
