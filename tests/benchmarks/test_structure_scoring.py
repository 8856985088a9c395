"""Speed of scoring all heads at all thresholds, against the loop over thresholds and against the forward pass.

Run with ``pytest tests/benchmarks --benchmark-only``.
"""

from __future__ import annotations

import os
import statistics
import time
import tracemalloc

import numpy as np
import pytest

from tasks.structure.counts import Tally, count
from tasks.structure.maps import Scores, pair_probabilities
from tests.benchmarks.timing import best_of

HEADS, LAYERS, LENGTHS = 20, 6, np.linspace(110, 400, 30).astype(int)
STEPS_TIMED = 11


def example(length: int, seed: int = 0) -> tuple[Scores, np.ndarray]:
    """One layer of softmax maps, and indices of known pairs."""
    generator = np.random.default_rng([seed, length])
    weights = np.exp(generator.normal(scale=2, size=(HEADS, length, length)))
    maps = (weights / weights.sum(axis=2, keepdims=True)).astype(np.float32)
    pairs = length * (length - 1) // 2
    return maps, np.sort(generator.choice(pairs, length // 3, replace=False))


def loop(scores: Scores, truth: np.ndarray, steps: range) -> list[tuple[int, int, int]]:
    """The loop over thresholds for one head as it is usually written: tp, fp, fn from arrays of booleans."""
    found = []
    for step in steps:
        predicted = scores >= np.float32(step / 1000)
        tp, fp, fn = predicted & truth, predicted & ~truth, ~predicted & truth
        found.append((np.count_nonzero(tp), np.count_nonzero(fp), np.count_nonzero(fn)))
    return found


def lean_loop(scores: Scores, truth: np.ndarray, steps: range) -> list[tuple[int, int, int]]:
    """The least work per threshold: two counts, fp and fn by subtraction."""
    found, known = [], int(truth.sum())
    for step in steps:
        predicted = scores >= np.float32(step / 1000)
        tp = np.count_nonzero(predicted & truth)
        found.append((tp, np.count_nonzero(predicted) - tp, known - tp))
    return found


def test_all_thresholds_are_fifty_times_faster_than_the_loop(benchmark) -> None:
    """30 RNAs of 110 to 400 nt, 6 layers of 20 heads; loops are timed on one head of each RNA at 11 thresholds.

    Both sides begin with the same scores in memory; what comes before, the corrected maps, is printed apart.
    """
    seconds = {"scoring": 0.0, "loop": 0.0, "lean loop": 0.0, "maps": 0.0}
    steps = range(0, 1001, 1000 // (STEPS_TIMED - 1))
    for length in LENGTHS.tolist():
        maps, known = example(length)
        scores = pair_probabilities(maps)
        truth = np.zeros(scores.shape[1], dtype=bool)
        truth[known] = True
        seconds["maps"] += best_of(lambda maps=maps: pair_probabilities(maps)) * LAYERS
        seconds["scoring"] += best_of(lambda scores=scores, known=known: count(scores, known)) * LAYERS
        counts = count(scores, known)
        for name, function in (("loop", loop), ("lean loop", lean_loop)):
            once = best_of(lambda f=function, own=scores[0], truth=truth: f(own, truth, steps))
            seconds[name] += once / len(steps) * 1001 * HEADS * LAYERS
            hits, predicted = (part[0, list(steps)] for part in counts)
            expected = zip(hits.tolist(), (predicted - hits).tolist(), (len(known) - hits).tolist(), strict=True)
            assert function(scores[0], truth, steps) == list(expected)
    ratio, lean = (seconds[name] / seconds["scoring"] for name in ("loop", "lean loop"))
    benchmark.extra_info |= {"ratio": ratio, "lean_ratio": lean, **seconds}
    print(
        f"\nall heads, all thresholds: {seconds['scoring']:.2f} s; loop (extrapolated) {seconds['loop']:.1f} s, "
        f"{ratio:.0f} times; leanest loop {seconds['lean loop']:.1f} s, {lean:.0f} times; "
        f"symmetrisation, correction and sigmoid: {seconds['maps']:.2f} s"
    )
    benchmark.pedantic(count, args=(scores, known), rounds=3)
    assert ratio >= 50


@pytest.mark.parametrize("length", [100, 400])
def test_scoring_costs_less_than_the_forward_pass(benchmark, length: int) -> None:
    """A layer of 20 heads, 640 wide: projections, attention, a feed-forward net of four times the width."""
    import torch
    from torch import nn

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    block = nn.TransformerEncoderLayer(640, HEADS, 2560, batch_first=True).eval()
    x = torch.randn(1, length, 640)
    maps, known = example(length)
    seconds: dict[str, list[float]] = {"forward": [], "scoring": []}
    with torch.inference_mode():
        for _ in range(7):
            start = time.perf_counter()
            normed = block.norm1(x)
            attended, _ = block.self_attn(normed, normed, normed, need_weights=True, average_attn_weights=False)
            block.linear2(block.activation(block.linear1(block.norm2(x + attended))))
            middle = time.perf_counter()
            count(pair_probabilities(maps), known)
            seconds["forward"].append(middle - start)
            seconds["scoring"].append(time.perf_counter() - middle)
    forward, scoring = (statistics.median(seconds[name]) for name in ("forward", "scoring"))
    benchmark.extra_info |= {"forward": forward, "scoring": scoring}
    print(f"\n{length} nt, one layer: forward {1000 * forward:.1f} ms, scoring {1000 * scoring:.1f} ms")
    benchmark.pedantic(lambda: count(pair_probabilities(maps), known), rounds=3)
    assert scoring < forward


def test_memory_of_scoring_does_not_grow_with_layers() -> None:
    maps, known = example(400)

    def peak(layers: int) -> int:
        tally = Tally()
        tracemalloc.start()
        for layer in range(layers):
            tally.add(layer, count(pair_probabilities(maps), known))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    one, many = peak(1), peak(33)
    print(
        f"\npeak memory of scoring at 400 nt, 20 heads: {one / 2**20:.0f} MB for one layer, {many / 2**20:.0f} for 33"
    )
    # counts of 32 further layers take 10 MB
    assert many < one + 15 * 2**20
