"""F1 against the effective number of homologs: slow fits, planted breaks, and what too few RNAs leave out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.datasets.records import Dataset, Record
from harness.result import ResultRecord
from harness.sequences.alignment import Alignment
from harness.task import TableRow
from tasks.structure.data import Rna
from tasks.structure.estimates import Bootstrap
from tasks.structure_f1 import homologs
from tasks.structure_f1.homologs import BINS, COLUMN, DIFFERENCE, SLOPE, effective_homologs, fit, notes, rows, within
from tests.harness.sequences.test_homologs import slow as slow_neff
from tests.tasks.structure.planted import KNOWING, LAYERS, AttentionModel, dataset, hairpin
from tests.tasks.structure_f1.cells import make_cell, run

Curve = Callable[[np.ndarray], np.ndarray]
CURVES: dict[str, Curve] = {
    "rising": lambda neff: 0.1 + 0.2 * np.log10(neff),
    "a break": lambda neff: np.where(neff < 10, 0.2, 0.7),
    "falling": lambda neff: 0.9 - 0.2 * np.log10(neff),
}


def table(neff: np.ndarray, f1: np.ndarray, units: int = 15) -> pd.DataFrame:
    """RNAs of 100 known pairs of which a share is found and nothing else is predicted: F1 = 2 t / (1 + t)."""
    tp = np.rint(100 * f1 / (2 - f1)).astype(int)
    return pd.DataFrame(
        {
            "item": [f"r{k}" for k in range(len(neff))],
            "unit": [f"u{k % units}" for k in range(len(neff))],
            COLUMN: neff,
            **{"tp": tp, "fp": 0, "fn": 100 - tp, "f1": 2 * tp / (100 + tp)},
        }
    )


def planted(curve: Curve, seed: int = 0, count: int = 60) -> Bootstrap:
    generator = np.random.default_rng(seed)
    neff = 10 ** generator.uniform(0, 3, count)
    return Bootstrap(table(neff, np.clip(curve(neff) + generator.normal(0, 0.05, count), 0, 1)), 200)


def by_stratum(found: list[TableRow], name: str) -> dict[str, TableRow]:
    return {own.stratum: own for own in found if own.name == name and own.value is not None}


@pytest.mark.parametrize("name", CURVES)
def test_a_planted_dependence_is_found_with_its_sign(name: str) -> None:
    bootstrap = planted(CURVES[name])
    found = list(rows(bootstrap, fit(bootstrap)))
    sign = -1 if name == "falling" else 1
    for score in ("f1_pooled", "f1_per_rna"):
        difference = by_stratum(found, score)[DIFFERENCE]
        assert min(sign * difference.low, sign * difference.high) > 0.2
    slope = by_stratum(found, SLOPE)["between RNAs"]
    assert min(sign * slope.low, sign * slope.high) > 0
    if name != "a break":
        assert slope.value == pytest.approx(sign * 0.2, abs=0.03)
        fitted = by_stratum(found, "f1_per_rna_fitted")
        assert list(fitted) == ["Neff 10", "Neff 100"]
        for neff in (10, 100):
            own = fitted[f"Neff {neff}"]
            assert own.value == pytest.approx(float(CURVES[name](np.array(neff))), abs=0.05)
            assert own.low < own.value < own.high
    else:
        assert by_stratum(found, "f1_per_rna")[DIFFERENCE].value == pytest.approx(0.5, abs=0.03)


def test_nothing_is_found_where_nothing_was_planted() -> None:
    """Over 40 seeds, the interval of a flat curve leaves out zero about once in twenty."""
    missed = 0
    for seed in range(40):
        bootstrap = planted(lambda neff: np.full(len(neff), 0.5), seed)
        slope = by_stratum(list(rows(bootstrap, fit(bootstrap))), SLOPE)["between RNAs"]
        missed += slope.low > 0 or slope.high < 0
    assert missed <= 7


def test_lines_and_bins_are_those_of_weighted_loops() -> None:
    bootstrap = planted(CURVES["rising"])
    own = bootstrap.table
    line = fit(bootstrap)
    assert line is not None and line.slope.n == 15
    x, y = np.log10(own[COLUMN]), own["f1"]
    slope, intercept = np.polyfit(x, y, 1)
    assert (line.slope.value, line.intercept.value) == pytest.approx((slope, intercept))
    for draw in range(5):
        slope, intercept = np.polyfit(x, y, 1, w=np.sqrt(bootstrap.weights[draw]))
        assert (line.slope.draws[draw], line.intercept.draws[draw]) == pytest.approx((slope, intercept))
    assert (line.low, line.high) == pytest.approx((own[COLUMN].min(), own[COLUMN].max()))
    found = list(rows(bootstrap, line))
    for label, members in zip(
        BINS, (own[own[COLUMN] < 10], own[own[COLUMN].between(10, 100)], own[own[COLUMN] > 100]), strict=True
    ):
        tp, missed = members["tp"].sum(), members["fn"].sum()
        assert by_stratum(found, "f1_pooled")[label].value == pytest.approx(2 * tp / (2 * tp + missed))
        assert by_stratum(found, "f1_per_rna")[label].value == pytest.approx(members["f1"].mean())
        assert by_stratum(found, "f1_per_rna")[label].n == members["unit"].nunique()


def test_bins_of_few_units_are_left_out_and_named() -> None:
    neff = np.array([1.0] * 12 + [50.0] * 4 + [500.0] * 3)
    bootstrap = Bootstrap(table(neff, np.full(len(neff), 0.5), units=len(neff)), 100)
    found = list(rows(bootstrap, fit(bootstrap)))
    assert set(by_stratum(found, "f1_pooled")) == {BINS[0]}
    said = notes(bootstrap, fit(bootstrap))
    assert f"no F1 at {BINS[1]}: 4 families or RNAs, fewer than 5" in said
    assert f"no F1 at {BINS[2]}: 3 families or RNAs, fewer than 5" in said
    assert any("median 1.0, from 1.0 to 500.0" in note for note in said)


def test_one_neff_or_few_units_give_no_line() -> None:
    same = Bootstrap(table(np.full(20, 30.0), np.linspace(0, 1, 20)), 100)
    few = Bootstrap(table(np.geomspace(1, 1000, 20), np.linspace(0, 1, 20), units=4), 100)
    for bootstrap in (same, few):
        assert fit(bootstrap) is None and any("no curve" in note for note in notes(bootstrap, None))


def test_rnas_without_pairs_are_in_no_mean() -> None:
    bootstrap = planted(CURVES["rising"])
    line = fit(bootstrap)
    extra = pd.DataFrame({"item": ["bare"], "unit": ["bare"], COLUMN: [900.0], "tp": [0], "fp": [0], "fn": [0]})
    with_bare = Bootstrap(pd.concat([bootstrap.table, extra], ignore_index=True), 200)
    again = fit(with_bare)
    assert line is not None and again is not None and again.slope.value == pytest.approx(line.slope.value)


def test_the_slope_within_rnas_holds_no_difference_between_them() -> None:
    """RNAs of many homologs are the harder ones, and every RNA gains from its own: the slopes differ in sign."""
    generator = np.random.default_rng(2)
    parts = []
    for k in range(20):
        whole = 10 ** generator.uniform(1, 3)
        for neff in (1.0, whole / 4, whole):
            parts.append({"item": f"r{k}", COLUMN: neff, "f1": 0.9 - 0.4 * np.log10(whole) + 0.15 * np.log10(neff)})
    cuts = pd.DataFrame(parts)
    whole = cuts.groupby("item", sort=False).last()
    bootstrap = Bootstrap(table(whole[COLUMN].to_numpy(), whole["f1"].to_numpy()), 100)
    between, inner = fit(bootstrap), within(bootstrap, cuts)
    assert between is not None and between.slope.value < -0.1
    assert inner is not None and (inner.value, inner.low, inner.high) == pytest.approx((0.15, 0.15, 0.15))
    alone = cuts.groupby("item").last().reset_index()
    assert within(bootstrap, alone) is None


class NeffModel(AttentionModel):
    """Knows the pairs the better, the more effective homologs the alignment holds."""

    def visit_attention(self, alignments, visit) -> None:  # type: ignore[no-untyped-def]
        for index, alignment in enumerate(alignments):
            share = min(np.log10(slow_neff(alignment.rows, 0.8)) / 2, 1)
            for layer in range(1, LAYERS + 1):
                knowing, blind = (own.maps(alignment.query, layer) for own in (self, AttentionModel()))
                visit(index, layer, (share * knowing + (1 - share) * blind).astype(np.float32))


def homologous() -> Dataset:
    """RNAs with 1, 20 and 110 unlike rows; those of 110 hold every row twice."""
    found = []
    for number in range(21):
        sequence, pairs = hairpin(number, stem=6, loop=5)
        generator = np.random.default_rng([7, number])
        count = (0, 19, 109)[number % 3]
        others = ["".join(generator.choice(list("ACGU"), len(sequence))) for _ in range(count)]
        written = tuple([sequence, *others, *(others if count > 100 else [])])
        split = "select" if number < 6 else "test"
        own = Record(f"r{number:02}", sequence, split=split, pairs=pairs)
        found.append(replace(own, alignment=Alignment(own.id, written)))
    return dataset(rows=found)


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> tuple[ResultRecord, Path]:
    folder = tmp_path_factory.mktemp("homologs")
    model = NeffModel(homologous(), capabilities={"attention", "alignment"})
    record = run(model, homologous(), folder, depths=(1, 10))
    return record, make_cell(model, homologous(), depths=(1, 10)).path(folder).with_suffix("")


def test_a_model_that_lives_on_homologs_is_told_from_its_record(scored: tuple[ResultRecord, Path]) -> None:
    record, folder = scored
    assert (record.basis.layer, record.selected["head"]) == KNOWING
    items = pd.read_parquet(folder / "items.parquet").pivot(index="item", columns="metric", values="value")
    for own in homologous().records:
        if own.split == "test":
            assert own.alignment is not None
            assert items.loc[own.id, COLUMN] == pytest.approx(slow_neff(own.alignment.rows, 0.8))
    pooled = by_stratum(list(record.table), "f1_pooled")
    assert set(BINS) | {DIFFERENCE} <= set(pooled)
    assert pooled[DIFFERENCE].low > 0 and pooled[BINS[0]].value < pooled[BINS[2]].value
    slopes = by_stratum(list(record.table), SLOPE)
    assert slopes["between RNAs"].low > 0 and slopes["within RNAs, by depth"].low > 0
    assert any("effective homologs (Neff)" in note for note in record.notes)
    assert (folder / "f1-by-homologs.svg").exists()
    depths = pd.read_parquet(folder / "depths.parquet")
    assert set(depths["depth"].dropna()) == {1, 10} and len(depths) == 3 * len(items)
    assert (depths.loc[depths["depth"] == 1, COLUMN] == 1).all()


def test_rows_that_rnas_share_are_compared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(homologs, "effective_size", lambda alignment: seen.append(alignment) or 2.0)
    written = ("ACGUACGU", "ACGUACGA", "AAAAAAAA")
    rnas = [Rna(Record(f"r{k}", written[k], alignment=Alignment("f", written, k))) for k in range(3)]
    assert effective_homologs([*rnas, Rna(Record("bare", "ACGU"))]).tolist() == [2.0] * 4 and len(seen) == 2
