"""Peak memory of structure-f1's passes does not grow with depth: 1 layer against 33, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
import tempfile
from functools import partial
from pathlib import Path
import numpy as np
import torch
from harness.adapter import ModelOptions
from harness.datasets.records import Record
from harness.progress import Progress
from harness.task import CellContext
from model_adapters.catalog.models import ENTRIES
from model_adapters.encoder.adapter import EncoderAdapter
from tasks.structure.data import Rna
from tasks.structure.protocol import tally
from tasks.structure.scoring import visit_scores

def megabytes(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024

torch.set_num_threads(1)
shape = {"num_hidden_layers": int(sys.argv[1]), "hidden_size": 640, "intermediate_size": 2560}
entry = ENTRIES["rinalmo-micro"]
model = EncoderAdapter(entry.model_copy(update={"config": dict(entry.config) | shape}), ModelOptions(), 0)
generator = np.random.default_rng(0)
sequences = ["".join(generator.choice(list("ACGU"), length)) for length in (10, 400, 400)]
rnas = [Rna(Record(str(k), sequence, pairs=((0, 9),))) for k, sequence in enumerate(sequences)]
folder = Path(tempfile.mkdtemp())
context = CellContext("cpu", folder, folder, Progress(quiet=True))
show = partial(visit_scores, model, None, context)
tally(show, rnas[:1], context, "load")
before = megabytes("VmRSS")
Path("/proc/self/clear_refs").write_text("5")
pooled = tally(show, rnas, context, "measured")
print(len(pooled.heads), megabytes("VmHWM") - before)
"""


def peak(layers: int) -> float:
    command = [sys.executable, "-c", SCRIPT, str(layers)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    heads, megabytes = done.stdout.split()
    assert int(heads) == 20 * layers
    return float(megabytes)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peak memory is read from Linux's /proc")
def test_memory_beyond_the_weights_does_not_grow_with_layers(benchmark) -> None:
    one, many = peak(1), benchmark.pedantic(peak, args=(33,), rounds=1)
    benchmark.extra_info |= {"one_layer": one, "33_layers": many}
    print(f"\npeak memory beyond the weights, 400 nt: {one:.0f} MB with 1 layer, {many:.0f} MB with 33")
    assert many < 150 and many < 2 * one
