"""Thresholds and counts against loops; examples and their weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.storage.kept import read_kept, write_kept
from tasks.probe_structure.examples import examples_of, order, sizes, teaching
from tasks.probe_structure.scoring import Scored, score
from tasks.structure.data import Rna, StructureData
from tests.tasks.probe_structure.planted import PAIRS, dataset
from tests.tasks.structure import slow


def split() -> StructureData:
    parts = {part: tuple(Rna(r) for r in dataset().records if r.split == part) for part in ("train", "select", "test")}
    return StructureData(**parts, skipped={}, split="given")


def noisy(rna: Rna, scale: float) -> np.ndarray:
    logits = np.random.default_rng(rna.pairs + int(rna.record.id[1:])).normal(size=rna.pairs)
    logits[rna.known] += 2.5
    return (scale * logits - 3).astype(np.float32)


@pytest.mark.parametrize("scale", [1.0, 0.001, 40.0])
def test_threshold_and_counts_are_those_of_loops_whatever_the_scale(scale: float) -> None:
    data = split()
    select, test = ([noisy(rna, scale) for rna in some] for some in (data.select, data.test))
    found = score(select, test, data, 100)
    known = sum(len(rna.known) for rna in data.select)
    flat = np.concatenate(select).astype(np.float64)
    centre, unit = np.sort(flat)[-known], flat.std()

    def grid(logits: np.ndarray) -> np.ndarray:
        return (1 / (1 + np.exp(-(logits.astype(np.float64) - centre) / unit))).astype(np.float32)

    value, step = slow.best_step(
        [(grid(own), set(rna.known.tolist())) for own, rna in zip(select, data.select, strict=True)]
    )
    assert (found.validation, found.threshold) == (pytest.approx(value, abs=0.01), pytest.approx(step / 1000, abs=0.01))
    threshold = np.float32(found.threshold)
    counts = [slow.counts(grid(own), set(r.known.tolist()), threshold) for own, r in zip(test, data.test, strict=True)]
    assert found.f1(PAIRS * len(data.test)) == pytest.approx(slow.pooled_f1(counts), abs=0.01)
    own = found.estimates(data.test, 100)["f1_pooled"]
    assert own.value == pytest.approx(found.f1(PAIRS * len(data.test))) and own.n == len(data.test)
    assert own.draws.std() > 0


def test_what_is_stored_comes_back(tmp_path: object) -> None:
    data = split()
    found = score(*([noisy(rna, 1) for rna in some] for some in (data.select, data.test)), data, 100)
    path = tmp_path / "kept.npz"  # type: ignore[operator]
    write_kept(path, "now", found.arrays("own"))
    again = Scored.of(read_kept(path, "now"), "own")
    assert (again.validation, again.threshold) == (found.validation, found.threshold)
    np.testing.assert_array_equal(again.predicted, found.predicted)
    np.testing.assert_array_equal(again.drawn, found.drawn)


def test_examples_hold_every_base_pair_and_stand_for_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.probe_structure.examples.OTHERS", 50)
    rna = Rna(dataset().records[0], np.arange(22) // 2)
    own = examples_of(rna)
    assert set(own.pairs[own.known]) == set(rna.known) and len(own.pairs) == len(rna.known) + 50
    assert own.weight.sum() == pytest.approx(rna.pairs - len(rna.inside))
    assert not set(own.pairs) & set(rna.inside) and len(set(own.pairs)) == len(own.pairs)


def test_few_training_rnas_are_among_many_and_a_seed_takes_its_own() -> None:
    rnas = list(split().train)
    assert sorted(order(rnas, 0)) == list(range(len(rnas))) and order(rnas, 0) != order(rnas, 1)
    fewer = [rna for k, rna in enumerate(rnas) if k != order(rnas, 0)[-1]]
    names = [rnas[k].record.id for k in order(rnas, 0)[:-1]]
    assert [fewer[k].record.id for k in order(fewer, 0)] == names
    assert sizes((20, 100), 150) == (20, 100, 150) and sizes((20, 100), 20) == (20,) and sizes((20, 100), 7) == (7,)
    bare = replace(rnas[0].record, pairs=())
    assert teaching([Rna(bare), rnas[1]]) == [rnas[1]]
