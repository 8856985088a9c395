"""Speed of a training step against a plain dense implementation of the same autoencoder, in the same process.

Run with ``pytest tests/benchmarks --benchmark-only``.
"""

import statistics
import time

import torch
from torch.nn import functional

from harness.activations.standardisation import Standardisation
from tasks.sae.autoencoder.config import SAEConfig
from tasks.sae.autoencoder.model import SparseAutoencoder
from tasks.sae.autoencoder.train import Trainer, learning_rate_factor

WIDTH, FEATURES, K, BATCH = 640, 5120, 32, 2048
ROUNDS = 40


def dense_step(autoencoder, optimizer, x, number):
    """The textbook step: dense code, dense products, one global top-k."""
    config = autoencoder.config
    z = autoencoder.standardise(x)
    scores = (z @ autoencoder.encoder.t() + autoencoder.encoder_bias).relu()
    chosen = scores.flatten().topk(config.k * len(x), sorted=False)
    code = torch.zeros_like(scores).flatten().scatter(0, chosen.indices, chosen.values).view_as(scores)
    output = code @ autoencoder.decoder + autoencoder.decoder_bias
    loss = (z - output).square().sum() / z.square().sum()
    optimizer.zero_grad()
    loss.backward()
    with torch.no_grad():
        gradient, decoder = autoencoder.decoder.grad, autoencoder.decoder
        gradient -= (gradient * decoder).sum(1, keepdim=True) * decoder
        torch.nn.utils.clip_grad_norm_(autoencoder.parameters(), config.clip)
        optimizer.param_groups[0]["lr"] = config.peak_learning_rate * learning_rate_factor(config, number)
        optimizer.step()
        autoencoder.decoder.copy_(functional.normalize(autoencoder.decoder))
    return loss.item()


def batches(count, generator):
    """Sparse sums of planted directions, of unit variance."""
    directions = functional.normalize(torch.randn(2000, WIDTH, generator=generator))
    for _ in range(count):
        chosen = torch.randint(2000, (BATCH, 24), generator=generator)
        amounts = torch.rand(BATCH, 24, generator=generator)
        x = functional.embedding_bag(chosen, directions, mode="sum", per_sample_weights=amounts)
        yield x * (WIDTH / x.square().sum(1).mean()).sqrt()


def test_training_is_twice_as_fast_as_dense_at_equal_loss(benchmark):
    import numpy as np

    standardisation = Standardisation(np.zeros(WIDTH), np.eye(WIDTH), BATCH, None)
    config = SAEConfig(features=FEATURES, k=K, batch_size=BATCH, steps=ROUNDS)
    ours, dense = (SparseAutoencoder(WIDTH, config, 0, standardisation=standardisation) for _ in range(2))
    trainer = Trainer(ours)
    optimizer = torch.optim.Adam(dense.parameters(), lr=config.peak_learning_rate)
    seconds = {"ours": [], "dense": []}
    losses = {}
    for number, x in enumerate(batches(ROUNDS, torch.Generator().manual_seed(0))):
        start = time.perf_counter()
        losses["dense"] = dense_step(dense, optimizer, x, number)
        middle = time.perf_counter()
        losses["ours"] = trainer.step(x, number)["loss"]
        seconds["dense"].append(middle - start)
        seconds["ours"].append(time.perf_counter() - middle)
    ratio = statistics.median(d / o for d, o in zip(seconds["dense"], seconds["ours"], strict=True))
    benchmark.extra_info |= {
        "ratio": ratio,
        "nucleotides_per_second": BATCH / statistics.median(seconds["ours"]),
        "dense_nucleotides_per_second": BATCH / statistics.median(seconds["dense"]),
        "loss": losses["ours"],
        "dense_loss": losses["dense"],
    }
    print(
        f"\n{ratio:.1f} times a dense step: {BATCH / statistics.median(seconds['ours']):,.0f} against "
        f"{BATCH / statistics.median(seconds['dense']):,.0f} nucleotides/s; share of variance left after "
        f"{ROUNDS} steps {losses['ours']:.5f} against {losses['dense']:.5f}"
    )
    benchmark.pedantic(trainer.step, args=(x, ROUNDS - 1), rounds=3)
    assert abs(losses["ours"] / losses["dense"] - 1) < 0.005
    assert ratio >= 2
