"""Peak memory of a network of the catalog, made tiny, does not grow with the number of sequences."""

from __future__ import annotations

import subprocess
import sys

MOST = 1.2
"""What the peak at 100,000 sequences may be, in peaks at 1,000."""

SCRIPT = """
import sys
import numpy as np
from harness.adapter import ModelOptions
from harness.run.environment import peak_memory_mb
from model_adapters.catalog.models import ENTRIES
from model_adapters.encoder.adapter import EncoderAdapter

shape = {"num_hidden_layers": 2, "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2}
entry = ENTRIES["rinalmo-micro"]
model = EncoderAdapter(entry.model_copy(update={"config": dict(entry.config) | shape}), ModelOptions(), 0)
generator = np.random.default_rng(0)
letters = np.array(list("ACGU"))
sequences = ["".join(letters[generator.integers(0, 4, 20)]) for _ in range(int(sys.argv[1]))]
nucleotides = sum(len(states[2]) for _, states in model.hidden_states(sequences, (1, 2)))
print(peak_memory_mb(), nucleotides)
"""


def peak(sequences: int) -> tuple[float, int]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(sequences)], capture_output=True, text=True, check=True, timeout=600
    )
    megabytes, nucleotides = done.stdout.split()
    return float(megabytes), int(nucleotides)


def test_peak_memory_at_a_hundred_thousand_sequences_is_that_at_a_thousand(benchmark) -> None:  # type: ignore[no-untyped-def]
    few, _ = peak(1_000)
    many, nucleotides = benchmark.pedantic(peak, args=(100_000,), rounds=1)
    print(f"\npeak memory: {few:.0f} MB at 1,000 sequences, {many:.0f} MB at 100,000")
    assert nucleotides == 2_000_000  # of two layers: 510 MB if they were kept
    assert many < MOST * few
