"""How good a sparse autoencoder is, without any task: variance explained, sparsity, loss recovered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.activations.reader import known_positions
from harness.adapter import ModelAdapter, Replacement
from harness.errors import InputError
from tasks.sae.autoencoder.model import SparseAutoencoder
from tasks.sae.autoencoder.sparse import SparseCode

DENSITY_EDGES = tuple(10.0**power for power in range(-6, 1))


@dataclass(frozen=True)
class Quality:
    """Measured over all nucleotides of a split.

    ``fve_raw``, ``fve_standardised``: fraction of the variance explained, 1 - sum of squared errors / sum of squared
    distances to the training mean, in either space. ``l0``: active features per nucleotide. ``dead_share``: share of
    features never active over ``nucleotides``. ``densities``: number of features per decade of the share of
    nucleotides on which they are active, up to the edges :data:`DENSITY_EDGES` (first: dead or below the first edge).
    """

    fve_raw: float
    fve_standardised: float
    l0: float
    dead_share: float
    nucleotides: int
    densities: tuple[int, ...]

    def numbers(self) -> dict[str, float]:
        """The single numbers, as :class:`tasks.sae.autoencoder.model.Metadata` stores them."""
        return {
            "fve_raw": self.fve_raw,
            "fve_standardised": self.fve_standardised,
            "l0": self.l0,
            "dead_share": self.dead_share,
            "nucleotides": float(self.nucleotides),
        }


class QualityMeter:
    """Streaming sums behind :class:`Quality`; memory does not grow with the number of nucleotides."""

    def __init__(self, autoencoder: SparseAutoencoder) -> None:
        self.autoencoder = autoencoder
        self.nucleotides = 0
        self._errors = np.zeros(2)
        self._distances = np.zeros(2)
        self._active = torch.zeros(autoencoder.config.features, dtype=torch.long)

    @torch.no_grad()
    def add(self, x: Tensor, code: SparseCode | None = None) -> NDArray[np.float64]:
        """Raw hidden states (n, width), and their code where it is known already.

        Returns:
            (6,) sums of this addition alone: squared errors raw and standardised, squared distances to the training
            mean raw and standardised, active features, nucleotides.
        """
        autoencoder = self.autoencoder
        x = x.to(autoencoder.encoder.device)
        code = autoencoder.encode(x) if code is None else code
        errors, distances = (
            [float(space.double().square().sum()) for space in (rows, autoencoder.to_standardised(rows))]
            for rows in (x - autoencoder.decode(code), x - autoencoder.mean)
        )
        self._errors += errors
        self._distances += distances
        self._active += torch.bincount(code.indices, minlength=len(self._active)).cpu()
        self.nucleotides += len(x)
        return np.array([*errors, *distances, len(code.indices), len(x)], dtype=np.float64)

    @property
    def live(self) -> NDArray[np.bool_]:
        """(features,): active somewhere in what was added."""
        return np.asarray(self._active.numpy() > 0)

    def result(self) -> Quality:
        """Raises InputError where nothing was added."""
        if not self.nucleotides:
            raise InputError("the quality of a sparse autoencoder needs at least one nucleotide")
        raw, standardised = 1 - self._errors / self._distances
        density = self._active.numpy() / self.nucleotides
        bins = np.searchsorted(DENSITY_EDGES, density, side="left")
        return Quality(
            fve_raw=float(raw),
            fve_standardised=float(standardised),
            l0=float(density.sum()),
            dead_share=float((density == 0).mean()),
            nucleotides=self.nucleotides,
            densities=tuple(np.bincount(bins, minlength=len(DENSITY_EDGES)).tolist()),
        )


def measure(autoencoder: SparseAutoencoder, batches: Iterable[Tensor]) -> Quality:
    """Quality over batches of raw hidden states, each (n, width)."""
    meter = QualityMeter(autoencoder)
    for x in batches:
        meter.add(x)
    return meter.result()


@dataclass(frozen=True)
class LossRecovered:
    """Cross-entropies, in nats per masked nucleotide, of the model as it is, with the layer reconstructed by the
    autoencoder wherever a nucleotide is in view, and with its training mean there."""

    clean: float
    reconstructed: float
    ablated: float
    nucleotides: int

    @property
    def recovered(self) -> float:
        """1: as good as the layer itself; 0: as bad as its mean. Not clipped; NaN where ablation changes nothing."""
        difference = self.ablated - self.clean
        return (self.ablated - self.reconstructed) / difference if difference else float("nan")


def losses_recovered(
    autoencoders: Sequence[SparseAutoencoder],
    model: ModelAdapter,
    sequences: Sequence[str],
    seed: int = 0,
    share: float = 0.15,
) -> list[LossRecovered]:
    """How much of what a masked nucleotide is predicted from passes through the autoencoder.

    The loss is that at masked positions (with a letter in view, a model need only copy it); the layer is replaced at
    all others. Autoencoders are trained on unmasked sequences, and reconstruct states of masked positions worse than
    their mean does (FVE −0.93 on the last layer of ncrna-nano, 0.65 at the others). So the layer has to lie below the
    last one, where no position reads another any more.

    ``share`` of the nucleotides of each sequence (one at least) is masked, drawn with ``seed``; N is neither masked
    nor replaced. Sequences of fewer than two known nucleotides are left out. The autoencoders share one layer and one
    standardisation, so that the model as it is and with its mean is run once for all.

    Raises:
        InputError: no sequence has two nucleotides other than N, or the layer is the model's last.
        NotApplicable: the model has no masked log-probabilities or takes no replacement.
    """
    layer = model.resolve_layer(autoencoders[0].layer)
    if layer == model.card.layers:
        raise InputError("loss recovered needs a layer below the last, where positions still read each other")
    known = [known_positions(sequence) for sequence in sequences]
    used = [index for index, places in enumerate(known) if len(places) > 1]
    if not used:
        raise InputError("loss recovered needs a sequence with two nucleotides other than N")
    generator = np.random.default_rng(seed)
    masked = [
        np.sort(generator.choice(known[i], max(1, round(share * len(known[i]))), replace=False)).tolist() for i in used
    ]
    texts = [sequences[i] for i in used]
    visible = [np.setdiff1d(known[i], places) for i, places in zip(used, masked, strict=True)]

    def spliced(change: Callable[[Tensor], Tensor]) -> Replacement:
        def function(index: int, hidden: NDArray[np.float32]) -> NDArray[np.float32]:
            places, replaced = visible[index], hidden.copy()
            replaced[places] = change(torch.from_numpy(hidden[places])).cpu().numpy()
            return replaced

        return Replacement(layer, function)

    def through(autoencoder: SparseAutoencoder) -> Replacement:
        return spliced(lambda x: autoencoder.reconstruct(x.to(autoencoder.encoder.device)))

    def cross_entropy(replacement: Replacement | None) -> float:
        total = 0.0
        for index, log_probs in model.log_probs(texts, masked, replacement):
            targets = ["ACGU".index(texts[index][position]) for position in masked[index]]
            total -= float(log_probs[np.arange(len(targets)), targets].astype(np.float64).sum())
        return total / sum(map(len, masked))

    clean = cross_entropy(None)
    ablated = cross_entropy(spliced(lambda x: autoencoders[0].mean.expand(len(x), -1)))
    return [
        LossRecovered(
            clean=clean,
            reconstructed=cross_entropy(through(autoencoder)),
            ablated=ablated,
            nucleotides=sum(map(len, masked)),
        )
        for autoencoder in autoencoders
    ]
