"""The response to shuffling against counting called nucleotides RNA by RNA, and which RNAs are shuffled."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tasks.sae.concepts.choice import FeatureChoice
from tasks.sae.sources.letters import PositionSource
from tasks.sae_structure.choices import Entry
from tasks.sae_structure.responses import shuffle_response, shuffled_rnas, stem_lift
from tests.tasks.sae_structure.test_scores import ELEMENTS, NUCLEOTIDES, PART, STEM

GENERATOR = np.random.default_rng(0)
ROWS = len(NUCLEOTIDES.rna)


def entry(values: np.ndarray, shuffled: np.ndarray, sign: int = 1) -> Entry:
    """All elements have chosen the one feature, which is called above a half."""
    same = np.zeros(len(ELEMENTS), dtype=int)
    choice = FeatureChoice(same, same + sign, same + 0.5 * sign, same + 0.5, same + 0.5)
    own = Entry(PositionSource(), None, None, {"": choice})
    own.values, own.shuffled = values[:, None].astype(np.float32), shuffled[:, None].astype(np.float32)
    return own


def test_shuffling_is_counted_rna_by_rna() -> None:
    chosen = np.array([1, 4, 7])
    real = [slice(*NUCLEOTIDES.starts[index : index + 2]) for index in chosen]
    lengths = np.cumsum([0, *(rows.stop - rows.start for rows in real)])
    rows = [slice(first, after) for first, after in pairwise(lengths)]
    values, shuffled = GENERATOR.random(ROWS), GENERATOR.random(lengths[-1]) * 0.8
    found = shuffle_response([entry(values, shuffled)], PART, real, rows, chosen)
    a, b = (np.array([(v[own] >= 0.5).sum() for own in rs]) for v, rs in ((values, real), (shuffled, rows)))
    assert found.value == pytest.approx((a.sum() - b.sum()) / (a.sum() + b.sum()))
    weights = PART.weights[:, chosen]
    drawn = ((weights @ a) - (weights @ b)) / np.maximum((weights @ a) + (weights @ b), 1)
    assert found.draws == pytest.approx(drawn)
    silent = shuffle_response([entry(values, 0 * shuffled)], PART, real, rows, chosen)
    assert silent.value == 1
    absent = shuffle_response([entry(values, 0 * shuffled, sign=-1)], PART, real, rows, chosen)
    assert absent.value < 0  # what is called where nothing is active is called everywhere in shuffled RNAs


def test_lift_is_of_the_stem_feature() -> None:
    found = stem_lift([entry(STEM.astype(float), np.zeros(0))], NUCLEOTIDES, PART)
    unpaired = stem_lift([entry(~STEM * 1.0, np.zeros(0), sign=-1)], NUCLEOTIDES, PART)
    assert found is not None and unpaired is not None and found.value == unpaired.value > 1.2
    assert np.percentile(found.draws, 2.5) < found.value < np.percentile(found.draws, 97.5)


def test_at_most_two_hundred_rnas_are_shuffled_evenly_spread() -> None:
    assert shuffled_rnas(np.arange(150)).tolist() == list(range(150))
    many = shuffled_rnas(np.arange(1000))
    assert len(many) == 200 and set(np.diff(many)) == {5}
