"""Quality over a split: the same as over all nucleotides at once, from one pass, with intervals that hold it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from harness.activations.standardisation import Standardisation
from harness.adapter import Replacement
from harness.progress import Progress
from harness.statistics.bootstrap import cluster_weights
from harness.storage.kept import Arrays
from harness.task import CellContext
from tasks.sae.dictionaries import Dictionaries
from tasks.sae.quality import losses_recovered
from tasks.sae.split_quality import SplitMeter, _layer_metrics, compared, compared_codes, qualities, recovered_losses
from tasks.sae.stability import activation_stability, chance_stability, decoder_stability
from tests.tasks.sae.planted import Planted, random_sequences, ready

SEQUENCES = ["ACGUNNACGU", *random_sequences(29, 40)]
WEIGHTS = cluster_weights(range(len(SEQUENCES)), draws=200)
FEW = cluster_weights(range(4), draws=200)


@pytest.fixture
def context(tmp_path: Path) -> CellContext:
    return CellContext("cpu", tmp_path, tmp_path, Progress(quiet=True))


def measured(own: Dictionaries, sequences: Sequence[str]) -> Arrays:
    """What the meter finds on the states of the planted model; sequences come last first."""
    layers = sorted({layer for layer, _ in own})
    meter = SplitMeter(own, len(sequences))
    for index, states in reversed(list(Planted(width=16).hidden_states(sequences, layers))):
        known = [letter != "N" for letter in sequences[index]]
        meter.add(index, {layer: states[layer][known] for layer in layers})
    return meter.arrays()


def autoencoders(layers: tuple[int, ...] = (1, 2), seeds: tuple[int, ...] = (0, 1, 2)) -> Dictionaries:
    made = {(layer, seed): ready(seed=seed) for layer in layers for seed in seeds}
    for (layer, _), autoencoder in made.items():
        autoencoder.layer = layer
        # dimensions of unlike scale, so that raw and standardised numbers differ
        autoencoder.set_standardisation(
            Standardisation(np.full(16, 0.5), np.diag(np.linspace(0.2, 4, 16) ** 2), 1, None)
        )
    return made


def test_numbers_are_those_of_all_nucleotides_at_once() -> None:
    own = autoencoders()
    metrics, found, shared = qualities(list(own), measured(own, SEQUENCES), WEIGHTS)
    assert set(metrics) == {1, 2} and set(found) == set(own) and set(shared) == {1, 2}
    for layer in (1, 2):
        rows = [
            states[layer][[letter != "N" for letter in SEQUENCES[index]]]
            for index, states in Planted(width=16).hidden_states(SEQUENCES, (layer,))
        ]
        x = torch.from_numpy(np.concatenate(rows))
        expected: dict[str, list[float]] = {"fve": [], "fve_raw": [], "l0": [], "dead_share": []}
        for seed in range(3):
            autoencoder = own[layer, seed]
            error, distance = (x - autoencoder.reconstruct(x)).double(), (x - autoencoder.mean).double()
            code = autoencoder.encode(x).to_dense()
            scale = autoencoder.scale.double()
            expected["fve_raw"].append(float(1 - error.square().sum() / distance.square().sum()))
            expected["fve"].append(float(1 - (error / scale).square().sum() / (distance / scale).square().sum()))
            expected["l0"].append(float((code > 0).sum(1).double().mean()))
            expected["dead_share"].append(float(((code > 0).sum(0) == 0).double().mean()))
            assert found[layer, seed].nucleotides == len(x) == sum(len(s) for s in SEQUENCES) - 2
        for name, values in expected.items():
            metric = metrics[layer][name]
            assert metric.value == pytest.approx(np.mean(values), rel=1e-4), name
            assert (metric.low is None) == (name == "dead_share"), name
            assert name == "dead_share" or metric.low <= metric.value <= metric.high, name
        assert metrics[layer]["fve"].n == len(SEQUENCES) and metrics[layer]["dead_share"].n == 3
        assert metrics[layer]["fve"].higher_is_better and metrics[layer]["l0"].higher_is_better is None


@torch.no_grad()
def test_intervals_of_one_seed_are_percentiles_over_resampled_sequences() -> None:
    own = autoencoders((2,), (0,))
    metrics = qualities(list(own), measured(own, SEQUENCES), WEIGHTS)[0][2]
    sums: dict[str, list[tuple[float, float]]] = {"fve": [], "fve_raw": [], "l0": []}
    for index, states in Planted(width=16).hidden_states(SEQUENCES, (2,)):
        x = torch.from_numpy(states[2][[letter != "N" for letter in SEQUENCES[index]]])
        autoencoder = own[2, 0]
        error, distance = x - autoencoder.reconstruct(x), x - autoencoder.mean
        scale = autoencoder.scale
        sums["fve_raw"].append((float(error.square().sum()), float(distance.square().sum())))
        sums["fve"].append((float((error / scale).square().sum()), float((distance / scale).square().sum())))
        sums["l0"].append((float((autoencoder.encode(x).to_dense() > 0).sum()), len(x)))
    for name, pairs in sums.items():
        top, bottom = np.array(pairs).T
        draws = np.array([sum(row * top) / sum(row * bottom) for row in WEIGHTS])
        expected = np.percentile(draws if name == "l0" else 1 - draws, [2.5, 97.5])
        assert (metrics[name].low, metrics[name].high) == pytest.approx(tuple(expected), rel=1e-4), name


def test_stability_is_over_pairs_of_seeds_and_needs_two() -> None:
    own = autoencoders((1,))
    own[1, 2].load_state_dict(own[1, 0].state_dict())
    found, _, shared = qualities(list(own), measured(own, SEQUENCES[:4]), FEW)
    metric = found[1]["stability"]
    live, codes = [], []
    for autoencoder in own.values():
        rows = [
            states[1][[letter != "N" for letter in SEQUENCES[index]]]
            for index, states in sorted(Planted(width=16).hidden_states(SEQUENCES[:4], (1,)))
        ]
        codes.append(autoencoder.encode(torch.from_numpy(np.concatenate(rows))).to_scipy())
        live.append(np.asarray(codes[-1].sum(axis=0)) > 0)
    assert not np.all(live)
    expected = decoder_stability(list(own.values()), live=np.stack(live))
    assert (metric.low, metric.high, metric.n) == (expected.shares.min(), 1, 3)
    assert metric.value == pytest.approx(expected.share) and found[1]["pw_mcc"].value == expected.pw_mcc.mean()
    assert found[1]["stability_strict"].value == expected.share_strict
    assert found[1]["stability_raw"].value == decoder_stability(list(own.values()), "raw", np.stack(live)).share
    assert found[1]["stability_chance"].value == chance_stability(list(own.values()), live=np.stack(live)).share
    assert found[1]["stability_activations"].value == pytest.approx(activation_stability(codes, np.stack(live)).share)
    np.testing.assert_array_equal(shared[1].matched, expected.matched)
    np.testing.assert_array_equal(shared[1].stable, expected.stable)
    one = autoencoders((1,), (0,))
    alone, _, nothing = qualities(list(one), measured(one, SEQUENCES[:4]), FEW)
    assert not nothing and not [name for name in alone[1] if name.startswith(("stability", "pw_mcc"))]


def test_two_seeds_far_apart_leave_intervals_within_what_a_number_can_be() -> None:
    """The spread between two seeds is stretched eighteen times: far beyond 1, or below no active feature at all."""
    sums = [
        np.tile([residual, residual, 1.0, 1.0, active, 1.0], (6, 1)) for residual, active in ((0.0, 8.0), (0.5, 1.0))
    ]
    found: list[Any] = [
        SimpleNamespace(fve_standardised=1 - r, fve_raw=1 - r, l0=a, dead_share=0.1, nucleotides=6)
        for r, a in ((0.0, 8.0), (0.5, 1.0))
    ]
    metrics = _layer_metrics(sums, found, np.ones((500, 6)))
    assert metrics["fve"].high == metrics["fve_raw"].high == 1 and metrics["fve"].low < 0
    assert metrics["l0"].low == 0 and metrics["l0"].high > 8


def test_codes_are_kept_of_few_sequences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.sae.split_quality.MOST_COMPARED_SEQUENCES", 2)
    own = autoencoders((1,), (0, 1))
    sequences = SEQUENCES[1:5]
    assert [*compared(4)] == [0, 2]
    codes = compared_codes(list(own), measured(own, sequences))
    states = dict(Planted(width=16).hidden_states(sequences, (1,)))
    for (layer, seed), autoencoder in own.items():
        both = np.concatenate([states[0][layer], states[2][layer]])
        expected = autoencoder.encode(torch.from_numpy(both)).to_dense()
        np.testing.assert_allclose(codes[layer, seed].toarray(), expected.detach().numpy(), rtol=1e-5, atol=1e-5)


class Reading(Planted):
    """Reads a masked letter, of a homopolymer, off the mean state of the others; keeps what it read."""

    seen: tuple[str, ...] = ()

    def log_probs(
        self, sequences: Sequence[str], positions: Sequence[Sequence[int]], replacement: Replacement | None = None
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        self.seen = tuple(sequences)
        for index, sequence in enumerate(sequences):
            hidden = np.ones((len(sequence), 16), dtype=np.float32)
            if replacement is not None:
                assert replacement.layer == 1
                hidden = replacement.function(index, hidden)
            logits = np.zeros((len(positions[index]), 4))
            logits[:, "ACGU".index(sequence[0])] = np.delete(hidden, list(positions[index]), axis=0).sum(1).mean() / 8
            yield index, (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)


def test_losses_recovered_on_few_sequences_spread_over_the_split(context: CellContext) -> None:
    sequences = [letter * 10 for letter in "".join(random_sequences(1, 450))]
    own = autoencoders((1,), (0, 1))
    model = Reading(width=16)
    metrics = recovered_losses(model, own, sequences, context)[1]
    last = recovered_losses(model, autoencoders((2,), (0, 1)), sequences, context)[2]
    assert last["loss_recovered"].value is None and last["loss_recovered"].unit == "not defined at the last layer"
    assert model.seen == tuple(sequences[::3]) and len(model.seen) <= 200
    losses = losses_recovered([own[1, 0], own[1, 1]], Reading(width=16), sequences[::3])
    # 16 ones read the right letter with a logit of 2; the mean of 0.5 with a logit of 1
    clean, ablated = (float(np.log(np.exp(logit) + 3) - logit) for logit in (2, 1))
    assert metrics["cross_entropy_clean"].value == pytest.approx(clean, rel=1e-5)
    assert metrics["cross_entropy_ablated"].value == pytest.approx(ablated, rel=1e-5)
    assert metrics["cross_entropy_reconstructed"].value == pytest.approx(np.mean([x.reconstructed for x in losses]))
    expected = np.mean([(ablated - x.reconstructed) / (ablated - clean) for x in losses])
    assert metrics["loss_recovered"].value == pytest.approx(expected, rel=1e-4)
    assert metrics["loss_recovered"].n == 2


def test_no_loss_is_taken_from_sequences_that_are_read_in_windows(context: CellContext) -> None:
    own, model = autoencoders((1,), (0,)), Reading(width=16)
    model.card = model.card.model_copy(update={"max_length": 12})
    recovered_losses(model, own, ["ACGU" * 9, *SEQUENCES[:1]], context)
    assert model.seen == (SEQUENCES[0],)
    none = recovered_losses(model, own, ["ACGU" * 9], context)[1]
    assert set(none) == {"loss_recovered"} and none["loss_recovered"].value is None
