from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.publish.figures.spread import spread_figures, spread_of
from harness.publish.groups import Records
from tests.harness.publish.figures.made import record, standings

NAMES = [f"rna-{k}" for k in range(40)]


def made(folder: Path, scores: dict[str, np.ndarray], **changes: Any) -> Records:
    return [
        record(folder, name, float(own.mean()), items=dict(zip(NAMES, own.tolist(), strict=False)), **changes)
        for name, own in scores.items()
    ]


def scores(between_items: float, between_models: float, models: int = 3) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    items = 0.5 + between_items * generator.uniform(-1, 1, size=40)
    places = np.arange(models) - (models - 1) / 2
    places *= between_models / places.std(ddof=1)
    return {f"model-{k}": items + place + 0.01 * generator.normal(size=40) for k, place in enumerate(places)}


def test_quantiles_are_those_of_numpy_on_the_items(tmp_path: Path) -> None:
    known = scores(0.4, 0.05)
    records = made(tmp_path, known)
    (trial,) = standings(records)
    spread = spread_of(trial.board.models)
    assert spread is not None
    for column, own in enumerate(spread.models):
        items = pd.read_parquet(own.path.with_suffix("") / "items.parquet")
        f1 = items[items["metric"] == "f1"]["value"]
        expected = np.quantile(f1, [0.05, 0.25, 0.5, 0.75, 0.95])
        assert spread.quantiles[:, column] == pytest.approx(expected)
        assert expected == pytest.approx(np.quantile(known[own.name], [0.05, 0.25, 0.5, 0.75, 0.95]))
    (figure,) = spread_figures([trial], tmp_path)
    row = next(line for line in figure.table.splitlines() if "model-2" in line).split("|")[2:-2]
    wanted = [known["model-2"].mean(), *np.quantile(known["model-2"], [0.05, 0.25, 0.5, 0.75, 0.95])]
    assert [float(cell) for cell in row] == pytest.approx(wanted, abs=6e-4)
    assert max(line.count("|") for line in figure.table.splitlines()) <= 9


def test_deviations_are_those_of_the_table_and_models_are_best_first(tmp_path: Path) -> None:
    known = scores(0.4, 0.05)
    (trial,) = standings(made(tmp_path, known))
    spread = spread_of(trial.board.models)
    assert spread is not None and [own.name for own in spread.models] == ["model-2", "model-1", "model-0"]
    table = np.stack(list(known.values()))
    within, between = spread.deviations
    assert within == pytest.approx(np.sqrt(np.mean([np.var(row) for row in table])))
    assert between == pytest.approx(np.std([row.mean() for row in table], ddof=1))
    assert spread.difference.value == pytest.approx(within - between)


@pytest.mark.parametrize(
    ("between_items", "between_models", "sentence"),
    [
        (0.4, 0.02, "**Which sequence it is matters more than which of these models**"),
        (0.02, 0.3, "**Which of these models it is matters more than which sequence**"),
        (0.2, 0.115, "Whether the model or the sequence matters more **cannot be told**"),
    ],
)
def test_a_planted_spread_gets_its_sentence(
    tmp_path: Path, between_items: float, between_models: float, sentence: str
) -> None:
    records = made(tmp_path, scores(between_items, between_models, models=5))
    (figure,) = spread_figures(standings(records), tmp_path)
    assert figure.answer.startswith(sentence)


def test_few_models_are_shown_and_nothing_is_concluded_from_them(tmp_path: Path) -> None:
    (figure,) = spread_figures(standings(made(tmp_path, scores(0.02, 0.3, models=2))), tmp_path)
    assert figure.answer.startswith("Whether the model or the sequence matters more takes 5 models to say: F1 has")


def test_families_are_resampled_where_they_are_known(tmp_path: Path) -> None:
    records = made(tmp_path, scores(0.4, 0.05))
    (trial,) = standings(records)
    alone = spread_of(trial.board.models)
    for path, _ in records:
        file = path.with_suffix("") / "items.parquet"
        items = pd.read_parquet(file)
        items["family"] = items["item"].map(lambda name: f"RF{int(name.split('-')[1]) // 10}")
        items.to_parquet(file, index=False)
    grouped = spread_of(trial.board.models)
    assert alone is not None and grouped is not None
    assert (alone.difference.n, grouped.difference.n) == (40, 4)
    assert grouped.difference.value == alone.difference.value


def test_records_without_a_table_of_f1_are_left_out(tmp_path: Path) -> None:
    known = scores(0.4, 0.05)
    records = [*made(tmp_path, known), record(tmp_path, "tableless", 0.5)]
    (gone, _), (other, _) = records[0], records[1]
    (gone.with_suffix("") / "items.parquet").unlink()
    (trial,) = standings(records)
    spread = spread_of(trial.board.models)
    assert spread is not None and {own.name for own in spread.models} == {"model-1", "model-2"}
    file = other.with_suffix("") / "items.parquet"
    pd.read_parquet(file).assign(metric="auroc").to_parquet(file, index=False)
    assert spread_of(trial.board.models) is None  # one model is left
    assert list(spread_figures([trial], tmp_path)) == []


def test_only_sequences_that_all_models_share_are_counted(tmp_path: Path) -> None:
    known = scores(0.4, 0.05)
    known["model-0"] = known["model-0"][:25]
    (trial,) = standings(made(tmp_path, known))
    spread = spread_of(trial.board.models)
    assert spread is not None and len(spread.values) == 25
