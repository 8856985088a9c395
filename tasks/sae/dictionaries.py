"""Sparse autoencoders of a model, for several layers and seeds: trained, or as drawn (the untrained ablation)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.activations.reader import ModelReader
from harness.activations.standardisation import Standardisation
from harness.activations.stream import ActivationStream
from harness.adapter import ModelAdapter
from harness.task import CellContext
from tasks.sae.autoencoder.config import SAEConfig
from tasks.sae.autoencoder.model import SparseAutoencoder
from tasks.sae.autoencoder.train import StaleCheckpoint, calibrate, train

CHECKPOINT_SECONDS = 60.0

Dictionaries = dict[tuple[int, int], SparseAutoencoder]
"""(layer, seed) -> autoencoder."""


class DictionaryMaker:
    """Makes the autoencoders of one model from one stream of training activations."""

    def __init__(
        self, model: ModelAdapter, sequences: Sequence[str], layers: Sequence[int], config: SAEConfig, device: str
    ) -> None:
        # every model and seed sees the same nucleotides in the same order
        self.stream = ActivationStream(ModelReader(model, sequences, layers), config.batch_size, seed=0)
        self.standardisation = Standardisation.fit(self.stream)
        self.config = config
        self.device = device

    def _fresh(self, seeds: Sequence[int]) -> Dictionaries:
        return {
            (layer, seed): SparseAutoencoder(
                self.stream.width, self.config, seed, layer, self.standardisation[layer]
            ).to(self.device)
            for layer in self.stream.layers
            for seed in seeds
        }

    def untrained(self, seeds: Sequence[int]) -> Dictionaries:
        """Random dictionaries with the standardisation and the threshold of trained ones."""
        autoencoders = self._fresh(seeds)
        calibrate(autoencoders, self.stream)
        return autoencoders

    def trained(self, seeds: Sequence[int], checkpoint: Path, label: str, context: CellContext) -> Dictionaries:
        """Train, or go on from ``checkpoint``; one that an older version left is put aside."""
        try:
            return self._train(seeds, checkpoint, label, context)
        except StaleCheckpoint as error:
            context.progress.message(f"training starts again: {error}")
            checkpoint.unlink()
            return self._train(seeds, checkpoint, label, context)

    def _train(self, seeds: Sequence[int], checkpoint: Path, label: str, context: CellContext) -> Dictionaries:
        autoencoders = self._fresh(seeds)
        with context.progress.track(label, self.config.steps) as advance:

            def report(step: int, steps: int, state: dict[str, float]) -> None:
                advance(
                    step,
                    f"unexplained {state['loss']:.3f}  L0 {state['l0']:.1f}  dead {state['dead_share']:.0%}  "
                    f"{state['nucleotides_per_second']:,.0f} nt/s",
                )

            train(autoencoders, self.stream, checkpoint, report, CHECKPOINT_SECONDS)
        return autoencoders
