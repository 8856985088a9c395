"""A model whose hidden states are sparse sums of planted directions, and helpers for the tests beside it."""

import zlib

import numpy as np
import torch

from harness.activations.reader import ModelReader
from harness.activations.standardisation import Standardisation
from harness.activations.stream import ActivationStream
from harness.adapter import ModelAdapter, ModelCard
from tasks.sae.autoencoder.config import SAEConfig
from tasks.sae.autoencoder.model import SparseAutoencoder


class Planted(ModelAdapter):
    """Every nucleotide: ``active`` of ``directions`` unit vectors, times a positive amount, plus a constant."""

    def __init__(self, width=32, directions=48, active=3, offset=0.0, noise=0.0):
        random = np.random.default_rng(7)
        rows = random.normal(size=(directions, width))
        self.rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        self.active, self.noise, self.offset = active, noise, offset * random.normal(size=width)
        self.card = ModelCard(
            name="planted",
            summary="",
            architecture="none",
            capabilities=frozenset(["hidden_states"]),
            layers=2,
            width=width,
        )

    def identity(self):
        return "planted"

    def hidden_states(self, sequences, layers):
        for index, sequence in enumerate(sequences):
            random = np.random.default_rng(zlib.crc32(sequence.encode()))
            code = np.zeros((len(sequence), len(self.rows)))
            chosen = random.random(code.shape).argpartition(self.active, axis=1)[:, : self.active]
            np.put_along_axis(code, chosen, random.uniform(1, 2, chosen.shape), axis=1)
            x = code @ self.rows + self.offset + self.noise * random.normal(size=(len(sequence), self.rows.shape[1]))
            yield index, {layer: (x * (1 + layer)).astype(np.float32) for layer in layers}


def random_sequences(count=60, length=100, seed=0):
    random = np.random.default_rng(seed)
    return ["".join(random.choice(list("ACGU"), length)) for _ in range(count)]


def planted_stream(layers=(1,), batch_size=256, model=None, count=60):
    return ActivationStream(ModelReader(model or Planted(), random_sequences(count), layers), batch_size, seed=0)


def standard(width, mean=0.0, deviation=1.0):
    return Standardisation(np.full(width, mean), np.eye(width) * deviation**2, 1, None)


def ready(width=16, seed=0, **settings):
    """An untrained autoencoder that can encode."""
    settings = {"features": 64, "k": 4} | settings
    autoencoder = SparseAutoencoder(width, SAEConfig(**settings), seed, standardisation=standard(width, 0.5, 2.0))
    with torch.no_grad():
        autoencoder.encoder_bias.normal_(0, 0.1, generator=torch.Generator().manual_seed(seed + 1))
        autoencoder.decoder_bias.normal_(0, 0.1, generator=torch.Generator().manual_seed(seed + 2))
    autoencoder.calibrate([sample(256, width)])
    return autoencoder


def sample(count, width, seed=0):
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed)) * 2 + 0.5
