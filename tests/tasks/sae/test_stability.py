"""Stability against slow loops; equal autoencoders agree wholly, whatever the order of their features."""

from itertools import permutations

import numpy as np
import pytest
import scipy.sparse
import torch

from harness.activations.standardisation import Standardisation
from harness.errors import InputError
from tasks.sae.stability import (
    activation_correlations,
    activation_stability,
    chance_activation_stability,
    chance_stability,
    decoder_stability,
    start_cosines,
)
from tests.tasks.sae.autoencoder.test_model import correlated_autoencoder
from tests.tasks.sae.planted import ready, sample


def small(seed, features=5):
    return ready(8, seed=seed, features=features, k=2)


def permuted(autoencoder, seed=0):
    """The same autoencoder with its features in another order."""
    count = autoencoder.config.features
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    other = ready(autoencoder.width, seed=autoencoder.seed, features=count, k=autoencoder.config.k)
    state = autoencoder.state_dict()
    names = ("encoder", "decoder", "encoder_bias")
    other.load_state_dict({n: t[order] if n in names else t for n, t in state.items()})
    return other, order.numpy()


def codes(seed=0, count=300, features=6):
    random = np.random.default_rng(seed)
    dense = random.uniform(0.1, 2, (count, features)) * (random.random((count, features)) < 0.2)
    return scipy.sparse.csr_array(dense.astype(np.float32))


def slow_matching(similarity):
    """The one-to-one matching with the largest sum, by trying all."""
    count = len(similarity)
    best = max(permutations(range(count)), key=lambda order: sum(similarity[i, order[i]] for i in range(count)))
    return np.array(best)


@pytest.mark.parametrize("space", ["standardised", "raw"])
def test_decoder_stability_equals_slow_loops(space):
    own = [small(seed) for seed in range(3)]
    with torch.no_grad():  # two pairs of features shared nearly
        own[1].decoder[3] = torch.nn.functional.normalize(own[0].decoder[1] + 0.1 * own[0].decoder[2], dim=0)
        own[2].decoder[0] = own[0].decoder[1]
        for autoencoder in own:
            autoencoder.scale.copy_(torch.linspace(0.1, 3, 8))
    rows = []
    for autoencoder in own:
        decoder = autoencoder.decoder.detach().numpy().astype(np.float64)
        decoder = decoder * autoencoder.scale.numpy() if space == "raw" else decoder
        rows.append([row / np.sqrt((row**2).sum()) for row in decoder])
    values = np.full((3, 3, 5), np.nan)
    for a in range(3):
        for b in range(3):
            if a != b:
                cosines = np.array([[sum(x * y) for y in rows[b]] for x in rows[a]])
                values[a, b] = cosines[np.arange(5), slow_matching(cosines)]
    found = decoder_stability(own, space)
    np.testing.assert_allclose(found.matched, np.nanmean(values, axis=1), atol=1e-6)
    assert np.array_equal(found.stable, np.nanmin(values, axis=1) > 0.7)
    pairs = [values[0, 1], values[0, 2], values[1, 2]]
    np.testing.assert_allclose(found.shares, [(pair > 0.7).mean() for pair in pairs])
    np.testing.assert_allclose(found.shares_strict, [(pair > 0.9).mean() for pair in pairs])
    np.testing.assert_allclose(found.pw_mcc, [pair.mean() for pair in pairs], atol=1e-6)
    assert found.share == pytest.approx(np.mean([(pair > 0.7).mean() for pair in pairs]))


def test_identical_autoencoders_agree_wholly_in_any_order():
    first = ready(16)
    second, _ = permuted(first)
    for found in (decoder_stability([first, second]), decoder_stability([first, second], "raw")):
        assert found.share == found.share_strict == 1 and found.stable.all()
        np.testing.assert_allclose(found.matched, 1, atol=1e-6)
    x = sample(500, 16)
    active = activation_stability([a.encode(x).to_scipy() for a in (first, second)])
    firing = active.matched[0] != 0  # a silent feature agrees with none
    np.testing.assert_allclose(active.matched[0][firing], 1, atol=1e-4)
    assert firing.mean() > 0.8


def test_the_order_of_features_changes_nothing():
    first, second, third = (ready(16, seed=seed) for seed in range(3))
    moved, order = permuted(second)
    before, after = decoder_stability([first, second, third]), decoder_stability([first, moved, third])
    np.testing.assert_allclose(before.matched[0], after.matched[0], atol=1e-6)
    np.testing.assert_allclose(before.matched[1][order], after.matched[1], atol=1e-6)
    np.testing.assert_allclose(before.shares, after.shares)


def test_each_feature_is_matched_once():
    first, second = ready(16, seed=0), ready(16, seed=1)
    with torch.no_grad():
        second.decoder.copy_(first.decoder[:1].expand(64, -1))
    assert decoder_stability([first, second]).share < 0.1


