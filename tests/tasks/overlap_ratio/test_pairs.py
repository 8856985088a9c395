from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.datasets.records import Record
from tasks.overlap_ratio.data import ComparedFamilies, prepare
from tasks.overlap_ratio.pairs import Pairs, draw_pairs
from tasks.overlap_ratio.settings import OverlapRatioSettings
from tests.tasks.overlap_ratio.planted import dataset, records, sequence_of

SETTINGS = OverlapRatioSettings(pair_count=20_000)


def made(rows: list[Record], settings: OverlapRatioSettings = SETTINGS) -> ComparedFamilies:
    return prepare(dataset(rows), settings)


def share_a_family(data: ComparedFamilies, pairs: Pairs) -> float:
    """The share of the 'non-homologous' pairs that are of one family: 0 but in the review's sampling."""
    families = data.family[pairs.others]
    return float((families[:, 0] == families[:, 1]).mean())


def test_homologs_share_a_family_and_others_no_clan() -> None:
    rows = records(6, clans={0: "C", 1: "C"})
    # one sequence in two families is in no pair with itself
    rows.append(replace(rows[-1], id="F2/x", family="F2"))
    data = made(rows)
    pairs = draw_pairs(data, SETTINGS, 0)
    assert pairs.homologous.shape == pairs.others.shape == (20_000, 2)
    assert (data.family[pairs.homologous][:, 0] == data.family[pairs.homologous][:, 1]).all()
    for part in (pairs.homologous, pairs.others):
        assert (data.sequence[part][:, 0] != data.sequence[part][:, 1]).all()
    clans = data.clan[data.family[pairs.others]]
    assert (clans[:, 0] != clans[:, 1]).all()
    assert share_a_family(data, pairs) == 0


def test_families_are_as_likely_whatever_their_size() -> None:
    rows = [Record(f"F{f}/{m}", sequence_of(50 * f + m), family=f"F{f}") for f in range(5) for m in range(3 + 2 * f)]
    data = made(rows)
    pairs = draw_pairs(data, SETTINGS, 0)
    drawn = np.bincount(data.family[pairs.homologous[:, 0]]) / 20_000
    assert drawn == pytest.approx(np.full(5, 0.2), abs=0.02)
    touched = np.bincount(data.family[pairs.others].ravel()) / 40_000
    assert touched == pytest.approx(np.full(5, 0.2), abs=0.02)
    # and every pair of members of a family
    own = pairs.homologous[data.family[pairs.homologous[:, 0]] == 4]
    _, counts = np.unique(own, axis=0, return_counts=True)
    assert len(counts) == 45 and counts.min() > 0.6 * counts.mean()


def test_pairs_follow_the_seed() -> None:
    data = made(records())
    first, again, other = (draw_pairs(data, SETTINGS, seed) for seed in (0, 0, 1))
    assert (first.homologous == again.homologous).all() and (first.others == again.others).all()
    assert (first.others != other.others).any()


def test_the_review_pairs_members_of_one_family() -> None:
    sizes = (20, 10, 5, 2)
    rows = [Record(f"F{f}/{m}", sequence_of(50 * f + m), family=f"F{f}") for f, n in enumerate(sizes) for m in range(n)]
    settings = OverlapRatioSettings(pairs="review", pair_count=40_000)
    data = made(rows, settings)
    pairs = draw_pairs(data, settings, 0)
    expected = sum(n * (n - 1) for n in sizes) / (37 * 36)
    assert share_a_family(data, pairs) == pytest.approx(expected, abs=0.01)
    # two members are too few for a homologous pair, and enough for the other kind
    assert 3 not in data.family[pairs.homologous] and 3 in data.family[pairs.others]
    touched = np.bincount(data.family[pairs.others].ravel()) / 80_000
    assert touched == pytest.approx(np.array(sizes) / 37, abs=0.01)


def test_the_review_on_rfam_pairs_families_alike_whatever_their_size_and_clan() -> None:
    sizes = (20, 10, 5, 2)
    rows = [
        Record(f"F{f}/{m}", sequence_of(50 * f + m), family=f"F{f}", clan="C" if f < 2 else None)
        for f, n in enumerate(sizes)
        for m in range(n)
    ]
    rows.append(replace(rows[-1], id="F3/x"))  # an identical sequence stays
    settings = OverlapRatioSettings(pairs="review-rfam", pair_count=40_000)
    data = made(rows, settings)
    assert data.sizes.tolist() == [10, 10, 5, 3] and data.skipped == {"sequences beyond 10 of their family": 10}
    pairs = draw_pairs(data, settings, 0)
    assert share_a_family(data, pairs) == 0
    families = np.sort(data.family[pairs.others], axis=1)
    found, counts = np.unique(families, axis=0, return_counts=True)
    assert found.tolist() == [[a, b] for a in range(4) for b in range(a + 1, 4)]  # 0 and 1 are of one clan
    assert counts / 40_000 == pytest.approx(np.full(6, 1 / 6), abs=0.01)
    members = np.bincount(pairs.others.ravel()) / 80_000
    assert members == pytest.approx(1 / 4 / data.sizes[data.family], abs=0.005)


def test_archive_ii_shares_a_fifth(data_folder, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.datasets.resolve import load_dataset

    monkeypatch.setenv("HARNESS_DATA", str(data_folder))
    settings = OverlapRatioSettings(pairs="review", longest=10_000)
    data = prepare(load_dataset("archiveii"), settings)
    assert share_a_family(data, draw_pairs(data, settings, 0)) == pytest.approx(0.216, abs=0.005)
