"""Time and memory of a dependency map: 3L + 1 passes of ncrna-nano."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.adapter import ModelOptions
from harness.datasets.records import Record
from harness.registry import Registry
from tasks.dependency_map.passes import map_of
from tasks.structure.data import Rna

SCRIPT = """
import sys
from pathlib import Path
import torch
from harness.adapter import ModelOptions
from harness.datasets.records import Record
from harness.registry import Registry
from tasks.dependency_map.passes import map_of
from tasks.structure.data import Rna

def megabytes(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024

torch.set_num_threads(1)
model = Registry.discover().model("ncrna-nano", ModelOptions())
map_of(model, Rna(Record("load", "ACGU" * 20)))
before = megabytes("VmRSS")
Path("/proc/self/clear_refs").write_text("5")
map_of(model, Rna(Record("measured", "ACGU" * (int(sys.argv[1]) // 4))))
print(megabytes("VmHWM") - before)
"""


def peak(length: int) -> float:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(length)], capture_output=True, text=True, check=True, timeout=300
    )
    return float(done.stdout)


def test_a_map_of_100_nt_takes_under_five_seconds_on_two_cores(benchmark) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    model = Registry.discover().model("ncrna-nano", ModelOptions())
    sequence = "".join(np.random.default_rng(0).choice(list("ACGU"), 100))
    model.load()
    try:
        benchmark.pedantic(map_of, args=(model, Rna(Record("r", sequence))), rounds=3)
    finally:
        torch.set_num_threads(threads)
    print(f"\nmap of 100 nt: {benchmark.stats['min']:.2f} s")
    assert benchmark.stats["min"] < 5


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peak memory is read from Linux's /proc")
def test_memory_is_that_of_a_batch_and_of_the_tables(benchmark) -> None:
    """Four times as long, four times as many passes: what grows is a few tables of 64 L² bytes, 3.5 MB at 240 nt."""
    short, long = peak(60), benchmark.pedantic(peak, args=(240,), rounds=1)
    print(f"\npeak memory beyond the weights: {short:.0f} MB at 60 nt, {long:.0f} MB at 240 nt")
    assert long < short + 8 * 64 * 240**2 / 2**20
