from __future__ import annotations

import numpy as np

from harness.datasets.records import Record
from tasks.structure.data import Rna
from tasks.structure.selection import GROUPS, Choice, GroupCounts, best, groups, shortlist
from tests.tasks.structure import slow
from tests.tasks.structure.planted import hairpin


def rnas(count: int) -> list[Rna]:
    made = [hairpin(seed, stem=3, loop=4) for seed in range(count)]
    return [Rna(Record(str(k), sequence, pairs=pairs)) for k, (sequence, pairs) in enumerate(made)]


def test_among_equals_the_lowest_layer_head_and_threshold_win() -> None:
    values = np.zeros((3, 1001))
    values[1, 7] = values[1, 900] = values[2, 3] = 0.5
    assert best([(1, 0), (1, 1), (2, 0)], values) == Choice(1, 1, 7)
    assert Choice(1, 1, 7).threshold == 0.007


def test_a_choice_predicts_in_float32() -> None:
    scores = np.array([0.1, np.nextafter(np.float32(0.1), np.float32(0)), 0.9], dtype=np.float32)
    assert Choice(1, 0, 100).predicted(scores).tolist() == [0, 2]


def test_the_shortlist_holds_the_best_heads_in_order() -> None:
    generator = np.random.default_rng(0)
    values = generator.random((50, 1001))
    heads = [(layer, head) for layer in range(5) for head in range(10)]
    found = shortlist(heads, values)
    ranked = sorted(range(50), key=lambda row: -values[row].max())[:32]
    assert found == [heads[row] for row in sorted(ranked)]


def test_draws_choose_what_a_loop_over_thresholds_chooses() -> None:
    members = rnas(3)
    generator = np.random.default_rng(1)
    scores = [generator.random((2, rna.pairs), dtype=np.float32).round(2) for rna in members]
    for own, rna in zip(scores, members, strict=True):
        own[1, rna.known[:2]] += np.float32(0.5)
    counts = GroupCounts([(1, 1), (3, 0)], members)
    for index, (rna, own) in enumerate(zip(members, scores, strict=True)):
        counts.add(index, 1, own, rna.known)
        counts.add(index, 2, own, rna.known)
        counts.add(index, 3, own, rna.known)
    weights = np.array([[1, 1, 1], [3, 0, 0], [0, 1, 2]], dtype=np.float64)
    for draw, choice in zip(weights, counts.choices(weights), strict=True):
        options = []
        for layer, head in ((1, 1), (3, 0)):
            drawn = [(scores[k][head], set(members[k].known.tolist())) for k in range(3) for _ in range(int(draw[k]))]
            value, step = slow.best_step(drawn)
            options.append((value, Choice(layer, head, step)))
        assert choice == max(options, key=lambda option: option[0])[1]


def test_many_units_are_drawn_in_groups() -> None:
    assert sorted(groups(rnas(3))) == [0, 1, 2]
    many = [Rna(Record(str(k), "ACGU", family=f"F{k // 2}", pairs=())) for k in range(600)]
    found = groups(many)
    assert 100 < found.max() + 1 <= GROUPS and (found[::2] == found[1::2]).all()
