"""Quality of the autoencoders of a cell over its test sequences, with intervals over clusters and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harness.adapter import ModelAdapter
from harness.statistics.bootstrap import Floats, nested_estimate, weighted_ratio
from harness.storage.kept import Arrays
from harness.task import CellContext, Metric
from tasks.common import metric, over_seeds
from tasks.sae.dictionaries import Dictionaries
from tasks.sae.quality import LossRecovered, Quality, QualityMeter, losses_recovered
from tasks.sae.sequence_scores import States
from tasks.sae.stability import decoder_stability

MOST_MASKED_SEQUENCES = 200


class SplitMeter:
    """Measures all autoencoders of a cell on the states of one sequence after another.

    Args:
        autoencoders: (layer, seed) -> autoencoder.
        sequences: how many there are, one per cluster.
    """

    def __init__(self, autoencoders: Dictionaries, sequences: int) -> None:
        self._autoencoders = autoencoders
        self._meters = [QualityMeter(autoencoder) for autoencoder in autoencoders.values()]
        self._sums = np.zeros((len(autoencoders), sequences, 6))

    def add(self, index: int, hidden: States) -> None:
        """The states of sequence ``index``: layer -> (nucleotides, width) without N."""
        tensors = {layer: torch.from_numpy(rows) for layer, rows in hidden.items()}
        for number, ((layer, _), meter) in enumerate(zip(self._autoencoders, self._meters, strict=True)):
            self._sums[number, index] = meter.add(tensors[layer])

    def arrays(self) -> Arrays:
        """All that :func:`qualities` needs, to be stored."""
        numbers = {
            f"{number} {name}": np.array(value)
            for number, meter in enumerate(self._meters)
            for name, value in asdict(meter.result()).items()
        }
        shares = {
            f"{layer} stability": decoder_stability(own).shares
            for layer, own in _by_layer(self._autoencoders).items()
            if len(own) > 1
        }
        return {"sums": self._sums} | numbers | shares


def qualities(
    keys: Sequence[tuple[int, int]], measured: Arrays, weights: Floats
) -> tuple[dict[int, dict[str, Metric]], dict[tuple[int, int], Quality]]:
    """Metrics per layer, and the quality of every autoencoder.

    Args:
        keys: (layer, seed) of every autoencoder, in the order of :class:`SplitMeter`.
        measured: its arrays.
        weights: (draws, sequences) bootstrap weights over the sequences.
    """
    found = {
        key: Quality(**{field.name: _plain(measured[f"{number} {field.name}"]) for field in fields(Quality)})
        for number, key in enumerate(keys)
    }
    metrics = {}
    for layer in sorted({layer for layer, _ in keys}):
        own = [number for number, key in enumerate(keys) if key[0] == layer]
        metrics[layer] = _layer_metrics(
            [measured["sums"][number] for number in own], [found[keys[number]] for number in own], weights
        )
        if len(own) > 1:
            shares = measured[f"{layer} stability"]
            metrics[layer]["stability"] = Metric(
                value=float(np.mean(shares)),
                low=float(shares.min()),
                high=float(shares.max()),
                n=len(shares),
                unit="share of features matched between seeds, cosine > 0.7 (range)",
            )
    return metrics, found


def _by_layer(autoencoders: Dictionaries) -> dict[int, list[Any]]:
    layers = sorted({layer for layer, _ in autoencoders})
    return {layer: [autoencoders[key] for key in autoencoders if key[0] == layer] for layer in layers}


def _plain(array: NDArray[Any]) -> Any:
    return tuple(array.tolist()) if array.ndim else array.item()


def recovered_losses(
    model: ModelAdapter, autoencoders: Dictionaries, sequences: Sequence[str], context: CellContext
) -> dict[int, dict[str, Metric]]:
    """Loss recovered per layer, on at most 200 sequences evenly spread over the test split."""
    step = -(-len(sequences) // MOST_MASKED_SEQUENCES)

    def measure(layer: int) -> list[LossRecovered]:
        own = [autoencoder for key, autoencoder in autoencoders.items() if key[0] == layer]

        def compute() -> Arrays:
            model.load(context.device)
            losses = losses_recovered(own, model, sequences[::step])
            return {
                f"{number} {name}": np.array(v)
                for number, loss in enumerate(losses)
                for name, v in asdict(loss).items()
            }

        kept = context.kept(f"loss recovered, layer {layer}", compute)
        names = [field.name for field in fields(LossRecovered)]
        return [
            LossRecovered(**{name: kept[f"{number} {name}"].item() for name in names}) for number in range(len(own))
        ]

    metrics: dict[int, dict[str, Metric]] = {}
    for layer in sorted({layer for layer, _ in autoencoders}):
        losses = measure(layer)
        unit, first = "nats per masked nucleotide", losses[0]
        metrics[layer] = {
            "loss_recovered": metric(over_seeds([loss.recovered for loss in losses]), "at masked positions"),
            "cross_entropy_reconstructed": metric(over_seeds([loss.reconstructed for loss in losses]), unit, False),
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
        return metric(nested_estimate(values, points, count), higher_is_better=one_minus or None)

    return {
        "fve": ratio(1, 3, [quality.fve_standardised for quality in found], True),
        "fve_raw": ratio(0, 2, [quality.fve_raw for quality in found], True),
        "l0": ratio(4, 5, [quality.l0 for quality in found], False),
        "dead_share": metric(
            over_seeds([quality.dead_share for quality in found]), f"of features, on {found[0].nucleotides:,} nt", False
        ),
    }
