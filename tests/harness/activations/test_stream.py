"""The stream is a pure function of its settings, visits every nucleotide but N once an epoch, in bounded memory."""

import gc
import tracemalloc

import numpy as np
import pytest

from harness.activations.reader import ModelReader, known_positions
from harness.activations.standardisation import Standardisation
from harness.activations.stream import ActivationStream
from harness.adapter import ModelAdapter, ModelCard
from harness.errors import InputError


class Positions(ModelAdapter):
    """Hidden state = (index of the sequence's first letter code, position, noise...), so that rows name themselves."""

    def __init__(self, width=8, function=None, backwards=False):
        self.card = ModelCard(
            name="positions", summary="", architecture="none", capabilities=frozenset(["hidden_states"]), layers=2
        )
        self.calls = 0
        self.width, self.function, self.backwards = width, function, backwards

    def identity(self):
        return "positions"

    def hidden_states(self, sequences, layers):
        self.calls += 1
        order = reversed(list(enumerate(sequences))) if self.backwards else enumerate(sequences)
        for index, sequence in order:
            hidden = np.zeros((len(sequence), self.width), dtype=np.float32)
            hidden[:, 0] = len(sequence)
            hidden[:, 1] = np.arange(len(sequence))
            hidden[:, 2] = np.frombuffer(sequence.encode(), dtype=np.uint8)
            if self.function is not None:
                hidden = self.function(sequence).astype(np.float32)
            yield index, {layer: hidden + 1000 * layer for layer in layers}


# Lengths differ, so that column 0 identifies the sequence.
SEQUENCES = ["ACGUN" * 4 + "A" * n for n in range(1, 30)] + ["NNN"]
SMALL = 8 * 4 * 100  # 100 rows of one layer


def stream(capacity=2**28, layers=(1,), batch=32, seed=0, **kwargs):
    return ActivationStream(ModelReader(Positions(**kwargs), SEQUENCES, layers), batch, seed, capacity)


def collect(source, start, stop):
    return [batch for batch in source.batches(start, stop)]


@pytest.mark.parametrize("capacity", [2**28, SMALL])
@pytest.mark.parametrize("backwards", [False, True])
def test_every_known_nucleotide_comes_once_an_epoch_and_n_never(capacity, backwards):
    source = stream(capacity, batch=1, backwards=backwards)
    assert source.nucleotides == sum(len(s.replace("N", "")) for s in SEQUENCES)
    rows = np.concatenate([b[1].numpy() for b in source.batches(0, source.nucleotides)]) - 1000
    expected = {(len(s), p) for s in SEQUENCES for p in range(len(s)) if s[p] != "N"}
    seen = list(map(tuple, rows[:, :2].astype(int)))
    assert len(seen) == len(set(seen)) == len(expected) and set(seen) == expected
    assert ord("N") not in rows[:, 2]


@pytest.mark.parametrize("capacity", [2**28, SMALL])
def test_origins_name_every_row_without_running_the_model(capacity):
    source = stream(capacity)
    origins = [source.origins(step) for step in range(60)]
    assert source.reader.model.calls <= 1  # the width is asked for once
    for origin, batch in zip(origins, source.batches(0, 60), strict=True):
        lengths = [len(SEQUENCES[i]) for i in origin[:, 0]]
        assert np.array_equal(batch[1][:, 0].numpy() - 1000, lengths)
        assert np.array_equal(batch[1][:, 1].numpy() - 1000, origin[:, 1])


@pytest.mark.parametrize("capacity", [2**28, SMALL])
def test_seeking_gives_the_same_batches_bit_for_bit(capacity):
    whole = collect(stream(capacity, layers=(0, 2)), 0, 90)
    for start in (0, 1, 17, 33, 89):
        part = collect(stream(capacity, layers=(0, 2)), start, min(90, start + 5))
        for a, b in zip(whole[start:], part, strict=False):
            assert a.keys() == b.keys() == {0, 2}
            assert all(a[layer].equal(b[layer]) for layer in a)


