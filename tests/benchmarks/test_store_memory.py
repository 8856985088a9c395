"""Peak memory of embedding does not grow with the number of sequences, with the store being filled and being read.

What is lacking is offered to other processes, as in every cell.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

MOST = 1.2
"""What the peak at 100,000 sequences may be, in peaks at 1,000."""

SCRIPT = """
import sys
from pathlib import Path
import numpy as np
import torch
from harness.activations.store import ActivationStore
from harness.activations.stored_model import with_store
from harness.run.environment import peak_memory_mb
from tests.harness.activations.stored import Costly

class Quick(Costly):
    def _all(self, sequences, layers):
        self.asked.append(([], []))
        for index, sequence in enumerate(sequences):
            states = np.full((len(sequence) + 1, 16), len(sequence), dtype=np.float32)
            yield index, {layer: states for layer in layers}

generator = np.random.default_rng(0)
letters = np.array(list("ACGU"))
sequences = ["".join(letters[generator.integers(0, 4, 60)]) for _ in range(int(sys.argv[1]))]
inner = Quick(width=16, max_length=100)
store = ActivationStore(Path(sys.argv[2]), 10**9, print)
model = with_store(inner, store, {}, Path(sys.argv[2], "offers"))
model.load("cuda")  # in groups; one by one takes a longer time and less memory
total = sum(1 for _ in model.hidden_states(sequences, (1, 2)))
assert total == len(sequences)
print(peak_memory_mb(), len(inner.asked))
"""


def peak(sequences: int, folder: Path) -> tuple[float, int]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(sequences), str(folder)],
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    assert len(done.stdout.splitlines()) == 1, done.stdout
    megabytes, calls = done.stdout.split()
    return float(megabytes), int(calls)


def test_peak_memory_at_a_hundred_thousand_sequences_is_that_at_a_thousand(benchmark, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    few, _ = peak(1_000, tmp_path / "few")
    filling, calls = peak(100_000, tmp_path / "many")
    reading, none = benchmark.pedantic(peak, args=(100_000, tmp_path / "many"), rounds=1)
    print(f"\npeak memory: {few:.0f} MB at 1,000, {filling:.0f} MB filling and {reading:.0f} MB reading 100,000")
    assert calls > 50 and none == 0
    # states of 100,000 sequences are 770 MB
    assert filling < MOST * few and reading < MOST * few
