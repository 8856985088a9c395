"""Neff against two loops over rows, and where its value is known."""

from __future__ import annotations

import numpy as np
import pytest

from harness.sequences import homologs
from harness.sequences.alignment import Alignment
from harness.sequences.homologs import effective_size


def slow(rows: tuple[str, ...], identity: float) -> float:
    total = 0.0
    for own, first in enumerate(rows):
        alike = 0
        for other, second in enumerate(rows):
            both = [(a, b) for a, b in zip(first, second, strict=True) if a in "ACGU" and b in "ACGU"]
            alike += own == other or (bool(both) and sum(a == b for a, b in both) / len(both) >= identity)
        total += 1 / alike
    return total


def family(seed: int, groups: int, members: int, length: int = 40) -> tuple[str, ...]:
    """Groups of rows that differ in a few places, with gaps and unknown letters."""
    generator = np.random.default_rng(seed)
    rows = []
    for _ in range(groups):
        ancestor = generator.choice(list("ACGU"), length)
        for _ in range(members):
            row = ancestor.copy()
            places = generator.choice(length, generator.integers(0, 14), replace=False)
            row[places] = generator.choice(list("ACGU-N"), len(places))
            rows.append("".join(row))
    return tuple(rows)


@pytest.mark.parametrize("identity", [0.8, 0.62, 1.0])
def test_neff_is_that_of_loops(identity: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(homologs, "_ROWS", 7)
    values = set()
    for seed in range(6):
        rows = family(seed, groups=4, members=5)
        found = effective_size(Alignment("a", rows), identity)
        assert found == pytest.approx(slow(rows, identity)) and 1 <= found <= len(rows)
        values.add(round(found, 6))
    assert len(values) > 1


def test_identical_rows_are_one_and_unlike_rows_are_all() -> None:
    assert effective_size(Alignment("a", ("ACGUACGUAC",) * 7)) == pytest.approx(1)
    assert effective_size(Alignment("a", ("ACGU",))) == 1
    unlike = ("AAAAAAAAAA", "CCCCCCCCCC", "GGGGGGGGGG", "UUUUUUUUUU")
    assert effective_size(Alignment("a", unlike)) == pytest.approx(4)
    assert effective_size(Alignment("a", unlike * 3)) == pytest.approx(4)


def test_identity_counts_shared_columns_only_and_reaches_its_limit() -> None:
    # 8 of 10 shared columns: alike; 7 of 10: not; a gap or an N is no column
    assert effective_size(Alignment("a", ("ACGUACGUAC--", "ACGUACGUUUGG"))) == pytest.approx(1)
    assert effective_size(Alignment("a", ("ACGUACGUAC", "ACGUACGAUU"))) == pytest.approx(2)
    assert effective_size(Alignment("a", ("ACGUACGUAC", "NNNNN---AC"))) == pytest.approx(1)
    assert effective_size(Alignment("a", ("ACGU----", "----ACGU", "NNNNNNNN"))) == pytest.approx(3)


def test_the_query_row_changes_nothing() -> None:
    rows = family(9, 3, 4)
    assert effective_size(Alignment("a", rows, 5)) == pytest.approx(effective_size(Alignment("a", rows)))
