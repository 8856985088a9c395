"""Rare against common types, on records whose answer is planted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.publish.figures.rarity import Rarity, rarity_figures, rarity_of
from harness.publish.figures.spread import spread_of
from tests.harness.publish.figures.made import record, standings

SIZES = [1] * 4 + [2] * 4 + [3] * 2 + [6] * 5 + [8] * 5
TYPES = [f"RF{k:05d}" for k, size in enumerate(SIZES) for _ in range(size)]
RARE = np.repeat([size <= 3 for size in SIZES], SIZES)
NAMES = [f"rna-{k}" for k in range(len(TYPES))]


def members(folder: Path, gap: float, noise: float = 0.05, types: list[str] | None = None) -> list:  # type: ignore[type-arg]
    generator = np.random.default_rng(0)
    found = []
    for name, level in (("best", 0.6), ("other", 0.4)):
        values = level - gap * RARE + noise * generator.uniform(-1, 1, len(RARE))
        items = dict(zip(NAMES, values.tolist(), strict=True))
        found.append(
            record(folder, name, float(values.mean()), items=items, families=TYPES if types is None else types)
        )
    return found


@pytest.mark.parametrize(
    ("gap", "noise", "sentence"),
    [
        (0.2, 0.05, "These models do **worse on rare types**: mean F1 0."),
        (-0.2, 0.05, "These models do **better on rare types**"),
        (0.0, 0.3, "Whether rare types are harder for these models **cannot be told**"),
    ],
)
def test_a_planted_gap_gets_its_sentence(tmp_path: Path, gap: float, noise: float, sentence: str) -> None:
    (figure,) = rarity_figures(standings(members(tmp_path, gap, noise)), tmp_path)
    assert figure.answer.startswith(sentence) and "10 rare types" in figure.answer and "10 common ones" in figure.answer
    assert figure.picture.startswith("<svg") and len(figure.table.splitlines()) == 4


def test_means_are_over_types_and_not_over_sequences(tmp_path: Path) -> None:
    records = members(tmp_path, 0.2)
    (trial,) = standings(records)
    spread = spread_of(trial.board.models)
    assert spread is not None
    rarity = rarity_of(spread)
    assert rarity is not None and [own.name for own in spread.models] == ["best", "other"]
    order = dict(zip(sorted(NAMES), range(len(NAMES)), strict=True))
    for column in range(2):
        by_type = {
            name: np.mean([spread.values[order[NAMES[k]], column] for k, kind in enumerate(TYPES) if kind == name])
            for name in set(TYPES)
        }
        small = [value for name, value in by_type.items() if TYPES.count(name) <= 3]
        large = [value for name, value in by_type.items() if TYPES.count(name) > 3]
        assert rarity.means(True)[column] == pytest.approx(np.mean(small))
        assert rarity.means(False)[column] == pytest.approx(np.mean(large))
        gap = rarity.gap(column)
        assert gap.value == pytest.approx(np.mean(large) - np.mean(small))
        error = np.sqrt(np.var(small) / len(small) + np.var(large) / len(large))
        assert gap.draws.std() == pytest.approx(error, rel=0.1)


@pytest.mark.parametrize("types", [[None] * len(TYPES), ["one"] * len(TYPES), [f"t{k}" for k in range(len(TYPES))]])
def test_without_types_of_unlike_size_there_is_no_figure(tmp_path: Path, types: list[str]) -> None:
    assert list(rarity_figures(standings(members(tmp_path, 0.2, types=types)), tmp_path)) == []


def test_a_gap_where_there_is_none_is_claimed_in_one_of_ten_cases_at_most(tmp_path: Path) -> None:
    """The interval of one model, over 300 sets of types drawn anew."""
    (trial,) = standings(members(tmp_path, 0.0))
    spread = spread_of(trial.board.models)
    assert spread is not None
    generator, claimed = np.random.default_rng(1), 0
    for _ in range(300):
        values = generator.normal(0.5, 0.1, (20, 2))
        gap = Rarity(spread, values, np.arange(20) < 10).gap(0).interval()
        claimed += gap.low > 0 or gap.high < 0
    assert 0.02 * 300 <= claimed <= 0.1 * 300
