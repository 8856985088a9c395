from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from harness.datasets.records import Record
from tasks.structure.data import Rna
from tasks.structure.evaluation import average_precision, long_form, precision_at_top, rna_table
from tasks.structure.selection import Choice
from tests.tasks.structure.slow import pairs_of

SEQUENCE = "GGACGUNACGUAACUUGACGUACGUACGUUCC"


def example() -> tuple[Rna, np.ndarray]:
    pairs = ((0, 31), (1, 30), (1, 12), (2, 28), (6, 9), (14, 20))
    rna = Rna(Record("x", SEQUENCE, "F", cluster="c", pairs=pairs))
    return rna, np.random.default_rng(0).random(rna.pairs, dtype=np.float32)


def test_counts_of_every_class_are_those_of_sets() -> None:
    rna, scores = example()
    empty = Rna(Record("empty", "ACGUACGU", pairs=()))
    single = Rna(Record("single", "A", pairs=()))
    own = [scores, np.full(empty.pairs, 0.8, np.float32), np.zeros(0, np.float32)]
    table = rna_table([rna, empty, single], own, Choice(1, 0, 600), 0.7005, 0.9)
    pairs, truth = pairs_of(rna.length), set(rna.record.pairs or ())

    def canonical(pair: tuple[int, int]) -> bool:
        return frozenset(SEQUENCE[pair[0]] + SEQUENCE[pair[1]]) in {frozenset("AU"), frozenset("GC"), frozenset("GU")}

    def far(pair: tuple[int, int]) -> bool:
        return pair[1] - pair[0] >= 24

    classes = {
        "": lambda pair: True,
        "_canonical": canonical,
        "_noncanonical": lambda pair: not canonical(pair),
        "_long_range": far,
        "_short_range": lambda pair: not far(pair),
    }
    row = table.iloc[0]
    for suffix, belongs in classes.items():
        predicted = {p for p, s in zip(pairs, scores, strict=True) if s >= np.float32(0.6) and belongs(p)}
        known = {p for p in truth if belongs(p)}
        found = tuple(row[f"{name}{suffix}"] for name in ("tp", "fp", "fn"))
        assert found == (len(known & predicted), len(predicted - known), len(known - predicted)), suffix
    exact = {p for p, s in zip(pairs, scores, strict=True) if s >= np.float32(0.7005)}
    assert (row["tp_exact"], row["fp_exact"]) == (len(exact & truth), len(exact - truth))
    assert row["tp"] + row["fp"] + row["fn"] + row["tn"] == len(pairs)
    assert row["f1"] == 2 * row["tp"] / (2 * row["tp"] + row["fp"] + row["fn"])
    assert row["pairs"] == 6 and row["canonical_pairs"] == sum(map(canonical, truth)) and row["one_partner_pairs"] == 5

    for name in ("f1", "average_precision", "precision_top_half_length"):
        assert table[name].isna().tolist() == [False, True, True]
    assert table.loc[1, ["tp", "fp", "fn", "tn"]].tolist() == [0, 28, 0, 0]
    assert table.loc[2, ["tp", "fp", "fn", "tn", "fp_matched"]].tolist() == [0, 0, 0, 0, 0]
    items = long_form(table)
    assert set(items.columns) == {"item", "cluster", "family", "metric", "value"} and not items["value"].isna().any()
    assert "f1" not in set(items[items["item"] == "empty"]["metric"])


def test_precision_at_the_top_is_the_mean_over_all_orders_of_ties() -> None:
    scores = np.array([0.9, 0.5, 0.5, 0.5, 0.1], dtype=np.float32)
    known = np.array([0, 2])
    shares = []
    for order in permutations(range(5)):
        ranked = sorted(order, key=lambda k: -scores[k])
        shares.append(len(set(ranked[:3]) & {0, 2}) / 3)
    assert precision_at_top(scores, known, 3) == pytest.approx(np.mean(shares))
    assert precision_at_top(scores, known, 99) == pytest.approx(2 / 5)
    assert np.isnan(precision_at_top(scores, known[:0], 3)) and np.isnan(precision_at_top(scores, known, 0))


def test_average_precision_is_the_sum_over_thresholds() -> None:
    _, scores = example()
    scores = scores.round(1)
    known = np.array([3, 50, 120, 300])
    value, reached = 0.0, 0.0
    for threshold in sorted(set(scores.tolist()), reverse=True):
        predicted = set(np.flatnonzero(scores >= np.float32(threshold)).tolist())
        hits = len(predicted & set(known.tolist()))
        value += (hits / 4 - reached) * hits / len(predicted)
        reached = hits / 4
    assert average_precision(scores, known) == pytest.approx(value)
    assert np.isnan(average_precision(scores, known[:0]))
