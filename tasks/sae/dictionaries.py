"""Sparse autoencoders of a model, for several layers and seeds: trained, or as drawn (the untrained ablation)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import count
from pathlib import Path

import numpy as np
import torch

from harness.activations.reader import ModelReader
from harness.activations.standardisation import Standardisation
from harness.activations.stream import ActivationStream
from harness.adapter import ModelAdapter
from harness.sequences.alignment import ModelInput
from harness.storage.kept import Arrays
from harness.task import CellContext
from tasks.sae.autoencoder.config import FrozenPart, SAEConfig
from tasks.sae.autoencoder.model import SparseAutoencoder
from tasks.sae.autoencoder.train import StaleCheckpoint, calibrate, train

CHECKPOINT_SECONDS = 60.0

Dictionaries = dict[tuple[int, int], SparseAutoencoder]
"""(layer, seed) -> autoencoder."""
_Made = dict[tuple[int, int, FrozenPart], SparseAutoencoder]


class DictionaryMaker:
    """Makes the autoencoders of one model from one stream of training activations.

    What is finished is kept in the work folder under ``name``: a run that goes on after a stop reads it back, and does
    not load the model for it.
    """

    def __init__(
        self,
        model: ModelAdapter,
        inputs: Sequence[ModelInput],
        layers: Sequence[int],
        config: SAEConfig,
        context: CellContext,
        name: str = "sae",
    ) -> None:
        # every model and seed sees the same nucleotides in the same order
        self.stream = ActivationStream(ModelReader(model, inputs, layers), config.batch_size, seed=0)
        self.config = config
        self.context = context
        self.name = name

    def activations(self) -> ActivationStream:
        """The stream, once the model is on its device."""
        self.stream.reader.model.load(self.context.device)
        return self.stream

    @cached_property
    def standardisation(self) -> dict[int, Standardisation]:
        """Of every layer."""

        def fit() -> Arrays:
            stream, done = self.activations(), count(1)
            with self.context.progress.track(f"{self.name} activations", len(stream.reader.sequences)) as advance:
                stream.reader.on_sequence = lambda: advance(next(done))
                try:
                    found = Standardisation.fit(stream)
                finally:
                    stream.reader.on_sequence = None
            return {f"{layer} {part}": array for layer, own in found.items() for part, array in own.arrays().items()}

        kept = self.context.kept(f"{self.name} standardisation", fit)
        return {layer: Standardisation.from_arrays(_part(kept, f"{layer} ")) for layer in self.stream.layers}

    def untrained(self, seeds: Sequence[int]) -> Dictionaries:
        """Random dictionaries with the standardisation and the threshold of trained ones."""

        def make() -> _Made:
            autoencoders = self._fresh(seeds, ("none",))
            calibrate(autoencoders, self.activations())
            return autoencoders

        return _of_part(self._kept(f"{self.name} untrained", seeds, ("none",), make), "none")

    def trained(
        self, seeds: Sequence[int], label: str, parts: Sequence[FrozenPart] = ("none",)
    ) -> dict[FrozenPart, Dictionaries]:
        """Train, or go on from the checkpoint in the work folder; one that an older version left is put aside.

        Every seed has an autoencoder for every one of ``parts``, in which that part stays as it was drawn. All are
        trained side by side on the same activations.
        """

        def make() -> _Made:
            try:
                return self._train(seeds, parts, label)
            except StaleCheckpoint as error:
                self.context.progress.message(f"restarting training: {error}")
                self._checkpoint.unlink()
                return self._train(seeds, parts, label)

        made = self._kept(f"{self.name} trained", seeds, parts, make)
        return {part: _of_part(made, part) for part in parts}

    @property
    def _checkpoint(self) -> Path:
        return self.context.work / f"{self.name}.safetensors"

    def _train(self, seeds: Sequence[int], parts: Sequence[FrozenPart], label: str) -> _Made:
        autoencoders = self._fresh(seeds, parts)
        with self.context.progress.track(label, self.config.steps) as advance:

            def report(step: int, steps: int, state: dict[str, float]) -> None:
                advance(
                    step,
                    f"unexplained {state['loss']:.3f}  L0 {state['l0']:.1f}  dead {state['dead_share']:.0%}  "
                    f"{state['nucleotides_per_second']:,.0f} nt/s",
                )

            train(autoencoders, self.activations(), self._checkpoint, report, CHECKPOINT_SECONDS)
        return autoencoders

    def _fresh(self, seeds: Sequence[int], parts: Sequence[FrozenPart]) -> _Made:
        autoencoders = self._empty(seeds, parts)
        for (layer, _, _), autoencoder in autoencoders.items():
            autoencoder.set_standardisation(self.standardisation[layer])
        return autoencoders

    def _empty(self, seeds: Sequence[int], parts: Sequence[FrozenPart]) -> _Made:
        configs = {part: self.config.model_copy(update={"frozen": part}) for part in parts}
        return {
            (layer, seed, part): SparseAutoencoder(self.stream.width, config, seed, layer).to(self.context.device)
            for layer in self.stream.layers
            for seed in seeds
            for part, config in configs.items()
        }

    def _kept(self, name: str, seeds: Sequence[int], parts: Sequence[FrozenPart], make: Callable[[], _Made]) -> _Made:
        made: _Made = {}

        def compute() -> Arrays:
            made.update(make())
            return {
                f"{' '.join(map(str, key))} {part}": array
                for key, autoencoder in made.items()
                for part, array in _state(autoencoder).items()
            }

        kept = self.context.kept(name, compute)
        if not made:
            made = self._empty(seeds, parts)
            for key, autoencoder in made.items():
                _restore(autoencoder, _part(kept, f"{' '.join(map(str, key))} "))
        return made


def _of_part(made: _Made, wanted: FrozenPart) -> Dictionaries:
    return {(layer, seed): autoencoder for (layer, seed, part), autoencoder in made.items() if part == wanted}


def _state(autoencoder: SparseAutoencoder) -> dict[str, np.ndarray]:
    tensors = {name: tensor.detach().cpu().numpy() for name, tensor in autoencoder.state_dict().items()}
    return tensors | {"nucleotides seen": np.array(autoencoder.nucleotides_seen)}


def _restore(autoencoder: SparseAutoencoder, state: dict[str, np.ndarray]) -> None:
    autoencoder.nucleotides_seen = int(state.pop("nucleotides seen"))
    autoencoder.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})


def _part(arrays: Arrays, prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
