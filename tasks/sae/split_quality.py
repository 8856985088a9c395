"""Quality of the autoencoders of a cell over its test sequences, with intervals over clusters and seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from harness.activations.stream import known_positions
from harness.adapter import ModelAdapter
from harness.statistics.bootstrap import Floats, nested_estimate, weighted_ratio
from harness.task import Metric
from tasks.sae.dictionaries import Dictionaries
from tasks.sae.quality import Quality, QualityMeter, losses_recovered
from tasks.sae.stability import decoder_stability
from tasks.sae_families.metrics import metric, over_seeds

MOST_MASKED_SEQUENCES = 200


def qualities(
    model: ModelAdapter, autoencoders: Dictionaries, sequences: Sequence[str], weights: Floats
) -> tuple[dict[int, dict[str, Metric]], dict[tuple[int, int], Quality]]:
    """Metrics per layer, and the quality of every autoencoder, from one pass of the model.

    Args:
        sequences: of the test split, one per cluster.
        weights: (draws, sequences) bootstrap weights over them.
    """
    meters = {key: QualityMeter(autoencoder) for key, autoencoder in autoencoders.items()}
    sums: dict[tuple[int, int], Floats] = {key: np.zeros((len(sequences), 6)) for key in autoencoders}
    layers = sorted({layer for layer, _ in autoencoders})
    for index, states in model.hidden_states(sequences, layers):
        known = known_positions(sequences[index])
        hidden = {layer: torch.from_numpy(states[layer][known]) for layer in layers}
        for (layer, seed), meter in meters.items():
            sums[layer, seed][index] = meter.add(hidden[layer])
    found = {key: meter.result() for key, meter in meters.items()}
    metrics = {}
    for layer in layers:
        own = [key for key in autoencoders if key[0] == layer]
        metrics[layer] = _layer_metrics([sums[key] for key in own], [found[key] for key in own], weights)
        if len(own) > 1:
            shares = decoder_stability([autoencoders[key] for key in own]).shares
            metrics[layer]["stability"] = Metric(
                value=float(np.mean(shares)),
                low=float(shares.min()),
                high=float(shares.max()),
                n=len(shares),
                unit="share of features matched between seeds, cosine > 0.7 (range)",
            )
    return metrics, found


def recovered_losses(
    model: ModelAdapter, autoencoders: Dictionaries, sequences: Sequence[str]
) -> dict[int, dict[str, Metric]]:
    """Loss recovered per layer, on at most 200 sequences evenly spread over the test split."""
    step = -(-len(sequences) // MOST_MASKED_SEQUENCES)
    metrics: dict[int, dict[str, Metric]] = {}
    for layer in sorted({layer for layer, _ in autoencoders}):
        own = [autoencoder for key, autoencoder in autoencoders.items() if key[0] == layer]
        losses = losses_recovered(own, model, sequences[::step])
        unit, first = "nats per masked nucleotide", losses[0]
        metrics[layer] = {
            "loss_recovered": over_seeds([loss.recovered for loss in losses], "at masked positions"),
            "cross_entropy_reconstructed": over_seeds([loss.reconstructed for loss in losses], unit, False),
            # of the language model alone: without seeds, and so without an interval
            "cross_entropy_clean": Metric(value=first.clean, n=first.nucleotides, unit=unit, higher_is_better=False),
            "cross_entropy_ablated": Metric(value=first.ablated, n=first.nucleotides, unit=unit, higher_is_better=None),
        }
    return metrics


def _layer_metrics(sums: Sequence[Floats], found: Sequence[Quality], weights: Floats) -> dict[str, Metric]:
    """``sums``: per seed (sequences, 6), as :meth:`QualityMeter.add` returns them."""
    count = len(weights[0])

    def ratio(numerator: int, denominator: int, points: Sequence[float], one_minus: bool) -> Metric:
        draws = np.array([weighted_ratio(s[:, numerator], s[:, denominator], weights) for s in sums])
        values = 1 - draws if one_minus else draws
        return metric(nested_estimate(values, points, count).interval(), higher_is_better=one_minus or None)

    return {
        "fve": ratio(1, 3, [quality.fve_standardised for quality in found], True),
        "fve_raw": ratio(0, 2, [quality.fve_raw for quality in found], True),
        "l0": ratio(4, 5, [quality.l0 for quality in found], False),
        "dead_share": over_seeds(
            [quality.dead_share for quality in found], f"of features, on {found[0].nucleotides:,} nt", False
        ),
    }
