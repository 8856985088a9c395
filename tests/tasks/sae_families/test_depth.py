"""A model whose layers know the families better the deeper they are: every number by layer, from one pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr

from harness.adapter import ModelAdapter
from harness.datasets.records import Dataset
from harness.run.cell import run_cell
from harness.statistics.draws import read_draws
from harness.task import Place
from tasks.sae_families.depth import family_estimates
from tasks.sae_families.scores import score_source
from tests.tasks.sae_families.planted import FAMILIES, PlantedModel, planted_dataset
from tests.tasks.sae_families.scored import ITEMS, scored_source
from tests.tasks.sae_families.test_task import QUIET, make_cell

STRENGTH = (0.0, 0.15, 0.3, 0.6, 1.0)


class Deepening(PlantedModel):
    """The planted direction grows with the layer; random twins have none."""

    def __init__(self, dataset: Dataset) -> None:
        super().__init__(dataset)
        self.card = self.card.model_copy(update={"layers": 4})

    def random_twin(self, initialisation: int = 0) -> ModelAdapter:
        twin = Deepening.__new__(Deepening)
        plain = super().random_twin(initialisation)
        twin.__dict__ |= plain.__dict__
        return twin

    def hidden_states(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        for index, states in super().hidden_states(sequences, (0,)):
            told = np.zeros_like(states[0])
            if self.knows:
                told[::3, self.family[sequences[index]]] = 8
            known = {layer: states[0] - told for layer in layers}
            yield index, {layer: known[layer] + STRENGTH[layer] * told for layer in layers}


def test_every_family_has_its_auroc_and_their_mean_is_the_macro_score() -> None:
    source = score_source([scored_source(seed, 0.6) for seed in (0, 1)], ITEMS)
    found = list(family_estimates(source, ITEMS))
    for c, own in enumerate(found):
        values = []
        for seed in source.seeds:
            scores, label = seed.oriented[:, c], ITEMS.test_labels
            wins = [(p > n) + 0.5 * (p == n) for p in scores[label == c] for n in scores[label != c]]
            values.append(np.mean(wins))
        assert own.value == pytest.approx(np.mean(values))
    assert np.mean([own.value for own in found]) == pytest.approx(source.macro.auroc.value)
    np.testing.assert_allclose(np.mean([own.draws for own in found], axis=0), source.macro.auroc.draws)


def test_a_model_that_knows_more_the_deeper_it_is(tmp_path: Path) -> None:
    dataset = planted_dataset()
    model = Deepening(dataset)
    cell = make_cell(model, dataset, layers=(0, 1, 2, 3, 4), seeds=(0,))  # two seeds are stretched too far to tell
    record = run_cell(cell, tmp_path, "cpu", QUIET)
    assert record.status == "done", record.error
    assert set(record.metrics) <= set(cell.task.card.labels)
    folder = cell.path(tmp_path).with_suffix("")
    table = pd.read_parquet(folder / "depth.parquet")
    assert (folder / "depth.svg").exists()
    for measure in ("l0", "fve", "selectivity", "auroc_macro"):
        own = table[(table.measure == measure) & (table.concept == "")]
        for source in ("sae", "sae-random-lm"):
            mine = own[own.source == source]
            assert sorted(mine.layer) == [0, 1, 2, 3, 4], (measure, source)
            assert ((mine.low <= mine.value) & (mine.value <= mine.high)).all(), (measure, source)
    assert "stability" not in set(table.measure)  # of one seed
    families = table[(table.measure == "auroc") & (table.source == "sae")]
    assert len(families) == FAMILIES * 5

    trend = record.metrics["trend_auroc_macro"]
    draws = read_draws(folder / "draws.parquet")
    own = [draws[Place("auroc_macro", "sae", layer)] for layer in range(5)]
    assert trend.value == pytest.approx(spearmanr(range(5), [one.value for one in own])[0])
    drawn = [spearmanr(range(5), column)[0] for column in np.stack([one.draws for one in own], axis=1)]
    assert (trend.low, trend.high) == pytest.approx(tuple(np.percentile(drawn, [2.5, 97.5])), abs=0.11)  # float32 ties
    assert trend.value >= 0.9 and trend.low > 0, {one.value for one in own}
    twins = {row.name: row for row in record.table if row.source == "sae-random-lm" and row.name.startswith("trend_")}
    assert set(twins) == {"trend_l0", "trend_fve", "trend_selectivity", "trend_auroc_macro"}
    selectivity = {row.layer: row.value for row in record.table if row.name == "selectivity" and row.source == "sae"}
    assert selectivity[record.basis.layer] == pytest.approx(record.metrics["selectivity_tau"].value)
    quality = {row.layer: row for row in record.table if row.name == "fve" and row.source == "sae"}
    shown = table[(table.measure == "fve") & (table.source == "sae")].set_index("layer")
    assert {layer: row.value for layer, row in quality.items()} == pytest.approx(shown.value.to_dict())