def test_dead_features_are_matched_with_none():
    first, second = ready(16), ready(16)
    live = np.ones((2, 64), dtype=bool)
    live[0, :10] = live[1, :20] = False
    found = decoder_stability([first, second], live=live)
    assert found.share == pytest.approx(44 / ((54 + 44) / 2))  # those that live in both, of the mean of live ones
    assert np.isnan(found.matched[0, :10]).all() and not found.stable[1, :20].any()
    with torch.no_grad():
        second.decoder[:20].normal_()  # what is dead does not count
    assert decoder_stability([first, second], live=live).share == found.share
    nothing = decoder_stability([first, second], live=np.zeros((2, 64), dtype=bool))
    assert nothing.share == 0


def flat_autoencoders(width=16, varying=3):
    """Two with one decoder in the directions in which states vary, and random rows of their own in all others."""
    states = np.random.default_rng(0).normal(size=(4000, varying)) @ np.random.default_rng(1).normal(
        size=(varying, width)
    )
    fit = Standardisation.of(states.astype(np.float32))
    own = []
    for seed in range(2):
        autoencoder = ready(width, seed=seed, standardise="whiten")
        autoencoder.set_standardisation(fit)
        own.append(autoencoder)
    vectors = torch.linalg.eigh(own[0].whitening).eigenvectors
    along, flat = vectors[:, :varying], vectors[:, varying:]
    with torch.no_grad():
        common = own[0].decoder @ along @ along.t()
        for autoencoder in own:
            autoencoder.decoder.copy_(common + autoencoder.decoder @ flat @ flat.t())
    return own


def test_directions_in_which_no_state_varies_do_not_count():
    own = flat_autoencoders()
    assert float(torch.nn.functional.cosine_similarity(own[0].decoder, own[1].decoder).mean().detach()) < 0.7
    found = decoder_stability(own)
    np.testing.assert_allclose(found.matched, 1, atol=1e-5)
    assert found.share == 1


def test_chance_counts_the_same_directions_and_as_many_features_as_are_live():
    own = flat_autoencoders()
    few = np.zeros((2, 64), dtype=bool)
    few[:, :4] = True
    crowded, sparse = chance_stability(own), chance_stability(own, live=few)
    assert crowded.share > 0.9  # 64 random rows in three dimensions lie near each other
    assert sparse.share < 0.8 and np.isnan(sparse.matched[0, 4:]).all()


def test_activation_correlations_equal_slow_loops():
    first, second = codes(0), codes(1)
    found = activation_correlations(first, second)
    for i in range(6):
        for j in range(6):
            expected = np.corrcoef(first.toarray()[:, i], second.toarray()[:, j])[0, 1]
            assert found[i, j] == pytest.approx(expected, abs=1e-6)


def test_a_silent_or_constant_feature_correlates_with_none():
    dense = codes().toarray()
    dense[:, 0], dense[:, 1] = 0, 1
    changed = scipy.sparse.csr_array(dense)
    assert not activation_correlations(changed, changed)[:2].any()


def test_activation_stability_matches_on_the_correlations():
    own = [codes(seed) for seed in (0, 0, 1)]
    found = activation_stability(own)
    similarity = activation_correlations(own[0], own[2])
    partner = slow_matching(similarity)
    np.testing.assert_allclose(found.matched[0], (1 + similarity[np.arange(6), partner]) / 2, atol=1e-6)
    assert found.shares.tolist() == [1, 0, 0] and not found.stable.any()


def test_chance_is_low_and_independent_of_training():
    own = [ready(64, seed=seed) for seed in range(3)]
    chance = chance_stability(own)
    assert chance.share == 0 and 0 < chance.pw_mcc.mean() < 0.6
    trained = [ready(64, seed=0) for _ in range(3)]
    np.testing.assert_allclose(chance_stability(trained).matched, chance.matched)


def test_chance_in_the_raw_space_knows_the_shape_of_the_data():
    autoencoder, _ = correlated_autoencoder()
    flat, raw = (chance_stability([autoencoder] * 2, space).pw_mcc.mean() for space in ("standardised", "raw"))
    assert raw > flat + 0.1  # a few directions of large variance dominate there


def test_chance_of_activations_compares_other_nucleotides():
    own = [codes(0), codes(0)]
    assert activation_stability(own).share == 1 and chance_activation_stability(own).share == 0


def test_an_untrained_autoencoder_is_its_own_start():
    autoencoder = ready(16)
    np.testing.assert_allclose(start_cosines(autoencoder), 1, atol=1e-6)
    with torch.no_grad():
        autoencoder.decoder[0] *= -1
    assert start_cosines(autoencoder)[0] == pytest.approx(-1)


def test_one_autoencoder_has_no_stability():
    with pytest.raises(InputError, match="two or more"):
        decoder_stability([ready(16)])
