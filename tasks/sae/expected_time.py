"""How long a cell with sparse autoencoders will take, from a second or two of the two things that it does most."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.adapter import ModelAdapter
from harness.progress import duration
from harness.sequences.alignment import ModelInput, sequence_of
from tasks.sae.autoencoder.config import SAEConfig

_SECONDS = 1.0  # that the model may read beyond one sequence
_MOST = 32
_STEPS = 3  # the first of them is slower, and not timed


@dataclass(frozen=True)
class Rates:
    """Seconds for one nucleotide that the model reads, and for one step of one autoencoder."""

    reading: float
    step: float

    @classmethod
    def measured(
        cls,
        model: ModelAdapter,
        inputs: Sequence[ModelInput],
        layers: Sequence[int],
        config: SAEConfig,
        device: str = "cpu",
    ) -> Rates:
        """Of a model that is on its device: some of the ``inputs``, evenly spread over their lengths, stand for all."""
        order = np.argsort([len(sequence_of(given)) for given in inputs], kind="stable")
        first = [inputs[order[len(order) // 2]]]
        _read(model, first, layers)
        alone = _read(model, first, layers)
        count = min(_MOST, len(inputs), max(1, int(_SECONDS / max(alone, 1e-6))))
        evenly = order[((np.arange(count) + 0.5) * len(order) / count).astype(int)]
        some = [inputs[index] for index in evenly]
        nucleotides = sum(len(sequence_of(given)) for given in some)
        return cls(_read(model, some, layers) / nucleotides, _step(model, first, layers[0], config, device))


def expected_time(rates: Rates, nucleotides: int, autoencoders: int, steps: int) -> str:
    """One line for the reader.

    Args:
        nucleotides: that the model and its random twins read in all.
        autoencoders: that are trained.
    """
    reading, training = rates.reading * nucleotides, rates.step * autoencoders * steps
    return (
        f"about {duration(reading + training)} before statistics: {nucleotides:,} nucleotides through the model and "
        f"its random twins ({duration(reading)}), {autoencoders} autoencoders of {steps:,} steps ({duration(training)})"
    )


def times_read(nucleotides: int, fits: bool, steps: int, batch_size: int) -> int:
    """How often the training sequences are read: once to standardise, and once per epoch where memory is short."""
    return 1 if fits else 1 - (-steps * batch_size // nucleotides)


def _read(model: ModelAdapter, inputs: Sequence[ModelInput], layers: Sequence[int]) -> float:
    start = time.perf_counter()
    for _ in model.hidden_states(inputs, layers):  # type: ignore[arg-type]
        pass
    return time.perf_counter() - start


def _step(model: ModelAdapter, inputs: Sequence[ModelInput], layer: int, config: SAEConfig, device: str) -> float:
    """On noise of the width of the states, as an autoencoder of the cell trains on one batch."""
    import torch

    from tasks.sae.autoencoder.model import SparseAutoencoder
    from tasks.sae.autoencoder.train import Trainer

    [(_, states)] = model.hidden_states(inputs, [layer])  # type: ignore[arg-type]
    width = states[layer].shape[1]
    autoencoder = SparseAutoencoder(width, config, seed=0, layer=layer).to(device)
    autoencoder.scale.fill_(1)
    trainer = Trainer(autoencoder)
    noise = torch.randn(config.batch_size, width, generator=torch.Generator().manual_seed(0))
    trainer.step(noise, 0)
    start = time.perf_counter()
    for number in range(1, _STEPS):
        trainer.step(noise, number)
    return (time.perf_counter() - start) / (_STEPS - 1)
