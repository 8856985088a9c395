"""Scores by relation, kind and number of sequences: the pairs, the numbers against slow ones, and what stays."""

from __future__ import annotations

import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from harness.datasets.records import Dataset, Record
from harness.publish.pages.page import render_page
from harness.publish.scores import boards
from harness.result import ResultRecord, read_records
from tasks import kinds
from tasks.levels import (
    ARCHITECTURE_LEVEL,
    CLAN_LEVEL,
    FAMILY_LEVEL,
    UNCLASSIFIED,
    UNRELATED,
    Levels,
)
from tasks.overlap_ratio.data import prepare
from tasks.overlap_ratio.kinship import Kinship
from tasks.overlap_ratio.settings import OverlapRatioSettings
from tests.tasks.overlap_ratio.planted import WIDTH, FamilyModel, dataset, sequence_of
from tests.tasks.overlap_ratio.test_task import run, without_triplets

FAMILIES = 26
"""Two families to a clan, two clans to an architecture; the last clan is not classified."""


def levels() -> Levels:
    clan = {f"F{f:02}": (f"clan {f // 2}",) for f in range(FAMILIES)}
    architecture = {f"F{f:02}": (f"shape {f // 4}" if f < 24 else UNCLASSIFIED,) for f in range(FAMILIES)}
    kind = {f"F{f:02}": ("Gene", "even" if f % 2 == 0 else "odd") for f in range(12)}
    return Levels({"clan": clan, "architecture": architecture, "type": kind}, {})


def related() -> Dataset:
    """Families of 3 to 10 members."""
    rows = [
        Record(f"F{f:02}/{m}", sequence_of(100 * f + m, 32 + 2 * m), family=f"F{f:02}")
        for f in range(FAMILIES)
        for m in range(3 + f % 8)
    ]
    return dataset(rows)


