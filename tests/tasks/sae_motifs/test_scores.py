import numpy as np
import pytest
from scipy.stats import false_discovery_control, mannwhitneyu
from sklearn.metrics import roc_auc_score

from harness.statistics.bootstrap import cluster_weights
from tasks.sae_motifs.choices import Claim, Round
from tasks.sae_motifs.scores import confirmed, peak_auroc, score_claim, score_entry

WEIGHTS = cluster_weights([str(number) for number in range(40)], 100)


def claim_values(shift: float, seed: int = 0, sites: int = 40) -> np.ndarray:
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(40, 2)).round(1).astype(np.float32)
    values[:, 0] += shift
    values[sites:] = np.nan
    return values


def test_a_claim_is_scored_at_its_sites_alone() -> None:
    values = claim_values(1.0, sites=25)
    found = score_claim(values, WEIGHTS)
    own = values[:25].astype(float)
    labels = np.repeat([1, 0], 25)
    assert found.sites == 25 and found.auroc == pytest.approx(roc_auc_score(labels, own.T.ravel()))
    assert found.p == mannwhitneyu(own[:, 0], own[:, 1], alternative="greater", method="asymptotic").pvalue
    for draw in (0, 7):
        weights = np.tile(WEIGHTS[draw, :25], 2)
        assert found.draws[draw] == pytest.approx(roc_auc_score(labels, own.T.ravel(), sample_weight=weights))


def test_few_sites_and_a_silent_feature_confirm_nothing() -> None:
    few = score_claim(claim_values(5.0, sites=9), WEIGHTS)
    assert few.p == 1 and np.isnan(few.auroc) and few.sites == 9
    silent = score_claim(np.zeros((40, 2), dtype=np.float32), WEIGHTS)
    assert silent.p == 1 and silent.auroc == 0.5


def test_confirmed_needs_auroc_and_q() -> None:
    scores = [score_claim(claim_values(shift, seed), WEIGHTS) for seed, shift in enumerate((2.0, 0.4, 0.0, -2.0))]
    q, held, draws = confirmed(scores)
    np.testing.assert_allclose(q, false_discovery_control([score.p for score in scores]))
    assert held.tolist() == [True, False, False, False]
    assert draws.shape == (100, 4) and draws[:, 0].mean() > 0.9 and not draws[:, 2:].any()


def test_the_excess_is_what_permuted_libraries_do_not_reach() -> None:
    good, bad, chance = Claim(0, 0, 0, 1, 0), Claim(1, 0, 1, 1, 0), Claim(2, 1, 0, 1, 0)
    scores = {
        good: score_claim(claim_values(2.0), WEIGHTS),
        bad: score_claim(claim_values(-1.0, 1), WEIGHTS),
        chance: score_claim(claim_values(2.0, 2), WEIGHTS),
    }
    rates = np.array([0.5, 0.25, 0.0])
    own = Round(((good, bad), (chance,), ()), rates)
    found = {name: values[0] for name, values in score_entry([own, own], scores, 100).items()}
    assert found["matched_clusters"] == 2 and found["clusters"] == 1
    assert found["clusters_null"] == found["matched_clusters_null"] == 0.5
    assert found["excess_clusters"] == 0.5
    assert found["hit_rate"] == 0.5 and found["hit_rate_excess"] == 0.375
    nothing = score_entry([Round(((), (), ()), np.zeros(3))], {}, 100)
    assert all((values == 0).all() and values.shape == (101,) for values in nothing.values())


def test_auroc_of_peaks() -> None:
    values = claim_values(0.7)
    found = peak_auroc([values], WEIGHTS, 40)
    expected = roc_auc_score(np.repeat([1, 0], 40), values.T.ravel())
    assert found.value == pytest.approx(expected) and found.n == 40
    assert found.interval().low < expected < found.interval().high
