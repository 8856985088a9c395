"""What a cell with sparse autoencoders does whatever it scores: train them, fit their controls, measure them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.adapter import ModelAdapter, Role
from harness.errors import NotApplicable
from harness.sequences.alignment import ModelInput
from harness.statistics.bootstrap import Floats
from harness.storage.kept import Arrays
from harness.task import CellContext
from harness.twins import random_twin
from tasks.sae.autoencoder.config import FrozenPart
from tasks.sae.autoencoder.model import Metadata
from tasks.sae.depth import MODEL, TWINS, AtLayer, quality_at, stability_at
from tasks.sae.dictionaries import Dictionaries, DictionaryMaker
from tasks.sae.expected_time import Rates, expected_time, times_read
from tasks.sae.settings import SaeSettings
from tasks.sae.sources.autoencoder import SaeSource
from tasks.sae.sources.base import StateSource
from tasks.sae.sources.linear import IcaSource, LinearSource, NeuronSource, PcaSource
from tasks.sae.split_quality import Measured, compared_codes, measured_apart, qualities, recovered_losses

SAMPLE_ROWS = 20_000
FROZEN: tuple[FrozenPart, ...] = ("decoder", "encoder")


@dataclass(frozen=True)
class PlacedSource:
    """A source that reads the hidden states of a layer; ``seed`` is None where it has none."""

    source: StateSource
    layer: int
    seed: int | None


@dataclass(frozen=True)
class Twin:
    """A random twin of the model with autoencoders of its own. ``name`` is that of what it keeps in the work folder."""

    model: ModelAdapter
    trained: Dictionaries
    sources: list[PlacedSource]
    label: str
    name: str


class SaeCell:
    """The autoencoders of one cell, and everything they are compared with that reads hidden states."""

    def __init__(
        self, model: ModelAdapter, train_inputs: Sequence[ModelInput], settings: SaeSettings, context: CellContext
    ) -> None:
        self.model = model
        self.train_inputs = train_inputs
        self.settings = settings
        self.context = context
        self._measured: dict[str, Measured] = {MODEL: {}, TWINS: {}}
        self._shares: dict[int, Floats] = {}

    @property
    def several_layers(self) -> bool:
        """Whether numbers are reported by layer, and random twins measured for it."""
        return len(self.settings.layers) > 1

    def say_how_long(self, scored: int) -> None:
        """One line, before the work; a run that goes on after a stop has less to do, and says nothing.

        Args:
            scored: nucleotides that the model and each of its random twins read beside those of train.
        """
        settings, context = self.settings, self.context
        if context.progress.quiet or (context.work / "kept").exists():
            return
        self.model.load(context.device)
        config = settings.sae_config(self.model.card.width or 0)
        stream = self._maker(self.model, "sae").stream
        seeds, places = len(settings.seeds), len(settings.seeds) * len(settings.layers)
        train = stream.nucleotides * times_read(stream.nucleotides, stream.fits, config.steps, config.batch_size)
        rates = Rates.measured(self.model, self.train_inputs, settings.layers, config, context.device)
        autoencoders = places * (1 + len(FROZEN)) + places  # those of the model, and of a random twin per seed
        context.progress.message(expected_time(rates, (train + scored) * (1 + seeds), autoencoders, config.steps))

    def own_sources(self) -> list[PlacedSource]:
        """The model's own sources: autoencoders, trained, half frozen and untrained; neurons, PCA, ICA."""
        settings, context = self.settings, self.context
        with context.phase("activations"):
            maker = self._maker(self.model, "sae")
            self.train_nucleotides = maker.stream.nucleotides
            self.standardisation = maker.standardisation
        with context.phase("training"):
            trained = maker.trained(settings.seeds, "sae", ("none", *FROZEN))
            self.trained = trained["none"]
            untrained = maker.untrained(settings.seeds)
        with context.phase("PCA and ICA"):
            sources = [PlacedSource(source, layer, None) for layer, source in self._linear_sources(maker)]
        sources += _placed(self.trained, MODEL, "model")
        sources += _placed(untrained, "sae-untrained", "ablation")
        for part in FROZEN:
            sources += _placed(trained[part], f"sae-frozen-{part}", "ablation")
        return sources

    def twins(self) -> Iterator[Twin]:
        """Every seed has a twin of its own, so that the interval covers initialisations of the model too."""
        context, seeds = self.context, self.settings.seeds
        for number, seed in enumerate(seeds):
            try:
                twin = random_twin(self.model, seed)
            except NotApplicable:
                return
            with context.phase("random twins"):
                name, label = f"sae-random-lm-{seed}", f"sae-random-lm {number + 1}/{len(seeds)}"
                trained = self._maker(twin, name).trained([seed], label)["none"]
                yield Twin(twin, trained, _placed(trained, TWINS, "floor"), label, name)
            twin.unload()

    def measure(self, measured: Arrays, sequences: Sequence[str], weights: Floats, fingerprint: str) -> None:
        """Quality of the trained autoencoders on test, and the checkpoints that carry it.

        Args:
            measured: the arrays of a :class:`SplitMeter` that saw the test sequences.
            sequences: those of test.
            weights: (draws, sequences) bootstrap weights.
            fingerprint: of the dataset.
        """
        keys = list(self.trained)
        self.quality, found, self.shared = qualities(keys, measured, weights)
        self.codes = compared_codes(keys, measured)
        self._measured[MODEL] = measured_apart(keys, measured)
        self._shares = {layer: measured[f"{layer} stability shares"] for layer in self.shared}
        if {"log_probs", "replace_hidden"} <= self.model.card.capabilities:
            metrics = recovered_losses(self.model, self.trained, sequences, self.context)
            for layer, more in metrics.items():
                self.quality[layer] |= more
        for (layer, seed), autoencoder in self.trained.items():
            metadata = Metadata(
                model_identity=self.model.identity(),
                dataset_fingerprint=fingerprint,
                quality=found[layer, seed].numbers(),
            )
            autoencoder.save(self.context.artifacts / f"sae-layer-{layer}-seed-{seed}", metadata)

    def measure_twin(self, twin: Twin, measured: Arrays) -> None:
        """The same of the autoencoders of a random twin, for the numbers by layer."""
        self._measured[TWINS] |= measured_apart(list(twin.trained), measured)

    def by_layer(self, weights: Floats) -> list[AtLayer]:
        """Variance explained and active features of the model and of its random twins, and the model's stability, at
        every layer; ``weights`` as for :meth:`measure`."""
        found = [own for source, apart in self._measured.items() for own in quality_at(apart, source, weights)]
        seeds = len(self.settings.seeds)
        return found + [
            stability_at(layer, shares, seeds, self.quality[layer]["stability"])
            for layer, shares in self._shares.items()
        ]

    def _linear_sources(self, maker: DictionaryMaker) -> list[tuple[int, LinearSource]]:
        """Neurons, PCA and ICA of every layer."""
        kinds: tuple[type[LinearSource], ...] = (NeuronSource, PcaSource, IcaSource)
        sources = [(layer, kind()) for layer in self.settings.layers for kind in kinds]

        def fit() -> Arrays:
            samples = _sample(maker)
            for layer, source in sources:
                source.fit(samples[layer])
            return {
                f"{layer} {source.name} {part}": array
                for layer, source in sources
                for part, array in (("mean", source.mean), ("directions", source.directions))
            }

        kept = self.context.kept("PCA and ICA", fit)
        for layer, source in sources:
            start = f"{layer} {source.name}"
            source.mean, source.directions = kept[f"{start} mean"], kept[f"{start} directions"]
        return sources

    def _maker(self, model: ModelAdapter, name: str) -> DictionaryMaker:
        config = self.settings.sae_config(model.card.width or 0)
        return DictionaryMaker(model, self.train_inputs, self.settings.layers, config, self.context, name)


def _placed(autoencoders: Dictionaries, name: str, role: Role) -> list[PlacedSource]:
    return [
        PlacedSource(SaeSource(autoencoder, name, role), layer, seed)
        for (layer, seed), autoencoder in autoencoders.items()
    ]


def _sample(maker: DictionaryMaker) -> dict[int, NDArray[np.float32]]:
    """Per layer some rows of the training activations for PCA and ICA, (rows, width) float32."""
    stream = maker.activations()
    rows = min(SAMPLE_ROWS, stream.nucleotides)
    batches = list(stream.batches(0, -(-rows // stream.batch_size)))
    return {layer: np.concatenate([batch[layer].numpy() for batch in batches])[:rows] for layer in stream.layers}
