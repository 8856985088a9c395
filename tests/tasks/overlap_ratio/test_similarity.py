from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf

from harness.errors import HarnessError
from harness.progress import Progress
from tasks.overlap_ratio.similarity import cosine, nearness, pair_similarities, standardised, unit_vectors, whitened
from tests.fakes import FakeModel
from tests.tasks.overlap_ratio.planted import records

RECORDS = records()
QUIET = Progress(quiet=True)


def some_pairs(count: int = 500, limit: int = len(RECORDS)) -> np.ndarray:
    return np.random.default_rng(0).integers(limit, size=(count, 2))


@pytest.mark.parametrize("width", [1, 3, 128, 2**18])
def test_cosines_by_the_formula(width: int) -> None:
    vectors = np.random.default_rng(0).normal(0.3, size=(8, width)).astype(np.float32) * 50
    pairs = some_pairs(60, 8)
    found = cosine(unit_vectors(vectors, RECORDS, "model"), pairs)
    wide = vectors.astype(np.float64)
    expected = [wide[i] @ wide[j] / np.linalg.norm(wide[i]) / np.linalg.norm(wide[j]) for i, j in pairs]
    assert found == pytest.approx(np.array(expected), abs=1e-5)


def test_cosines_near_one_keep_their_differences() -> None:
    generator = np.random.default_rng(0)
    vectors = (1 + 1e-4 * generator.normal(size=(40, 64))).astype(np.float32)
    wide = vectors.astype(np.float64)
    wide /= np.linalg.norm(wide, axis=1, keepdims=True)
    pairs = some_pairs()
    expected = ((wide[pairs[:, 0]] - wide[pairs[:, 1]]) ** 2).sum(axis=1) / 2
    assert 1 - cosine(unit_vectors(vectors, RECORDS, "model"), pairs) == pytest.approx(expected, rel=0.01, abs=1e-11)


@pytest.mark.parametrize(("value", "what"), [(0.0, "a vector of zeros"), (np.nan, "NaN"), (np.inf, "NaN or infinity")])
def test_vectors_without_direction_are_one_line(value: float, what: str) -> None:
    vectors = np.ones((len(RECORDS), 4), dtype=np.float32)
    vectors[7] = value
    with pytest.raises(HarnessError, match=f"kmer-6 gives record 'F1/2' {what}"):
        unit_vectors(vectors, RECORDS, "kmer-6")


class Comparing(FakeModel):
    """Compares lengths; counts what it is asked, and may be broken."""

    def __init__(self, fault: str = "") -> None:
        super().__init__("comparing", capabilities={"similarity"}, layers=None)
        self.fault, self.asked = fault, 0

    def similarity(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        self.asked += len(pairs)
        found = np.array([-abs(len(a) - len(b)) for a, b in pairs], dtype=np.float32)
        if self.fault == "nan":
            found[0] = np.nan
        return found[1:] if self.fault == "short" else found


def test_a_model_is_asked_once_for_every_distinct_pair() -> None:
    model, pairs = Comparing(), some_pairs(9000)
    table = pair_similarities(model, RECORDS, pairs, QUIET)
    assert model.asked == len({frozenset(pair) for pair in pairs.tolist()})
    expected = [-abs(len(RECORDS[i].sequence) - len(RECORDS[j].sequence)) for i, j in pairs]
    assert table(pairs).tolist() == expected == table(pairs[:, ::-1]).tolist()


@pytest.mark.parametrize(
    ("fault", "message"),
    [("nan", "comparing returned NaN or infinity for records 'F0/0' and 'F0/0'"), ("short", "similarities for")],
)
def test_faulty_similarities_are_one_line(fault: str, message: str) -> None:
    with pytest.raises(HarnessError, match=message):
        pair_similarities(Comparing(fault), RECORDS, some_pairs(9000), QUIET)


def test_distances_are_in_standard_deviations_of_the_data_at_hand_every_family_weighing_the_same() -> None:
    vectors = np.random.default_rng(0).normal([3, 1, 7], [5, 0.1, 0], (7, 3)).astype(np.float32)
    families = ["a", "b", "b", "b", "b", "c", "c"]
    members = [[k for k, own in enumerate(families) if own == name] for name in "abc"]
    mean = np.mean([vectors[own].mean(axis=0, dtype=float) for own in members], axis=0)
    spread = np.sqrt(np.mean([((vectors[own] - mean) ** 2).mean(axis=0) for own in members], axis=0))
    pairs = np.array([[0, 1], [3, 6], [2, 2]])
    expected = [-math.dist(vectors[i, :2] / spread[:2], vectors[j, :2] / spread[:2]) for i, j in pairs]
    found = nearness(standardised(vectors, families), pairs)
    assert found == pytest.approx(expected, rel=1e-5) and found[2] == 0
    scaled = nearness(standardised(vectors * np.float32(8), families), pairs)
    assert scaled == pytest.approx(found, rel=1e-5)


def test_whitened_vectors_by_the_formula_and_from_the_fitted_alone() -> None:
    generator = np.random.default_rng(0)
    vectors = (generator.normal(size=(60, 5)) * [9, 3, 1, 1, 0.2]).astype(np.float32)
    fitted, weights = np.arange(60) % 3 > 0, generator.choice([0.1, 0.25, 1.0], size=60)
    found = whitened(vectors, fitted, weights)
    scale = np.sqrt(weights[fitted] / weights[fitted].mean())
    covariance, shrunk_by = ledoit_wolf(vectors[fitted] * scale[:, None], assume_centered=True)
    assert 0.01 < shrunk_by < 0.99
    # what whitening is: products of whitened vectors are those through the inverse of the covariance
    expected = vectors @ np.linalg.inv(covariance) @ vectors.T
    assert found @ found.T == pytest.approx(expected, rel=1e-3, abs=1e-4)
    changed = np.where(fitted[:, None], vectors, 7 * vectors)
    np.testing.assert_array_equal(whitened(changed, fitted, weights)[fitted], found[fitted])


def test_many_whitened_vectors_have_unit_covariance() -> None:
    generator = np.random.default_rng(1)
    mixed = generator.normal(size=(5000, 4)) @ generator.normal(size=(4, 4))
    found = whitened(mixed.astype(np.float32), np.ones(5000, np.bool_), np.ones(5000))
    assert found.T @ found / 5000 == pytest.approx(np.eye(4), abs=0.02)
