"""Every source gives one row per nucleotide, and what its definition says."""

import time

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.sae.sources.autoencoder import SaeSource
from tasks.sae.sources.letters import KmerSource
from tasks.sae.sources.linear import IcaSource, NeuronSource, PcaSource
from tests.tasks.sae.planted import ready, sample

HIDDEN = sample(11, 16, seed=4).numpy()
TRAIN = (sample(500, 16, seed=5) @ sample(16, 16, seed=6)).numpy()


def fitted(source):
    source.fit(TRAIN)
    return source


@pytest.mark.parametrize("source", [NeuronSource(), PcaSource(), IcaSource()])
def test_rows_are_nucleotides_and_features_have_names_of_their_own(source):
    features = fitted(source).encode(HIDDEN)
    assert features.shape == (11, source.features) and features.dtype == np.float32
    names = [source.feature_name(j) for j in range(source.features)]
    assert len(set(names)) == source.features


def test_sae_source_is_the_code_of_the_autoencoder():
    autoencoder = ready()
    source = SaeSource(autoencoder, "sae-untrained", "ablation")
    assert (source.name, source.role, source.feature_name(3)) == ("sae-untrained", "ablation", "sae-untrained 3")
    import torch

    code = source.encode(HIDDEN)
    assert scipy.sparse.issparse(code) and code.shape == (11, source.features) and code.dtype == np.float32
    np.testing.assert_allclose(code.toarray(), autoencoder.encode(torch.from_numpy(HIDDEN)).to_dense().numpy())


def test_neurons_are_standardised_with_both_signs():
    features = fitted(NeuronSource()).encode(TRAIN)
    np.testing.assert_allclose(features[:, :16], (TRAIN - TRAIN.mean(0)) / TRAIN.std(0), rtol=1e-3, atol=1e-4)
    assert np.array_equal(features[:, 16:], -features[:, :16])
    assert NeuronSource.name == "neuron" and fitted(NeuronSource()).feature_name(17) == "neuron 1 -"


def test_a_constant_neuron_is_zero():
    train = TRAIN.copy()
    train[:, 2] = 5
    source = NeuronSource()
    source.fit(train)
    features = source.encode(train)
    assert np.isfinite(features).all() and not features[:, 2].any()


def test_principal_components_equal_the_singular_vectors():
    features = fitted(PcaSource()).encode(TRAIN)[:, :16]
    left, singular, _ = np.linalg.svd(TRAIN - TRAIN.mean(0), full_matrices=False)
    np.testing.assert_allclose(np.abs(features), np.abs(left * singular), rtol=1e-2, atol=2e-2)


def test_independent_components_find_the_independent_sources():
    random = np.random.default_rng(0)
    sources = random.laplace(size=(4000, 5))
    mixed = (sources @ random.normal(size=(5, 5))).astype(np.float32)
    ica = IcaSource()
    ica.fit(mixed)
    found = ica.encode(mixed)[:, :5]
    correlations = np.abs(np.corrcoef(found.T, sources.T)[:5, 5:])
    assert (correlations.max(0) > 0.95).all() and ica.features == 10


def test_ica_of_states_that_do_not_fill_their_space():
    letters = np.random.default_rng(0).integers(0, 4, 500)
    hidden = np.eye(5, dtype=np.float32)[letters]
    source = IcaSource()
    source.fit(hidden)
    assert source.features == 2 * 3
    assert np.isfinite(source.encode(np.eye(4, 5, dtype=np.float32))).all()


def test_ica_is_bounded():
    ica = IcaSource()
    ica.fit(np.random.default_rng(0).normal(size=(300, 140)).astype(np.float32))
    assert ica.features == 256


def slow_kmers(sequence):
    found = [set() for _ in sequence]
    for k in range(1, 7):
        for start in range(len(sequence) - k + 1):
            word = sequence[start : start + k]
            if "N" not in word:
                for i in range(start, start + k):
                    found[i].add(word)
    return found


@given(st.text("ACGUN", min_size=1, max_size=40))
@settings(max_examples=60)
def test_kmers_that_cover_a_nucleotide(sequence):
    source = KmerSource()
    features = source.encode(sequence)
    assert features.shape == (len(sequence), 5460) and set(features.data) <= {1.0}
    rows = [set() for _ in sequence]
    for row, column in zip(*features.nonzero(), strict=True):
        rows[row].add(source.feature_name(int(column)))
    assert rows == slow_kmers(sequence)
    assert features.nnz == sum(map(len, rows))


def test_kmer_names_are_in_order():
    names = [KmerSource().feature_name(j) for j in range(5460)]
    assert names[:6] == ["A", "C", "G", "U", "AA", "AC"] and names[-1] == "UUUUUU"
    assert names == sorted(names, key=lambda name: (len(name), name))


def test_kmers_are_fast():
    sequence = "".join(np.random.default_rng(0).choice(list("ACGU"), 400))
    source = KmerSource()
    source.encode(sequence)
    start = time.process_time()
    for _ in range(20):
        source.encode(sequence)
    assert (time.process_time() - start) / 20 < 0.02