class RelatedModel(FamilyModel):
    """One direction for each family, clan and architecture; larger families are harder."""

    def states(self, sequence: str, layer: int) -> NDArray[np.float32]:
        own = int(self.family[sequence][1:])
        found = np.random.default_rng(zlib.crc32(sequence.encode())).normal(size=(1 + len(sequence), WIDTH))
        for level, place in ((0, own), (1, own // 2), (2, own // 4)):
            found += np.random.default_rng([level, place]).normal(size=WIDTH) * (1, 0.7, 0.5)[level]
        drift = np.random.default_rng(zlib.crc32(sequence.encode()) + 1).normal(size=WIDTH)
        return (found + (own % 8) * 0.5 * drift).astype(np.float32)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[ResultRecord, Path]:
    with pytest.MonkeyPatch.context() as patch:
        without_triplets(patch)
        patch.setattr(kinds, "levels_of", lambda data, labels: levels())
        data = related()
        return run(RelatedModel(data), data, tmp_path_factory.mktemp("kinds"))


def rows(record: ResultRecord, name: str) -> dict[str, float]:
    return {row.stratum: row.value for row in record.table if row.name == name and row.value is not None}


def test_pairs_are_of_the_relation_that_they_stand_for() -> None:
    data = prepare(related(), OverlapRatioSettings())
    kinship = Kinship.of(data, levels())
    assert len(kinship.placed) == 24
    drawn = kinship.draw(3000, 0)
    own = levels().of

    def relation(first: str, second: str) -> str:
        for level, name in (("clan", CLAN_LEVEL), ("architecture", ARCHITECTURE_LEVEL)):
            if own[level][first] == own[level][second]:
                return FAMILY_LEVEL if first == second else name
        return UNRELATED

    for level, pairs in drawn.items():
        names = [tuple(data.families[data.family[k]] for k in pair) for pair in pairs]
        assert len(pairs) == 3000 and {relation(*pair) for pair in names} == {level or UNRELATED}
        assert all(own["architecture"][name][0] != UNCLASSIFIED for pair in names for name in pair)
        assert (pairs[:, 0] != pairs[:, 1]).all()
        # every family, clan or architecture is as likely
        groups = Counter(pair[0] if level == FAMILY_LEVEL else own["clan"][pair[0]] for pair in names)
        assert max(groups.values()) < 1.6 * min(groups.values())
    assert not np.array_equal(drawn[UNRELATED], drawn[""])


def test_scores_fall_with_the_distance_of_the_relation(found: tuple[ResultRecord, Path]) -> None:
    record, _ = found
    auroc, ratio = rows(record, "auroc_by_level"), rows(record, "overlap_ratio_by_level")
    order = [FAMILY_LEVEL, CLAN_LEVEL, ARCHITECTURE_LEVEL, UNRELATED]
    assert list(auroc) == order == list(ratio)
    assert sorted(auroc.values(), reverse=True) == list(auroc.values())
    assert auroc[FAMILY_LEVEL] > 0.8 and auroc[UNRELATED] == pytest.approx(0.5, abs=0.03) and ratio[UNRELATED] > 0.9
    assert {row.stratum: row.n for row in record.table if row.name == "auroc_by_level"} == dict.fromkeys(order, 12)


def test_the_number_of_a_level_is_that_of_its_pairs(found: tuple[ResultRecord, Path]) -> None:
    data = prepare(related(), OverlapRatioSettings())
    model = RelatedModel(related())
    vectors = np.array([model.states(record.sequence, 2)[1:].mean(axis=0) for record in data.records])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    drawn = Kinship.of(data, levels()).draw(2000, 0)
    cosines = {level: (vectors[pairs[:, 0]] * vectors[pairs[:, 1]]).sum(axis=1) for level, pairs in drawn.items()}
    for level, value in rows(found[0], "auroc_by_level").items():
        both = np.concatenate([cosines[level], cosines[""]])
        expected = roc_auc_score([1] * len(cosines[level]) + [0] * len(cosines[""]), both)
        assert value == pytest.approx(expected, abs=1e-5)


def test_kinds_and_numbers_are_those_of_the_table_of_families(found: tuple[ResultRecord, Path]) -> None:
    record, folder = found
    table = pd.read_parquet(folder / "families.parquet").set_index("family")["auroc"]
    size = Counter(row.family for row in related().records)
    by_number = rows(record, "auroc_by_number_of_sequences")
    expected = spearmanr(table.to_numpy(), [size[name] for name in table.index]).statistic
    assert by_number["rank correlation"] == pytest.approx(expected) and expected < -0.3
    interval = next(row for row in record.table if row.stratum == "rank correlation")
    assert interval.low is not None and interval.high is not None and interval.low < expected < interval.high
    assert interval.n == FAMILIES
    thirds = [name for name in by_number if name.endswith("sequences")]
    assert thirds == ["3 to 4 sequences", "5 to 7 sequences", "8 to 10 sequences"]
    for name in thirds:
        low, high = int(name.split()[0]), int(name.split()[2])
        members = [low <= size[family] <= high for family in table.index]
        assert by_number[name] == pytest.approx(table[members].mean())
    by_type = rows(record, "auroc_by_rfam_type")
    assert by_type["even"] == pytest.approx(table[[f"F{f:02}" for f in range(0, 12, 2)]].mean())
    # four families to an architecture are too few for a mean
    assert not rows(record, "auroc_by_architecture")
    assert any("clans and architectures of 26 of 26 families" in note and "24 have" in note for note in record.notes)


def test_metrics_and_draws_stay_as_they_are(
    found: tuple[ResultRecord, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_triplets(monkeypatch)
    record, folder = run(RelatedModel(related()), related(), tmp_path)
    assert record.metrics == found[0].metrics and record.cell == found[0].cell
    assert (folder / "draws.parquet").read_bytes() == (found[1] / "draws.parquet").read_bytes()
    assert {row.name for row in record.table if "_by_" in row.name} == {"overlap_ratio_by_half", "difference_by_half"}
    others = [row for row in found[0].table if "_by_" not in row.name or row.name.endswith("_by_half")]
    assert list(record.table) == others


def test_the_page_sets_models_and_controls_side_by_side(
    found: tuple[ResultRecord, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_triplets(monkeypatch)
    monkeypatch.setattr(kinds, "levels_of", lambda data, labels: levels())
    folder = found[1].parents[3]
    run(FamilyModel(related(), knows=0, name="other"), related(), folder)
    page = render_page("overlap-ratio", boards(read_records(folder)[0]), tmp_path)
    for title in ("overlap ratio by level", "AUROC of pairs by level", "AUROC of pairs by number of sequences"):
        assert f"<summary>{title}</summary>" in page.text
    part = page.text.split("<summary>AUROC of pairs by level</summary>")[1].split("</details>")[0]
    header = [line for line in part.splitlines() if line.startswith("| level")]
    assert len(header) == 1 and "other" in header[0] and "planted" in header[0]
    assert f"| {CLAN_LEVEL} " in part
