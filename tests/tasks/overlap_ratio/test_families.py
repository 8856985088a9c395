from __future__ import annotations

import numpy as np
import pytest

from tasks.overlap_ratio.data import ComparedFamilies, prepare
from tasks.overlap_ratio.families import family_table
from tasks.overlap_ratio.intervals import ScoredPairs
from tasks.overlap_ratio.pairs import draw_pairs
from tasks.overlap_ratio.settings import OverlapRatioSettings
from tasks.overlap_ratio.similarity import cosine
from tests.tasks.overlap_ratio.planted import dataset, records

SETTINGS = OverlapRatioSettings(pair_count=3000)


def made() -> tuple[ComparedFamilies, np.ndarray, list[ScoredPairs]]:
    data = prepare(dataset(records(6, clans={0: "C", 1: "C"})), SETTINGS)
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(6, 8))
    centres[1] = centres[0]  # of one clan, and so no confusion
    centres[4] = centres[3] + 0.3 * generator.normal(size=8)
    units = centres[data.family] + 0.2 * generator.normal(size=(len(data.records), 8))
    units = (units / np.linalg.norm(units, axis=1, keepdims=True)).astype(np.float32)
    repeats = []
    for seed in range(2):
        pairs = draw_pairs(data, SETTINGS, seed)
        repeats.append(
            ScoredPairs(
                cosine(units, pairs.homologous),
                cosine(units, pairs.others),
                data.family[pairs.homologous],
                data.family[pairs.others],
            )
        )
    return data, units, repeats


def test_means_of_all_pairs_by_loops() -> None:
    data, units, repeats = made()
    table = family_table(data, repeats, units, {"F3": "tRNA"})
    wide = units.astype(np.float64)
    rows = {family: [k for k, r in enumerate(data.records) if r.family == family] for family in data.families}
    for number, row in enumerate(table.itertuples()):
        own = rows[row.family]
        within = np.mean([wide[i] @ wide[j] for i in own for j in own if i != j])
        across = {
            name: np.mean([wide[i] @ wide[j] for i in own for j in rows[name]])
            for k, name in enumerate(data.families)
            if data.clan[k] != data.clan[number]
        }
        nearest = max(across, key=across.__getitem__)
        assert row.within == pytest.approx(within, abs=1e-5)
        assert row.others == pytest.approx(np.mean(list(across.values())), abs=1e-5)
        assert (row.nearest, row.nearest_similarity) == (nearest, pytest.approx(across[nearest], abs=1e-5))
        assert row.confused == (across[nearest] >= within) and row.sequences == 5
    assert table["name"].tolist() == ["", "", "", "tRNA", "", ""]
    assert table["nearest"][3] == "F4" and table["nearest"][4] == "F3" and table["nearest"][0] != "F1"


def test_without_vectors_the_pairs_drawn_stand_for_all() -> None:
    data, units, repeats = made()
    whole, drawn = (family_table(data, repeats, part, {}) for part in (units, None))
    assert drawn["within"].to_numpy() == pytest.approx(whole["within"].to_numpy(), abs=0.02)
    assert drawn["others"].to_numpy() == pytest.approx(whole["others"].to_numpy(), abs=0.05)
    assert drawn["nearest"].tolist() == whole["nearest"].tolist()


def test_auroc_of_a_family_by_counting() -> None:
    data, units, repeats = made()
    table = family_table(data, repeats, units, {})
    own, leaving = [], []
    for scored in repeats:
        own += scored.homologous[scored.homologous_families[:, 0] == 2].tolist()
        leaving += scored.others[(scored.others_families == 2).any(axis=1)].tolist()
    wins = np.array(own)[:, None] - np.array(leaving)
    assert table["auroc"][2] == pytest.approx(((wins > 0) + (wins == 0) / 2).mean())
