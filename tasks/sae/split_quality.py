"""Quality of the autoencoders of a cell over its test sequences, with intervals over clusters and seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from math import inf
from typing import Any

import numpy as np
import scipy.sparse
import torch
from numpy.typing import NDArray

from harness.adapter import ModelAdapter
from harness.statistics.bootstrap import Estimate, Floats, nested_estimate, weighted_ratio
from harness.storage.kept import Arrays
from harness.task import CellContext, Metric
from tasks.common import SHARE, metric, over_seeds
from tasks.sae.dictionaries import Dictionaries
from tasks.sae.quality import LossRecovered, Quality, QualityMeter, losses_recovered
from tasks.sae.sequence_scores import States
from tasks.sae.stability import Stability, activation_stability, chance_stability, decoder_stability

Measured = dict[tuple[int, int], tuple[Floats, Quality]]
"""(layer, seed) -> sums (sequences, 6), as :meth:`QualityMeter.add` returns them, and the quality over them all."""
MOST_MASKED_SEQUENCES = 200
MOST_COMPARED_SEQUENCES = 1_000


@dataclass(frozen=True)
class SharedFeatures:
    """What the seeds of a layer share, (seeds, features) each: the mean cosine of a feature's decoder row with its
    partners' in the other seeds (NaN where it is dead), and whether it is over 0.7 in every one of them."""

    matched: Floats
    stable: NDArray[np.bool_]


class SplitMeter:
    """Measures all autoencoders of a cell on the states of one sequence after another.

    Codes are kept of at most 1,000 of the sequences, see :func:`compared`: for the agreement of activations, and for
    examples.

    Args:
        autoencoders: (layer, seed) -> autoencoder.
        sequences: how many there are, one per cluster.
    """

    def __init__(self, autoencoders: Dictionaries, sequences: int) -> None:
        self._autoencoders = autoencoders
        self._meters = {key: QualityMeter(autoencoder) for key, autoencoder in autoencoders.items()}
        self._sums = np.zeros((len(autoencoders), sequences, 6))
        self._compared = compared(sequences)
        self._codes: dict[tuple[int, int], dict[int, scipy.sparse.csr_array]] = {key: {} for key in autoencoders}

    def add(self, index: int, hidden: States) -> None:
        """The states of sequence ``index``: layer -> (nucleotides, width) without N."""
        for number, (key, meter) in enumerate(self._meters.items()):
            x = torch.from_numpy(hidden[key[0]]).to(meter.autoencoder.encoder.device)
            code = meter.autoencoder.encode(x)
            self._sums[number, index] = meter.add(x, code)
            if index in self._compared:
                self._codes[key][index] = code.to_scipy()

    def arrays(self) -> Arrays:
        """All that :func:`qualities` needs, to be stored."""
        found: dict[str, NDArray[Any]] = {"sums": self._sums}
        for number, meter in enumerate(self._meters.values()):
            found |= {f"{number} {name}": np.array(value) for name, value in asdict(meter.result()).items()}
        codes = {key: _stacked(own) for key, own in self._codes.items()}
        for number, code in enumerate(codes.values()):
            parts = {"data": code.data, "indices": code.indices, "indptr": code.indptr, "shape": np.array(code.shape)}
            found |= {f"{number} code {name}": part for name, part in parts.items()}
        for layer in sorted({layer for layer, _ in self._meters}):
            keys = [key for key in self._meters if key[0] == layer]
            if len(keys) > 1:
                agreement = self._agreement(keys, [codes[key] for key in keys])
                found |= {f"{layer} {name} shares": own.shares for name, own in agreement.items()}
                decoder = agreement["stability"]
                for part in ("matched", "stable", "shares_strict", "pw_mcc"):
                    found[f"{layer} {part}"] = getattr(decoder, part)
        return found

    def _agreement(
        self, keys: Sequence[tuple[int, int]], codes: Sequence[scipy.sparse.csr_array]
    ) -> dict[str, Stability]:
        own = [self._autoencoders[key] for key in keys]
        live = np.stack([self._meters[key].live for key in keys])
        return {
            "stability": decoder_stability(own, live=live),
            "stability_raw": decoder_stability(own, "raw", live),
            "stability_activations": activation_stability(codes, live),
            "stability_chance": chance_stability(own, live=live),
        }


