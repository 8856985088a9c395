from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.publish.figures.classes import class_figures, classes_of
from harness.publish.groups import Records
from tests.harness.publish.figures.made import record, standings

VALUES = {"diverse ncRNA": (0.9, 0.8, 0.85), "DNA": (0.3, 0.2), "unified": (0.5,)}


def made(folder: Path, values: dict[str, tuple[float, ...]], **changes: object) -> Records:
    noise = np.random.default_rng(0).normal(0, 0.005, size=(20, 500))
    return [
        record(folder, f"{group.split()[0].lower()}-{k}", value, value + noise[8 * len(group) % 7 + k], card=card)
        for group, own in values.items()
        for k, value in enumerate(own)
        for card in [{"group": group} | changes]
    ]


def test_the_mean_of_a_class_is_that_of_its_models(tmp_path: Path) -> None:
    records = made(tmp_path, VALUES)
    records += [record(tmp_path, "floor", 0.99, np.full(500, 0.99), card={"role": "floor", "group": "DNA"})]
    (trial,) = standings(records)
    first, second, third = classes_of(trial.models)
    assert [own.name for own in (first, second, third)] == ["I diverse ncRNA", "III unified", "DNA"]
    assert first.mean is not None and third.mean is not None
    assert first.mean.value == pytest.approx((0.9 + 0.8 + 0.85) / 3)
    assert third.mean.value == pytest.approx((0.3 + 0.2) / 2)
    assert second.mean is None  # one model is no class
    # the spread between models is in the interval, and few models make it wide
    assert first.mean.interval().high - first.mean.interval().low > 0.1
    assert third.mean.interval().high - third.mean.interval().low > 0.1


def test_the_page_says_which_class_is_ahead(tmp_path: Path) -> None:
    (figure,) = class_figures(standings(made(tmp_path, VALUES)), tmp_path)
    assert figure.answer == "**I diverse ncRNA is ahead** of every other class."
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in figure.table.splitlines()]
    assert max(map(len, rows)) <= 8
    mean = next(row for row in rows if row[0] == "**I diverse ncRNA**")
    assert mean[1] == "mean of 3" and mean[3].startswith("0.850<br>")
    assert figure.picture.count("<polygon") == 2 and figure.picture.count("<circle") == 6


def test_classes_that_overlap_cannot_be_told_apart(tmp_path: Path) -> None:
    records = made(tmp_path, {"diverse ncRNA": (0.9, 0.2), "DNA": (0.3, 0.8)})
    (figure,) = class_figures(standings(records), tmp_path)
    assert "cannot be told apart" in figure.answer


def test_where_lower_is_better_the_lowest_class_leads(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.001, size=(4, 500))
    records = [
        record(tmp_path, name, value, value + own, card={"group": group}, higher=False)
        for own, (name, group, value) in zip(
            noise,
            [("a", "DNA", 0.10), ("b", "DNA", 0.11), ("c", "protein", 0.90), ("d", "protein", 0.91)],
            strict=True,
        )
    ]
    (figure,) = class_figures(standings(records), tmp_path)
    assert figure.answer.startswith("**DNA is ahead**")
    mean = next(line for line in figure.table.splitlines() if "**DNA**" in line)
    assert "0.105<br>" in mean and "-" not in mean.replace("--", "")


@pytest.mark.parametrize("values", [{"DNA": (0.1, 0.2)}, {"DNA": (0.1, 0.2), "protein": (0.3,)}])
def test_one_class_with_a_mean_is_no_comparison(tmp_path: Path, values: dict[str, tuple[float, ...]]) -> None:
    assert list(class_figures(standings(made(tmp_path, values)), tmp_path)) == []


def test_records_without_draws_are_no_members(tmp_path: Path) -> None:
    records = [
        *made(tmp_path, {"DNA": (0.1, 0.2), "protein": (0.3,)}),
        record(tmp_path, "old", 0.5, card={"group": "protein"}),
    ]
    assert list(class_figures(standings(records), tmp_path)) == []
