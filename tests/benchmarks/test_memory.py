"""Peak memory of training does not grow with the number of sequences: 1x against 4x, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import resource, sys
from collections.abc import Iterator
import numpy as np
from harness.activations.reader import ModelReader
from harness.activations.stream import ActivationStream
from tasks.sae.autoencoder.config import SAEConfig
from tasks.sae.autoencoder.model import SparseAutoencoder
from tasks.sae.autoencoder.train import train
from tests.fakes import FakeModel

class Wide(FakeModel):
    def hidden_states(self, sequences, layers):
        for index, sequence in enumerate(sequences):
            states = np.random.default_rng(len(sequence)).normal(size=(len(sequence), 128)).astype(np.float32)
            yield index, {layer: states for layer in layers}

generator = np.random.default_rng(0)
count = int(sys.argv[1])
sequences = ["".join(generator.choice(list("ACGU"), 100)) for _ in range(count)]
config = SAEConfig(features=256, k=8, steps=30, batch_size=1024)
reader = ModelReader(Wide(width=128, max_length=200), sequences, (1,))
stream = ActivationStream(reader, 1024, seed=0, capacity_bytes=2**23)
assert not stream.fits
train({0: SparseAutoencoder(128, config, 0, 1)}, stream)
print(stream.nucleotides, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak(sequences: int) -> tuple[int, int]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(sequences)], capture_output=True, text=True, check=True, timeout=300
    )
    nucleotides, kilobytes = done.stdout.split()
    return int(nucleotides), int(kilobytes)


def test_peak_memory_is_that_of_a_quarter_of_the_sequences() -> None:
    few, small = peak(300)
    many, large = peak(1200)
    # 4x the activations would be 46 MB more
    assert many == 4 * few
    print(f"\npeak memory: {small / 1024:.0f} MB at {few:,} nt, {large / 1024:.0f} MB at {many:,} nt")
    assert large - small < 10 * 1024
