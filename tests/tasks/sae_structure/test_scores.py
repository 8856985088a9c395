"""Every measure against sklearn and loops, and planted features whose answers are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, matthews_corrcoef, precision_score, roc_auc_score

from tasks.sae.concepts.choice import FeatureChoice
from tasks.sae.sources.letters import LengthSource
from tasks.sae_structure.choices import Entry as ChosenEntry
from tasks.sae_structure.choices import choose, choosing_rows, null_of_shifts
from tasks.sae_structure.nucleotides import Nucleotides, distance_edges
from tasks.sae_structure.scores import Part, SeedScores, SourceScores, average_precisions, score_seed, shift_p
from tests.tasks.sae_structure.planted import planted_dataset

RECORDS = tuple(record for record in planted_dataset().records if record.split == "test")
NUCLEOTIDES = Nucleotides.of(RECORDS)
ELEMENTS = tuple("SHBIM")
UNITS = [f"unit {number // 2}" for number in range(len(RECORDS))]
GENERATOR = np.random.default_rng(0)


def part_of(which: np.ndarray | None = None, draws: int = 300) -> Part:
    chosen = np.ones(len(RECORDS), dtype=bool) if which is None else which
    context = NUCLEOTIDES.contexts(distance_edges(NUCLEOTIDES))
    return Part.of("all", NUCLEOTIDES, chosen, ELEMENTS, context, UNITS, draws)


PART = part_of()
STEM = PART.member[:, 0]
NOISY = (PART.member + GENERATOR.normal(0, 0.7, PART.member.shape)).round(1)
THRESHOLD = np.full(len(ELEMENTS), 0.6)


def test_measures_are_those_of_sklearn() -> None:
    found = score_seed(NOISY, THRESHOLD, PART, whole=True)
    called = NOISY >= THRESHOLD
    for c in range(len(ELEMENTS)):
        positive = PART.member[:, c]
        assert found["mcc"].points[c] == pytest.approx(matthews_corrcoef(positive, called[:, c]))
        assert found["f1"].points[c] == pytest.approx(f1_score(positive, called[:, c]))
        best = np.zeros(len(positive), dtype=bool)  # as many calls, on positives first
        best[np.argsort(~positive, kind="stable")[: called[:, c].sum()]] = True
        assert found["attainable_mcc"].points[c] == pytest.approx(matthews_corrcoef(positive, best))
        ratio = precision_score(positive, called[:, c]) / positive.mean()
        assert found["enrichment"].points[c] == pytest.approx(ratio)
        assert found["auroc"].points[c] == pytest.approx(roc_auc_score(positive, NOISY[:, c]))
        assert found["average_precision"].points[c] == pytest.approx(average_precision_score(positive, NOISY[:, c]))
        own = [
            matthews_corrcoef(positive[PART.rna == rna], called[PART.rna == rna, c])
            for rna in range(PART.rnas)
            if positive[PART.rna == rna].any()
        ]
        assert found["mcc_rna"].points[c] == pytest.approx(np.mean(own))
        for name, strata in (("conditional_auroc", PART.base), ("context_auroc", PART.context)):
            wins = pairs = 0.0
            for stratum in np.unique(strata):
                up, down = (NOISY[(strata == stratum) & side, c] for side in (positive, ~positive))
                wins += sum((up[:, None] > down).sum() + 0.5 * (up[:, None] == down).sum() for _ in range(1))
                pairs += len(up) * len(down)
            assert found[name].points[c] == pytest.approx(wins / pairs), name


@pytest.mark.parametrize("share", [1, 0.02])
def test_average_precision_is_that_of_sklearn_to_the_bit(share: float) -> None:
    scores = GENERATOR.normal(size=NOISY.shape) * (GENERATOR.random(NOISY.shape) < share)
    found = average_precisions(scores, PART).points
    assert found.tolist() == [average_precision_score(PART.member[:, c], scores[:, c]) for c in range(len(ELEMENTS))]


def test_draws_are_those_of_rnas_resampled_for_real() -> None:
    found = score_seed(NOISY, THRESHOLD, PART, whole=True)
    called = NOISY >= THRESHOLD
    for draw in range(3):
        rows = np.concatenate(
            [np.repeat(np.flatnonzero(PART.rna == rna), int(n)) for rna, n in enumerate(PART.weights[draw])]
        )
        for c in range(len(ELEMENTS)):
            positive = PART.member[rows, c]
            assert found["mcc"].draws[draw, c] == pytest.approx(matthews_corrcoef(positive, called[rows, c]))
            assert found["auroc"].draws[draw, c] == pytest.approx(roc_auc_score(positive, NOISY[rows, c]), abs=0.01)
            exact = average_precision_score(positive, NOISY[rows, c])
            assert found["average_precision"].draws[draw, c] == pytest.approx(exact, abs=0.02)


def test_a_stem_detector_a_base_and_an_always_on_feature() -> None:
    columns = np.column_stack([STEM, NUCLEOTIDES.base == 2, np.ones(len(STEM)), GENERATOR.random(len(STEM))])
    choosing = choosing_rows(PART.member, NUCLEOTIDES.rna, UNITS, [0])
    entry = ChosenEntry(LengthSource(), None, None)
    choose(entry, columns.astype(np.float32), choosing, {"the base": np.array([1]), "always": np.array([2])}, True)
    assert entry.choices[""].feature[0] == 0 and entry.choices[""].select_mcc[0] == pytest.approx(1)
    assert entry.select_mcc == pytest.approx(1)
    entry.values = columns[:, entry.columns].astype(np.float32)
    scores = {
        kind: score_seed(entry.oriented(kind, PART.rows), choice.threshold, PART, whole=True)
        for kind, choice in entry.choices.items()
    }
    stem, base, always = scores[""], scores["the base"], scores["always"]
    for name in ("mcc", "auroc", "conditional_auroc", "context_auroc", "element_f1", "average_precision"):
        assert stem[name].points[0] == pytest.approx(1), name
    assert base["conditional_auroc"].points == pytest.approx(np.full(5, 0.5))
    assert base["context_auroc"].points == pytest.approx(np.full(5, 0.5))
    assert always["mcc"].points.tolist() == [0] * 5 and not always["mcc"].draws.any()
    assert always["auroc"].points.tolist() == [0.5] * 5
    assert always["average_precision"].points[0] == pytest.approx(STEM.mean())  # precision is the prevalence
    assert always["element_f1"].points[0] < 0.4


def test_moved_labels_keep_their_runs_and_say_little() -> None:
    columns = np.column_stack([STEM, GENERATOR.random((len(STEM), 20))])
    choosing = choosing_rows(PART.member, NUCLEOTIDES.rna, UNITS, [0])
    null = null_of_shifts(columns, choosing)
    assert null.shape == (20, 5) and (null[:, 0] < 0.5).all() and (null > 0).all()


def test_elements_that_a_part_lacks_have_no_number() -> None:
    which = np.arange(len(RECORDS)) < 4
    part = part_of(which)
    assert part.rnas == 4 and part.units == 2 and part.headline == [0, 1, 2, 3, 4]
    lacking = replace(part, member=part.member & (np.arange(5) != 2))
    assert lacking.headline == [0, 1, 3, 4]
    found = score_seed(NOISY[part.rows], THRESHOLD, lacking, whole=True)
    for name, sampled in found.items():
        assert np.isnan(sampled.points[2]) and np.isfinite(sampled.points[[0, 1, 3, 4]]).all(), name
    assert np.isnan(average_precisions(NOISY[part.rows], lacking).draws[:, 2]).all()


def test_macro_scores_are_means_over_elements_and_seeds() -> None:
    zeros = np.zeros(5, dtype=int)
    choice = FeatureChoice(zeros, zeros + 1, THRESHOLD, THRESHOLD, THRESHOLD)
    values = [score_seed(NOISY + shift, THRESHOLD, PART, whole=False) for shift in (0, 0.1)]
    seeds = tuple(
        SeedScores(k, choice, ("",) * 5, 7, own, np.array([0.01, 0.04, np.nan, 0.5, 0.02]))
        for k, own in enumerate(values)
    )
    source = SourceScores("sae", "model", seeds, PART)
    assert source.macro.mcc.value == pytest.approx(np.mean([own["mcc"].points.mean() for own in values]))
    assert source.macro.mcc.n == PART.units == len(RECORDS) // 2
    assert seeds[0].q == pytest.approx([0.04, 0.16 / 3, np.nan, 0.5, 0.04], nan_ok=True)


def test_p_counts_the_shifts_that_hit_as_often() -> None:
    called = np.column_stack([STEM, GENERATOR.random((len(STEM), 4)) < 0.3])
    found = shift_p(called, PART)
    rows, longest = len(STEM), np.bincount(PART.rna).max()
    for c in range(2):
        hits = [(called[:, c] & np.roll(PART.member[:, c], shift)).sum() for shift in range(rows)]
        null = hits[longest : rows - longest + 1]
        assert found[c] == pytest.approx((1 + sum(hit >= hits[0] for hit in null)) / (1 + len(null)))
    assert found[0] < 0.001 < found[1:].min()
    alone = part_of(np.arange(len(RECORDS)) == 0)
    assert np.isnan(shift_p(called[alone.rows], alone)).all()