def test_epochs_and_seeds_differ():
    source = stream(batch=10)
    first, again = source.origins(0), stream(batch=10, seed=1).origins(0)
    assert not np.array_equal(first, again)
    per_epoch = source.nucleotides
    one = ActivationStream(ModelReader(Positions(), SEQUENCES, [1]), per_epoch, 0)
    assert not np.array_equal(one.origins(0), one.origins(1))
    assert set(map(tuple, one.origins(0))) == set(map(tuple, one.origins(1)))


def test_a_batch_may_be_larger_than_an_epoch():
    source = stream(batch=3000)
    assert collect(source, 0, 1)[0][1].shape == (3000, 8)


def test_the_model_runs_once_when_all_fits_and_again_when_not():
    fits, blocks = stream(), stream(SMALL)
    assert fits.fits and not blocks.fits
    collect(fits, 0, 100)
    list(fits.blocks())
    assert fits.reader.model.calls == 2  # the width, and the one pass
    collect(blocks, 0, 100)
    assert blocks.reader.model.calls > 20


def test_only_n_is_an_error():
    with pytest.raises(InputError, match="no sequence contains a nucleotide other than N"):
        ModelReader(Positions(), ["NN", "N"], [1])


def test_known_positions():
    assert known_positions("NACNG").tolist() == [1, 2, 4]


def peak(copies):
    sequences = ["ACGU" * 25] * 100 * copies
    source = ActivationStream(ModelReader(Positions(width=64), sequences, [1]), 256, 0, capacity_bytes=2**20)
    tracemalloc.start()
    for _ in source.batches(0, 40 * copies):
        pass
    gc.collect()
    top = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return top


def test_memory_does_not_grow_with_the_number_of_sequences():
    assert peak(4) < 1.2 * peak(1) < 2**22


def test_standardisation_is_exact_over_blocks():
    random = np.random.default_rng(0)
    states = {s: random.normal(20, 1 + np.arange(8), (len(s), 8)) for s in SEQUENCES}
    source = stream(SMALL, function=states.__getitem__)
    fit = Standardisation.fit(source)[1]
    rows = np.concatenate([states[s][known_positions(s)] for s in SEQUENCES]).astype(np.float32).astype(float) + 1000
    assert fit.nucleotides == len(rows)
    np.testing.assert_allclose(fit.mean, rows.mean(0), rtol=1e-6)
    np.testing.assert_allclose(fit.deviation, rows.std(0), rtol=1e-4)
    expected = np.linalg.norm(rows.mean(0)) / np.linalg.norm(rows.std(0))
    assert fit.centre_ratio == pytest.approx(expected, rel=1e-4)


def test_share_of_variance_that_position_explains():
    random = np.random.default_rng(0)
    noise = {s: random.normal(size=(len(s), 8)) for s in SEQUENCES}
    assert Standardisation.fit(stream(function=noise.__getitem__))[1].position_share < 0.05
    by_position = random.normal(size=(100, 8))
    pure = stream(SMALL, function=lambda s: by_position[: len(s)])
    assert Standardisation.fit(pure)[1].position_share == pytest.approx(1, abs=1e-6)
    half = stream(function=lambda s: by_position[: len(s)] + noise[s])
    assert 0.3 < Standardisation.fit(half)[1].position_share < 0.7
    lone = ActivationStream(ModelReader(Positions(), ["ACGU"], [1]), 4, 0)
    assert Standardisation.fit(lone)[1].position_share is None


@pytest.mark.parametrize(("value", "message"), [(1.0, "do not vary"), (np.nan, "not finite")])
def test_activations_that_cannot_be_standardised(value, message):
    with pytest.raises(InputError, match=message):
        Standardisation.fit(stream(function=lambda s: np.full((len(s), 8), value)))
