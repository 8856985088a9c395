"""Speed and memory of overlap-ratio at the size of Rfam, once the vectors of the sequences are there.

Run with ``pytest tests/benchmarks --benchmark-only``.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import gaussian_kde

from harness.adapter import ModelAdapter, ModelCard
from harness.datasets.records import Dataset, DatasetCard, Record
from harness.progress import Progress
from harness.task import CellContext
from tasks.overlap_ratio.data import prepare
from tasks.overlap_ratio.density import POINTS
from tasks.overlap_ratio.intervals import ScoredPairs, density_overlap
from tasks.overlap_ratio.pairs import draw_pairs
from tasks.overlap_ratio.run import run_overlap
from tasks.overlap_ratio.settings import OverlapRatioSettings
from tasks.overlap_ratio.similarity import cosine, unit_vectors
from tasks.overlap_ratio.triplets import report as triplet_report
from tasks.overlap_ratio.triplets.choose import Tier, TripletSets
from tests.benchmarks.timing import best_of

FAMILIES, MEMBERS, WIDTH, LAYERS = 2809, 7, 640, 12
SETTINGS = OverlapRatioSettings(layers=(LAYERS,))


def dataset() -> Dataset:
    """As many families as Rfam 14.1 has; on average it keeps seven sequences of a family of three or more."""
    generator = np.random.default_rng(0)
    letters = generator.choice(list("ACGU"), size=(FAMILIES * MEMBERS, 60))
    rows = [
        Record(f"F{row // MEMBERS}/{row % MEMBERS}", "".join(line), family=f"F{row // MEMBERS}")
        for row, line in enumerate(letters)
    ]
    return Dataset(DatasetCard(name="large", summary="random sequences"), tuple(rows))


class Immediate(ModelAdapter):
    """Hidden states of one nucleotide's worth of work, so that what is measured is all the rest."""

    def __init__(self, data: Dataset) -> None:
        self.card = ModelCard(
            name="immediate",
            summary="noise about a direction per family",
            architecture="none",
            capabilities=frozenset({"hidden_states", "leading"}),
            layers=LAYERS,
            width=WIDTH,
        )
        generator = np.random.default_rng(1)
        self.noise = generator.normal(size=(4000, WIDTH)).astype(np.float32)
        self.family = {record.sequence: int((record.family or "F0")[1:]) for record in data.records}

    def identity(self) -> str:
        return "immediate"

    def hidden_states_with_leading(self, sequences, layers):  # type: ignore[no-untyped-def]
        for index, sequence in enumerate(sequences):
            start = index % 3900
            states = self.noise[start : start + 1 + len(sequence)] + 0.2 * self.noise[self.family[sequence]]
            yield index, {layer: states for layer in layers}


def main(folder: Path) -> None:
    """Prints seconds after the embedding, and the peak of memory in MB."""
    data = dataset()
    tier = Tier(np.empty((0, 3), np.int64), (), 1.0, {}, ())
    triplet_report.find_triplets = lambda dataset: TripletSets((), tier, tier)
    context = CellContext("cpu", folder, folder, Progress(quiet=True))
    outcome = run_overlap(Immediate(data), data, SETTINGS, context)
    assert {"overlap_ratio_mean", "overlap_ratio_review_fft_leading", "overlap_ratio_dct"} <= set(outcome.metrics)
    # triplets are found once per dataset and kept
    seconds = sum(spent for phase, spent in context.seconds.items() if phase not in ("embedding", "triplets"))
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000, outcome.used)


def test_all_families_all_variants_in_twenty_seconds_and_two_gigabytes(benchmark, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    command = [
        sys.executable,
        "-c",
        f"from tests.benchmarks.test_overlap import main, Path; main(Path({str(tmp_path)!r}))",
    ]
    done = benchmark.pedantic(
        subprocess.run, [command], {"capture_output": True, "text": True, "check": True}, rounds=1
    )
    seconds, megabytes, used = map(float, done.stdout.split())
    print(
        f"\n{FAMILIES} families, {used:.0f} sequences, 3 x 200,000 pairs, 4 variants: {seconds:.1f} s after the "
        f"embedding, {megabytes:.0f} MB at most"
    )
    benchmark.extra_info |= {"seconds": seconds, "megabytes": megabytes}
    assert seconds < 20 and megabytes < 2000


def loop(vectors: np.ndarray, pairs: np.ndarray) -> list[float]:
    """The loop over pairs as it is usually written."""
    found = []
    for i, j in pairs:
        a, b = vectors[i], vectors[j]
        found.append(float(np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b))))
    return found


def usual_ratio(first: np.ndarray, second: np.ndarray) -> float:
    """The overlap ratio by scipy, on as many points."""
    low, high = min(first.min(), second.min()), max(first.max(), second.max())
    x = np.linspace(low - 0.1 * (high - low), high + 0.1 * (high - low), POINTS)
    p, q = gaussian_kde(first)(x), gaussian_kde(second)(x)
    return float(np.minimum(p, q).sum() / np.maximum(p, q).sum())


@pytest.mark.parametrize("width", [128, 640])
def test_against_a_loop_over_pairs(benchmark, width: int) -> None:  # type: ignore[no-untyped-def]
    """One variant, one drawing of 200,000 pairs: similarities, and similarities with their overlap ratio."""
    data = prepare(dataset(), SETTINGS)
    pairs = draw_pairs(data, SETTINGS, 0)
    directions = np.random.default_rng(0).normal(size=(FAMILIES, width))[data.family]
    vectors = (directions + np.random.default_rng(1).normal(size=directions.shape)).astype(np.float32)
    part = pairs.others[::20]

    def similarities() -> list[np.ndarray]:
        units = unit_vectors(vectors, data.records, "benchmark")
        return [cosine(units, own) for own in (pairs.homologous, pairs.others)]

    def ratio() -> float:
        first, second = similarities()
        return float(density_overlap(ScoredPairs(first, second, pairs.homologous, pairs.others))["overlap_ratio"])

    fast = {"similarities": best_of(similarities), "ratio": best_of(ratio)}
    looped = best_of(lambda: loop(vectors, part), 1) / len(part) * 2 * len(pairs.others)
    first, second = similarities()
    slow = {"similarities": looped, "ratio": looped + best_of(lambda: usual_ratio(first, second), 1)}
    assert second[::20] == pytest.approx(np.array(loop(vectors, part)), abs=1e-5)
    assert ratio() == pytest.approx(usual_ratio(first, second), rel=0.01)
    times = {name: slow[name] / fast[name] for name in fast}
    print(
        f"\n{width} wide: " + ", ".join(f"{n} {fast[n]:.2f} s against {slow[n]:.1f} s, {times[n]:.0f}x" for n in fast)
    )
    benchmark.extra_info |= times
    benchmark.pedantic(ratio, rounds=1)
    assert times["ratio"] >= 30
