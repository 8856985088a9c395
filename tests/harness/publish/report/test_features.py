"""What the browser of features is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.publish.report.features import feature_page, layers_of
from tests.harness.publish.report.made import FAMILIES, FEATURES, LAYER, tables


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "large").mkdir()
    for name, table in tables().items():
        table.to_parquet(tmp_path / f"{name}.parquet")
    return tmp_path


def test_layers_and_seeds_come_from_the_feature_table(folder: Path, tmp_path: Path) -> None:
    assert layers_of(folder) == {LAYER: [0, 1]}
    assert layers_of(tmp_path / "nothing") == {}


def test_every_feature_has_its_numbers(folder: Path) -> None:
    page = feature_page(folder, LAYER, FEATURES)
    own = page["seeds"]["1"]
    assert own["feature"] == list(range(FEATURES)) and own["total"] == FEATURES
    assert own["live"][3] == 0 and own["live"][4] == 1
    assert own["test_auroc"][10] == pytest.approx(0.54) and own["stability"][10] == 0.1
    assert [page["families"][place] for place in own["family"][:3]] == list(FAMILIES)
    assert own["nearest"] is None


def test_chosen_features_and_controls_are_listed_by_family(folder: Path) -> None:
    page = feature_page(folder, LAYER, FEATURES)
    place = page["families"].index(FAMILIES[1])
    assert [row[:5] for row in page["chosen"] if row[0] == place] == [[place, 0, 1, 1, 1], [place, 1, 1, 1, 1]]
    without_q = next(row for row in page["chosen"] if row[0] == page["families"].index(FAMILIES[0]))
    assert without_q[-1] is None
    assert page["sources"] == {"pca": [0.6] * 3, "sae": [0.9] * 3}


def test_with_little_room_the_chosen_and_the_best_on_select_stay(folder: Path) -> None:
    page = feature_page(folder, LAYER, 6)
    # 0, 1 and 2 were chosen; 89, 88 and 87 score highest on select
    assert page["seeds"]["0"]["feature"] == [0, 1, 2, 87, 88, 89]
    assert page["seeds"]["0"]["total"] == FEATURES


def test_without_a_table_of_families_nothing_was_chosen(folder: Path) -> None:
    (folder / "families.parquet").unlink()
    page = feature_page(folder, LAYER, FEATURES)
    assert page["chosen"] == [] and page["sources"] == {}