def compared(sequences: int) -> range:
    """Positions of the sequences whose codes are kept, evenly spread."""
    return range(0, sequences, -(-sequences // MOST_COMPARED_SEQUENCES))


def compared_codes(keys: Sequence[tuple[int, int]], measured: Arrays) -> dict[tuple[int, int], scipy.sparse.csr_array]:
    """(nucleotides, features) codes of every autoencoder on the sequences of :func:`compared`, one after another."""
    return {
        key: scipy.sparse.csr_array(
            tuple(measured[f"{number} code {name}"] for name in ("data", "indices", "indptr")),
            shape=tuple(measured[f"{number} code shape"].tolist()),
        )
        for number, key in enumerate(keys)
    }


def _stacked(codes: Mapping[int, scipy.sparse.csr_array]) -> scipy.sparse.csr_array:
    return scipy.sparse.csr_array(scipy.sparse.vstack([codes[index] for index in sorted(codes)]))


def qualities(
    keys: Sequence[tuple[int, int]], measured: Arrays, weights: Floats
) -> tuple[dict[int, dict[str, Metric]], dict[tuple[int, int], Quality], dict[int, SharedFeatures]]:
    """Metrics per layer, the quality of every autoencoder, and per layer what its seeds share, where there are two.

    Args:
        keys: (layer, seed) of every autoencoder, in the order of :class:`SplitMeter`.
        measured: its arrays.
        weights: (draws, sequences) bootstrap weights over the sequences.
    """
    apart = measured_apart(keys, measured)
    metrics, shared = {}, {}
    for layer in sorted({layer for layer, _ in keys}):
        own = [found for key, found in apart.items() if key[0] == layer]
        metrics[layer] = _layer_metrics([sums for sums, _ in own], [quality for _, quality in own], weights)
        if len(own) > 1:
            metrics[layer] |= _stability_metrics(measured, layer)
            shared[layer] = SharedFeatures(measured[f"{layer} matched"], measured[f"{layer} stable"])
    return metrics, {key: quality for key, (_, quality) in apart.items()}, shared


def measured_apart(keys: Sequence[tuple[int, int]], measured: Arrays) -> Measured:
    """The sums and the quality of every autoencoder, from the arrays of :class:`SplitMeter`."""
    found = {}
    for number, key in enumerate(keys):
        values = {field.name: _plain(measured[f"{number} {field.name}"]) for field in fields(Quality)}
        found[key] = measured["sums"][number], Quality(**values)
    return found


def _stability_metrics(measured: Arrays, layer: int) -> dict[str, Metric]:
    def over_pairs(values: Floats, unit: str, higher_is_better: bool | None = True) -> Metric:
        low, high = float(values.min()), float(values.max())
        return Metric(
            value=float(np.mean(values)),
            low=low,
            high=high,
            n=len(values),
            unit=f"{unit} (range over pairs of seeds)",
            higher_is_better=higher_is_better,
        )

    shares = {
        "stability": "share of live features matched between seeds, cosine of decoder rows > 0.7",
        "stability_raw": "the same in the space of the hidden states",
        "stability_activations": "the same by the correlation of activations",
        "stability_chance": "the same for random decoder rows",
    }
    found = {
        name: over_pairs(measured[f"{layer} {name} shares"], unit, None if name == "stability_chance" else True)
        for name, unit in shares.items()
    }
    found["stability_strict"] = over_pairs(measured[f"{layer} shares_strict"], "share of live features, cosine > 0.9")
    found["pw_mcc"] = over_pairs(measured[f"{layer} pw_mcc"], "mean cosine of matched live features")
    return found


def _plain(array: NDArray[Any]) -> Any:
    return tuple(array.tolist()) if array.ndim else array.item()


def recovered_losses(
    model: ModelAdapter, autoencoders: Dictionaries, sequences: Sequence[str], context: CellContext
) -> dict[int, dict[str, Metric]]:
    """Loss recovered per layer, on at most 200 sequences evenly spread over the test split.

    Not defined at the last layer, see :func:`tasks.sae.quality.losses_recovered`; sequences that the model reads in
    windows are left out.
    """
    sequences = [sequence for sequence in sequences if model.card.broken_length_rule(len(sequence)) is None]
    if not sequences:
        missing = Metric(value=None, unit="not defined: the model takes no sequence of the test split as a whole")
        return {layer: {"loss_recovered": missing} for layer, _ in autoencoders}
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
        if model.resolve_layer(layer) == model.card.layers:
            metrics[layer] = {"loss_recovered": Metric(value=None, unit="not defined at the last layer")}
            continue
        losses = measure(layer)
        unit, first = "nats per masked nucleotide", losses[0]
        metrics[layer] = {
            "loss_recovered": metric(
                over_seeds([loss.recovered for loss in losses]), "at masked positions, from the others"
            ),
            "cross_entropy_reconstructed": metric(over_seeds([loss.reconstructed for loss in losses]), unit, False),
            # of the language model alone: without seeds, and so without an interval
            "cross_entropy_clean": Metric(value=first.clean, n=first.nucleotides, unit=unit, higher_is_better=False),
            "cross_entropy_ablated": Metric(value=first.ablated, n=first.nucleotides, unit=unit, higher_is_better=None),
        }
    return metrics


WITHIN = {"fve": (-inf, 1.0), "fve_raw": (-inf, 1.0), "l0": (0.0, inf)}
"""A mean is positive, and a share of variance explained at most 1."""


def quality_estimates(sums: Sequence[Floats], found: Sequence[Quality], weights: Floats) -> dict[str, Estimate]:
    """Variance explained and active features of the autoencoders of a layer, with draws over sequences and seeds.

    ``sums``: per seed (sequences, 6), as :meth:`QualityMeter.add` returns them.
    """
    count = len(weights[0])

    def ratio(numerator: int, denominator: int, points: Sequence[float], one_minus: bool) -> Estimate:
        draws = np.array([weighted_ratio(s[:, numerator], s[:, denominator], weights) for s in sums])
        return nested_estimate(1 - draws if one_minus else draws, points, count)

    return {
        "fve": ratio(1, 3, [quality.fve_standardised for quality in found], True),
        "fve_raw": ratio(0, 2, [quality.fve_raw for quality in found], True),
        "l0": ratio(4, 5, [quality.l0 for quality in found], False),
    }


def _layer_metrics(sums: Sequence[Floats], found: Sequence[Quality], weights: Floats) -> dict[str, Metric]:
    estimates = quality_estimates(sums, found, weights)
    return {
        **{
            name: metric(estimate, higher_is_better=None if name == "l0" else True, within=WITHIN[name])
            for name, estimate in estimates.items()
        },
        "dead_share": metric(
            over_seeds([quality.dead_share for quality in found]),
            f"of features, on {found[0].nucleotides:,} nt",
            False,
            SHARE,
        ),
    }
