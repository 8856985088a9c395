"""What a family's feature says of its relatives: the relations and the numbers against loops."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from harness.datasets.records import Dataset, DatasetCard, Record
from harness.statistics.bootstrap import cluster_bootstrap_mean
from tasks import kinds
from tasks.levels import ARCHITECTURE_LEVEL, CLAN_LEVEL, FAMILY_LEVEL, Levels
from tasks.sae_families.kinds import add_kinds, relations
from tasks.sae_families.scores import Items

FAMILIES = tuple(f"F{f:02}" for f in range(24))
"""Two to a clan, two clans to an architecture; the last two families have no place."""
CLAN = {name: (f"clan {k // 2}",) for k, name in enumerate(FAMILIES[:22])}
ARCHITECTURE = {name: (f"shape {k // 4}",) for k, name in enumerate(FAMILIES[:22])}
PER_FAMILY = 4
LABELS = np.repeat(np.arange(24), PER_FAMILY)
ITEMS = Items(FAMILIES, np.arange(0), np.arange(0), np.arange(len(LABELS)), LABELS, draws=100)
DATA = Dataset(
    DatasetCard(name="planted", summary="families"),
    tuple(Record(f"{name}/{m}", "ACGU", family=name) for k, name in enumerate(FAMILIES) for m in range(1 + k)),
)


def source(name: str, role: str, clan: float, architecture: float) -> Any:
    """Two seeds whose features know their family, and less of its clan and architecture."""
    seeds = []
    for seed in (0, 1):
        scores = np.random.default_rng(seed).normal(size=(len(LABELS), 24)).round(1)
        for column in range(24):
            scores[column // 4 == LABELS // 4, column] += architecture
            scores[column // 2 == LABELS // 2, column] += clan
            scores[column == LABELS, column] += 2
        seeds.append(SimpleNamespace(oriented=scores))
    aurocs = np.linspace(0.5, 1, 24)
    return SimpleNamespace(name=name, role=role, seeds=seeds, family_mean=lambda field: aurocs)


@pytest.fixture
def outcome(monkeypatch: pytest.MonkeyPatch) -> Any:
    levels = Levels({"clan": CLAN, "architecture": ARCHITECTURE, "type": {}}, {})
    monkeypatch.setattr(kinds, "levels_of", lambda data, labels: levels)
    found = SimpleNamespace(table=[], notes=[])
    every = [source("sae", "model", 1, 0.5), source("kmer", "floor", 0, 0), source("pca", "ablation", 0, 0)]
    add_kinds(found, DATA, ITEMS, SimpleNamespace(sources={own.name: own for own in every}, layer=2))  # type: ignore[arg-type]
    return found


def test_relations_are_those_of_clans_and_architectures() -> None:
    clan = np.array([0, 0, 1, 2, -1, -1])
    architecture = np.array([0, 0, 0, 1, -1, -1])
    found = {level: np.argwhere(own).tolist() for level, (own, _) in relations(clan, architecture).items()}
    assert found == {
        FAMILY_LEVEL: [[0, 0], [1, 1], [2, 2], [3, 3]],
        CLAN_LEVEL: [[0, 1], [1, 0]],
        ARCHITECTURE_LEVEL: [[0, 2], [1, 2], [2, 0], [2, 1]],
    }
    assert relations(clan, np.where(architecture < 0, -1, 0)) == {}


def test_levels_are_means_over_families_of_the_feature_on_their_relatives(outcome: Any) -> None:
    rows = {(row.source, row.stratum): row for row in outcome.table if row.name == "auroc_macro_by_level"}
    assert {name for name, _ in rows} == {"sae", "kmer"}
    assert len(rows) == 6 and all(row.layer == 2 for row in rows.values())
    own = source("sae", "model", 1, 0.5)
    names = sorted({name for (name,) in CLAN.values()})
    for level, related in (
        (FAMILY_LEVEL, lambda a, b: a == b),
        (CLAN_LEVEL, lambda a, b: a != b and a // 2 == b // 2),
        (ARCHITECTURE_LEVEL, lambda a, b: a // 2 != b // 2 and a // 4 == b // 4),
    ):
        values, clans = [], []
        for family in range(22):
            relatives = [row for row, label in enumerate(LABELS) if label < 22 and related(family, label)]
            others = [row for row, label in enumerate(LABELS) if label < 22 and label // 4 != family // 4]
            if relatives:
                truth = [1] * len(relatives) + [0] * len(others)
                values.append(
                    np.mean([roc_auc_score(truth, seed.oriented[relatives + others, family]) for seed in own.seeds])
                )
                clans.append(names.index(CLAN[FAMILIES[family]][0]))
        expected = cluster_bootstrap_mean(values, clans, 100)
        row = rows["sae", level]
        assert row.value == pytest.approx(expected.value) and row.n == len(set(clans))
        assert [row.low, row.high] == pytest.approx([expected.interval().low, expected.interval().high])
    sae = [rows["sae", level].value for level in (FAMILY_LEVEL, CLAN_LEVEL, ARCHITECTURE_LEVEL)]
    assert sae == sorted(sae, reverse=True) and sae[2] > 0.55
    assert rows["kmer", CLAN_LEVEL].value == pytest.approx(0.5, abs=0.06)


def test_kinds_and_numbers_of_sequences_come_beside_them(outcome: Any) -> None:
    by_number = [row for row in outcome.table if row.name == "auroc_macro_by_number_of_sequences"]
    assert {row.source for row in by_number} == {"sae", "kmer"}
    # larger families were planted as easier
    assert by_number[0].value == pytest.approx(1) and len(outcome.notes) == 1


def test_a_level_of_few_clans_is_left_out(monkeypatch: pytest.MonkeyPatch, outcome: Any) -> None:
    few = {name: (f"clan {max(k, 8)}",) if k > 7 else own for k, (name, own) in enumerate(CLAN.items())}
    levels = Levels({"clan": few, "architecture": ARCHITECTURE, "type": {}}, {})
    monkeypatch.setattr(kinds, "levels_of", lambda data, labels: levels)
    found = SimpleNamespace(table=[], notes=[])
    sources = {"sae": source("sae", "model", 1, 0.5)}
    add_kinds(found, DATA, ITEMS, SimpleNamespace(sources=sources, layer=2))  # type: ignore[arg-type]
    levels_found = [row.stratum for row in found.table if row.name == "auroc_macro_by_level"]
    assert levels_found == [FAMILY_LEVEL, ARCHITECTURE_LEVEL]
