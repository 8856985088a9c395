"""overlap-ratio from a cell to its record, on families that a model was told."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.adapter import ModelAdapter, ModelOptions
from harness.datasets.records import Dataset
from harness.progress import Progress
from harness.publish.groups import groups_of
from harness.publish.pages.page import render_page
from harness.publish.scores import boards
from harness.result import ResultRecord, read_records
from harness.run.cell import Cell, run_cell
from tasks.overlap_ratio.data import prepare
from tasks.overlap_ratio.intervals import ScoredPairs, point
from tasks.overlap_ratio.settings import OverlapRatioSettings
from tasks.overlap_ratio.task import OverlapRatio
from tasks.overlap_ratio.triplets import report as triplet_report
from tasks.overlap_ratio.triplets.choose import Tier, TripletSets, find_triplets, score_triplets
from tests.fakes import FakeModel
from tests.tasks.overlap_ratio.planted import FamilyModel, dataset, diverse, records

QUIET = Progress(quiet=True)
VARIANTS = ("mean", "review-fft", "review-fft-leading", "dct")


def make_cell(model: ModelAdapter, data: Dataset, **settings: object) -> Cell:
    own = {"draws": 100, "pair_count": 2000, "layers": (2,)} | settings
    return Cell(model, OverlapRatio(), data, OverlapRatioSettings.model_validate(own), ModelOptions())


def run(model: ModelAdapter, data: Dataset, folder: Path, **settings: object) -> tuple[ResultRecord, Path]:
    cell = make_cell(model, data, **settings)
    record = run_cell(cell, folder, "cpu", QUIET)
    assert record.status == "done", record.error
    return record, cell.path(folder).with_suffix("")


@pytest.fixture(scope="module")
def knowing(tmp_path_factory: pytest.TempPathFactory) -> tuple[ResultRecord, Path]:
    data = dataset()
    with pytest.MonkeyPatch.context() as patch:
        # a fixture of the module runs before the cache of a test is set
        patch.setenv("HARNESS_CACHE", str(tmp_path_factory.mktemp("cache")))
        return run(FamilyModel(data, leading=True), data, tmp_path_factory.mktemp("knowing"), layers=(0, 1, 2))


def without_triplets(monkeypatch: pytest.MonkeyPatch) -> None:
    """To find them takes minutes on all of Rfam."""
    tier = Tier(np.empty((0, 3), np.int64), (), 1.0, {}, ())
    monkeypatch.setattr(triplet_report, "find_triplets", lambda dataset: TripletSets((), tier, tier))


def rows_of(record: ResultRecord, name: str, **place: object) -> list[float | None]:
    return [
        row.value for row in record.table if row.name == name and all(getattr(row, k) == v for k, v in place.items())
    ]


def test_a_model_that_knows_families_sets_them_apart(knowing: tuple[ResultRecord, Path]) -> None:
    metrics = knowing[0].metrics
    for variant in VARIANTS:
        ratio = metrics[f"overlap_ratio_{variant.replace('-', '_')}"]
        assert ratio.low <= ratio.value <= ratio.high < 0.6 and ratio.higher_is_better is False, variant
    assert metrics["overlap_ratio_mean"].value < 0.02 and metrics["auroc"].value > 0.99
    assert metrics["overlap_ratio_centred"].value < 0.05 and metrics["overlap_ratio_centred"].n == 4
    assert set(OverlapRatio.card.columns) - {"triplet_beyond_kmers", "triplet_beyond_identity"} <= set(metrics)
    assert metrics["overlap_ratio_mean"].n == 8


def test_a_model_that_knows_nothing_does_not(tmp_path: Path) -> None:
    data = dataset(records(families=20))
    record, _ = run(FamilyModel(data, knows=0), data, tmp_path)
    assert record.metrics["overlap_ratio_mean"].value > 0.75
    assert record.metrics["auroc"].value == pytest.approx(0.5, abs=0.05)
    assert "overlap_ratio_review_fft_leading" not in record.metrics


def test_the_last_layer_is_the_headline_and_the_best_is_chosen_on_validation(
    knowing: tuple[ResultRecord, Path],
) -> None:
    record, _ = knowing
    assert record.basis.layer == record.selected["best_layer"] == 2
    curve = [rows_of(record, "overlap_ratio", source="mean", layer=k, stratum="all families")[0] for k in (0, 1, 2)]
    assert curve[2] == record.metrics["overlap_ratio_mean"].value < 0.1 < 0.5 < min(curve[:2])
    assert rows_of(record, "overlap_ratio", source="mean", layer=2, stratum="test half of the families")
    assert not rows_of(record, "overlap_ratio", source="mean", layer=1, stratum="test half of the families")
    assert {row.source for row in record.table if not row.stratum.startswith("simple measure")} == set(VARIANTS)


def test_triplets_have_metrics_rows_and_a_gate(tmp_path: Path) -> None:
    data = diverse()
    model = FamilyModel(data, max_length=200)
    # with fewer sequences to a family than triplets are found among
    record, folder = run(model, data, tmp_path, per_family=3)
    items = pd.read_parquet(folder / "items.parquet")
    sets = find_triplets(data)
    sequence = {r.id: r.sequence for r in data.records}
    means = np.array([model.states(sequence[name], 2)[1:].mean(axis=0) for name in sets.record_ids])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    expected = score_triplets(sets, lambda pairs: (means[pairs[:, 0]] * means[pairs[:, 1]]).sum(axis=1))
    used = {r.id for r in prepare(data, make_cell(model, data, per_family=3).settings).records}
    assert set(sets.record_ids) - used
    for name, tier, estimate in zip(
        triplet_report.NAMES, (sets.tier1, sets.tier2), (expected.tier1, expected.tier2), strict=True
    ):
        rows = [row for row in record.table if row.name == name]
        (own,) = (row for row in rows if row.source == "mean" and row.layer == 2)
        assert estimate is not None and own.value == pytest.approx(estimate.value) and own.value > 0.9
        # a tier whose gate fails claims nothing: its score has another name
        reported = name if tier.passed else f"{name}_gate_failed"
        assert record.metrics[reported].value == own.value and (reported == name or name not in record.metrics)
        scores = items[(items["metric"] == name) & (items["source"] == "mean")]
        assert set(scores["layer"]) == {2} and scores["value"].mean() == pytest.approx(own.value)
        assert len(scores) == scores["family"].nunique() == len(set(tier.families))
        assert all(("GATE FAILED" in row.stratum) != tier.passed for row in rows)
        assert {"kmer-6", "identity"} <= {row.source for row in rows if row.layer is None}
    assert record.roles["identity"] == "reference" and record.roles["kmer-6"] == "floor"
    assert sum(note.startswith("triplets, tier") for note in record.notes) == 2


@pytest.mark.parametrize("passes", [True, False])
def test_a_failed_gate_is_in_the_name_of_the_metric(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passes: bool
) -> None:
    data = dataset()
    names = tuple(record.id for record in data.records if record.family in ("F0", "F1"))
    rows = {"kmer-6": 0.5 if passes else 0.6}
    tier = Tier(np.array([[0, 1, 5], [1, 2, 6]]), ("F0", "F0"), 1.0, rows, ("kmer-6",))
    monkeypatch.setattr(triplet_report, "find_triplets", lambda dataset: TripletSets(names, tier, tier))
    record, _ = run(FamilyModel(data), data, tmp_path)
    name = "triplet_beyond_kmers" if passes else "triplet_beyond_kmers_gate_failed"
    assert {own for own in record.metrics if own.startswith("triplet_beyond_kmers")} == {name}
    assert record.metrics[name].value == 1.0
    assert ("GATE FAILED (kmer-6 0.600)" in record.metrics[name].unit) != passes
    # whatever ranks columns sees nothing of it
    assert (name in OverlapRatio.card.columns) == passes


def test_tables_recompute_the_metrics(knowing: tuple[ResultRecord, Path]) -> None:
    record, folder = knowing
    pairs = pd.read_parquet(folder / "large" / "pairs.parquet")
    family = {r.id: int((r.family or "F0")[1:]) for r in dataset().records}
    assert len(pairs) == 3 * 4000
    for variant in VARIANTS:
        found = []
        for _, drawn in pairs.groupby("repeat"):
            parts = [drawn[drawn["homologous"] == kind] for kind in (True, False)]
            families = [part[["first", "second"]].astype(str).map(family.__getitem__).to_numpy() for part in parts]
            assert (families[0][:, 0] == families[0][:, 1]).all() and (families[1][:, 0] != families[1][:, 1]).all()
            found.append(point(ScoredPairs(*(part[variant].to_numpy(dtype=float) for part in parts), *families)))
        value = np.mean([own["overlap_ratio"] for own in found])
        assert value == pytest.approx(record.metrics[f"overlap_ratio_{variant.replace('-', '_')}"].value, rel=1e-3)
        if variant == "mean":
            assert np.mean([own["auroc"] for own in found]) == pytest.approx(record.metrics["auroc"].value, rel=1e-4)
    families = pd.read_parquet(folder / "families.parquet")
    assert len(families) == 8 and not families["confused"].any()
    items = pd.read_parquet(folder / "items.parquet")
    assert set(items["metric"]) == {"within", "others", "nearest_similarity", "auroc"}
    assert {"densities.svg", "t-sne.svg"} <= {path.name for path in folder.iterdir()}


def test_pair_similarities_by_hand(knowing: tuple[ResultRecord, Path]) -> None:
    _, folder = knowing
    data = dataset()
    model, sequence = FamilyModel(data), {r.id: r.sequence for r in data.records}
    for row in pd.read_parquet(folder / "large" / "pairs.parquet").sample(20, random_state=0).itertuples():
        first, second = (model.states(sequence[name], 2)[1:].mean(axis=0) for name in (row.first, row.second))
        cosine = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
        assert row.mean == pytest.approx(cosine, abs=1e-5)


class Lengths(FakeModel):
    """Compares lengths, by similarity or by vectors."""

    def __init__(self, capability: str) -> None:
        super().__init__("lengths", capabilities={capability}, layers=None, width=None, max_length=None)

    def similarity(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        return np.array([-abs(len(a) - len(b)) for a, b in pairs], dtype=np.float32)

    def sequence_vectors(self, sequences: Sequence[str]) -> np.ndarray:
        angle = np.array([len(sequence) for sequence in sequences]) / 20
        return np.column_stack([np.cos(angle), np.sin(angle)]).astype(np.float32)


@pytest.mark.parametrize("capability", ["similarity", "sequence_vectors"])
def test_models_without_hidden_states_go_the_same_way(tmp_path: Path, capability: str) -> None:
    record, folder = run(Lengths(capability), dataset(), tmp_path, layers=(-1,))
    ratios = {name for name in record.metrics if name.startswith("overlap_ratio_")} - {"overlap_ratio_histogram"}
    assert ratios == {"overlap_ratio_mean", "overlap_ratio_best_layer"} | (
        {"overlap_ratio_centred", "overlap_ratio_whitened"} if capability != "similarity" else set()
    )
    # every family has the same lengths, each of them once: two members are never as alike as two others may be
    assert record.metrics["auroc"].value < 0.45 and record.metrics["overlap_ratio_mean"].value > 0.4
    assert (folder / "t-sne.svg").exists() == (capability != "similarity")
    assert record.basis.layer is None
    assert not any("too few families for" in note for note in record.notes)
    # a model without layers stands beside last and beside best layers; what it has is the same
    half = rows_of(record, "overlap_ratio", stratum="test half of the families")
    assert [record.metrics["overlap_ratio_best_layer"].value] == half
    for which in ("last layer", "best layer"):
        assert rows_of(record, "overlap_ratio_by_half", stratum=f"test half, {which}") == half


def test_a_lower_ratio_stands_higher_on_the_leaderboard(tmp_path: Path) -> None:
    data = dataset()
    run(FamilyModel(data, name="good"), data, tmp_path)
    run(FamilyModel(data, knows=0.2, name="a-poor-one"), data, tmp_path)
    page = render_page("overlap-ratio", boards(read_records(tmp_path)[0]), tmp_path).text
    assert page.index("good") < page.index("a-poor-one")


def test_all_layers_the_last_one_and_no_layers_share_a_table(tmp_path: Path) -> None:
    data = dataset()
    every = run(FamilyModel(data, name="every-layer"), data, tmp_path, layers=(0, 1, 2))[0]
    last = run(FamilyModel(data, knows=2.9, name="last-layer"), data, tmp_path)[0]
    first = run(FamilyModel(data, knows=2.8, name="first-layer"), data, tmp_path, layers=(0,))[0]
    none = run(Lengths("similarity"), data, tmp_path, layers=(-1,))[0]
    groups = groups_of([(tmp_path / "x", own) for own in (every, last, first, none)])
    names = {group.chosen: {own.model.card.name for _, own in members} for group, members in groups.items()}
    assert names == {False: {"every-layer", "last-layer", "lengths"}, True: {"first-layer", "lengths"}}


def test_few_families_have_no_halves(tmp_path: Path) -> None:
    data = dataset(records(families=2))
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        record, _ = run(FamilyModel(data), data, tmp_path, layers=(0, 2))
    assert record.metrics["overlap_ratio_mean"].n == 2
    assert not {"overlap_ratio_centred", "overlap_ratio_best_layer"} & set(record.metrics)
    assert any("too few families for a validation" in note for note in record.notes)
    assert record.metrics["triplet_beyond_kmers"].value is record.metrics["triplet_beyond_identity"].value is None
    assert sum("no triplets: fewer than 10 families" in note for note in record.notes) == 2


def test_a_dataset_without_families_is_not_applicable(tmp_path: Path) -> None:
    data = dataset([replace(record, family=None) for record in records()])
    record = run_cell(make_cell(FamilyModel(data), data), tmp_path, "cpu", QUIET)
    assert record.status == "not-applicable" and "no two unrelated families" in (record.error or "")


class Zero(Lengths):
    def sequence_vectors(self, sequences: Sequence[str]) -> np.ndarray:
        return super().sequence_vectors(sequences) * (np.arange(len(sequences)) != 4)[:, None]


def test_a_vector_of_zeros_is_one_line(tmp_path: Path) -> None:
    record = run_cell(make_cell(Zero("sequence_vectors"), dataset(), layers=(-1,)), tmp_path, "cpu", QUIET)
    assert record.status == "failed" and "gives record 'F0/4' a vector of zeros" in (record.error or "")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (FakeModel(capabilities={"attention"}), "neither hidden_states nor sequence_vectors nor similarity"),
        (FakeModel(alphabet="protein"), "protein"),
    ],
)
def test_a_model_that_does_not_fit(tmp_path: Path, model: ModelAdapter, message: str) -> None:
    record = run_cell(make_cell(model, dataset()), tmp_path, "cpu", QUIET)
    assert record.status == "not-applicable" and message in (record.error or "")


def test_the_reviews_pairs_on_rfam_are_told(tmp_path: Path) -> None:
    data = dataset(records(families=6, clans={0: "C", 1: "C"}))
    record, _ = run(FamilyModel(data), data, tmp_path, pairs="review-rfam")
    assert any("may share a clan" in note for note in record.notes) and record.metrics["auroc"].value > 0.9


def test_the_reviews_pairs_bound_the_ratio_from_below(tmp_path: Path) -> None:
    data = dataset(records(families=5))
    record, _ = run(FamilyModel(data, knows=2), data, tmp_path, pairs="review")
    # a sixth of the other pairs is homologous: a perfect model keeps share / (2 - share). So it is for histograms;
    # a density widens this peak by the bandwidth of all the other pairs, and stays below
    share = 5 * 5 * 4 / (25 * 24)
    name = "overlap_ratio_histogram"
    assert record.metrics[name].value == pytest.approx(share / (2 - share), abs=0.03)
    assert any("drawn as in the review" in note for note in record.notes)


def test_real_rnabert_on_some_rfam_families(
    weights_folder: Path, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.datasets.resolve import load_dataset
    from model_adapters.catalog.models import MODELS

    if not (weights_folder / "rnabert").is_dir():
        pytest.skip("the weights of rnabert are not in HARNESS_WEIGHTS")
    monkeypatch.setenv("HARNESS_DATA", str(data_folder))
    without_triplets(monkeypatch)
    model = MODELS["rnabert"](ModelOptions(weights=weights_folder / "rnabert"))
    record, _ = run(model, load_dataset("rfam-seed"), tmp_path, layers=(0, 6), limit=10, pair_count=5000)
    curve = {k: rows_of(record, "overlap_ratio", layer=k, stratum="all families", source="mean")[0] for k in (0, 6)}
    # the embedding of RNABERT, little more than composition, sets families apart better than its last layer
    assert curve[0] < 0.15 < 0.3 < curve[6]
    assert record.dataset.skipped["sequences over 440 nt"] == 1370
    assert "overlap_ratio_review_fft_leading" not in record.metrics


@pytest.mark.parametrize(("name", "value"), [("kmer-3", 0.100), ("kmer-6", 0.037)])
def test_kmer_counts_on_all_rfam_families(
    name: str, value: float, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.datasets.resolve import load_dataset
    from model_adapters.models import MODELS

    monkeypatch.setenv("HARNESS_DATA", str(data_folder))
    without_triplets(monkeypatch)
    record, _ = run(
        MODELS[name](ModelOptions()), load_dataset("rfam-seed"), tmp_path, layers=(-1,), pair_count=20_000, seeds=(0,)
    )
    assert record.metrics["overlap_ratio_mean"].value == pytest.approx(value, abs=0.006)
    assert record.metrics["overlap_ratio_mean"].n == 2333
