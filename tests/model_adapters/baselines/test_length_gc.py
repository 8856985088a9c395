from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from harness.adapter import ModelOptions
from harness.datasets.resolve import load_dataset
from model_adapters.baselines.length_gc import SPREAD, LengthGc


def similarity(*pairs: tuple[str, str]) -> np.ndarray:
    return LengthGc(ModelOptions()).similarity(pairs)


def test_the_similarity_is_the_negative_distance() -> None:
    length, gc = math.log(2) / SPREAD[0], 0.5 / SPREAD[1]
    values = similarity(("AAGG", "CUCU"), ("AAAA", "AAAAUUUU"), ("AAUU", "AGCU"), ("AAUU", "ACGUACGU"))
    np.testing.assert_allclose(values, [0, -length, -gc, -math.hypot(length, gc)], rtol=1e-6)
    assert values.dtype == np.float32


def test_it_is_symmetric_and_does_not_depend_on_the_other_pairs() -> None:
    pairs = [("ACGUACG", "GGGAUUUC"), ("AC", "GGC"), ("NNNA", "C")]
    values = similarity(*pairs)
    np.testing.assert_array_equal(values, similarity(*[(second, first) for first, second in pairs]))
    np.testing.assert_array_equal(values, [similarity(pair)[0] for pair in pairs])


def test_n_counts_for_the_length_only() -> None:
    np.testing.assert_allclose(similarity(("AGNN", "CCAA"), ("NNNN", "AAGC")), [0, 0], atol=1e-7)
    assert similarity(("GGN", "GG"))[0] < 0
    assert len(similarity()) == 0


def test_the_spread_is_that_of_rfam(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_DATA", str(data_folder))
    families: dict[str, list[tuple[float, float]]] = {}
    for record in load_dataset("families/rfam14_1_seed.fasta.gz").records:
        known = [letter in "GC" for letter in record.sequence if letter != "N"]
        families.setdefault(record.family or "", []).append((math.log(len(record.sequence)), sum(known) / len(known)))
    mean = np.mean([np.mean(rows, axis=0) for rows in families.values()], axis=0)
    variance = np.mean([np.mean((np.array(rows) - mean) ** 2, axis=0) for rows in families.values()], axis=0)
    np.testing.assert_allclose(SPREAD, np.sqrt(variance), atol=0.0005)
