"""Scores of families by kind and number of sequences, against loops; tests/tasks/overlap_ratio has a whole task."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from harness.datasets.records import Dataset, DatasetCard, Record
from tasks import kinds
from tasks.kinds import FamilyKinds
from tasks.levels import UNCLASSIFIED, Levels, places

FAMILIES = tuple(f"F{f:02}" for f in range(24))
LEVELS = Levels(
    {
        "clan": {name: (f"clan {k // 3}",) for k, name in enumerate(FAMILIES)},
        "architecture": {name: (UNCLASSIFIED if k < 3 else f"shape {k % 2}",) for k, name in enumerate(FAMILIES)},
        "type": {name: ("Gene", "even" if k % 2 == 0 else "odd") for k, name in enumerate(FAMILIES) if k < 12},
    },
    {},
)


def dataset(families: tuple[str, ...] = FAMILIES) -> Dataset:
    rows = [Record(f"{name}/{m}", "ACGU", family=name) for k, name in enumerate(families) for m in range(1 + k % 7)]
    return Dataset(DatasetCard(name="planted", summary="families"), tuple(rows))


@pytest.fixture(autouse=True)
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "levels_of", lambda data, labels: LEVELS)


def test_means_by_kind_and_by_thirds_leave_out_what_has_no_score() -> None:
    scores = np.random.default_rng(0).uniform(size=24)
    scores[4] = np.nan
    found = FamilyKinds.of(dataset(), FAMILIES)
    assert found is not None and found.number.tolist() == [1 + k % 7 for k in range(24)]
    rows = {(row.name, row.stratum): row for row in found.rows("share", scores, "own", 3, 100)}
    assert {(row.source, row.layer) for row in rows.values()} == {("own", 3)}
    even = [k for k in range(12) if k % 2 == 0 and k != 4]
    row = rows["share_by_rfam_type", "even"]
    assert row.value == pytest.approx(scores[even].mean()) and row.n == len({k // 3 for k in even})
    assert row.low is None  # of four clans
    unplaced = rows.get(("share_by_architecture", UNCLASSIFIED))
    assert unplaced is None  # three families are too few
    shape = [k for k in range(3, 24) if k % 2 == 1]
    row = rows["share_by_architecture", "shape 1"]
    assert row.value == pytest.approx(scores[shape].mean()) and row.low < row.value < row.high
    known = [k for k in range(24) if k != 4]
    expected = spearmanr(scores[known], [1 + k % 7 for k in known]).statistic
    assert rows["share_by_number_of_sequences", "rank correlation"].value == pytest.approx(expected)
    thirds = [stratum for name, stratum in rows if stratum.endswith("sequences")]
    # the four families of one sequence, below the first third, are too few for a mean
    assert thirds == ["2 to 4 sequences", "5 to 7 sequences"]
    for stratum in thirds:
        low, _, high, _ = stratum.split()
        own = [k for k in known if int(low) <= 1 + k % 7 <= int(high)]
        assert rows["share_by_number_of_sequences", stratum].value == pytest.approx(scores[own].mean())


def test_the_note_counts_what_is_known_and_few_families_have_no_kinds() -> None:
    found = FamilyKinds.of(dataset(), FAMILIES)
    assert found is not None and "24 of 24 families" in found.note
    assert "21 have an architecture" in found.note and "known of 12 here" in found.note
    assert FamilyKinds.of(dataset(FAMILIES[:19]), FAMILIES[:19]) is None


def test_places_are_numbers_of_clans_and_architectures() -> None:
    clan, architecture = places((*FAMILIES, "other"), LEVELS)
    assert clan.tolist() == [-1] * 3 + [k // 3 - 1 for k in range(3, 24)] + [-1]
    assert architecture.tolist() == [-1] * 3 + [k % 2 for k in range(3, 24)] + [-1]
