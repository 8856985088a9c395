"""The whole task on attention that knows the pairs, on pair scores, and on what it has to refuse."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from harness.adapter import ModelAdapter
from harness.datasets.records import Record
from harness.publish.figures.depth import STRATUM
from harness.result import ResultRecord
from harness.run.cell import run_cell
from harness.sequences.alignment import Alignment
from harness.task import CellContext
from tasks.structure_f1.task import StructureF1
from tests.fakes import FakeModel
from tests.tasks.structure import slow
from tests.tasks.structure.planted import KNOWING, LAYERS, AttentionModel, dataset, hairpin, records
from tests.tasks.structure_f1.cells import QUIET, make_cell, run

METRICS = {
    *("f1_pooled", "auprc_macro", "pair_conditional_auroc", "f1_per_rna", "f1_matched", "f1_exact_threshold"),
    *("precision_top_half_length", "mcc", "f1_oracle_head", "f1_ceiling_canonical", "f1_ceiling_one_partner"),
}


class PairScores(FakeModel):
    """Scores of pairs as they are, or to be corrected like attention: one map of the planted model."""

    def __init__(self, source: AttentionModel, like_attention: bool) -> None:
        card = {"capabilities": {"pair_scores"}, "layers": None, "pair_scores_like_attention": like_attention}
        super().__init__("scores", **card)
        self.source = source

    def pair_scores(self, sequences: Sequence[str]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        for index, sequence in enumerate(sequences):
            scores = self.source.maps(sequence, KNOWING[0])[KNOWING[1]]
            yield index, (scores + scores.T) / 2


@pytest.fixture(scope="module")
def knowing(tmp_path_factory: pytest.TempPathFactory) -> tuple[ResultRecord, Path]:
    folder = tmp_path_factory.mktemp("knowing")
    record = run(AttentionModel(dataset()), dataset(), folder)
    return record, make_cell(AttentionModel(dataset()), dataset()).path(folder).with_suffix("")


def by_hand(split: str) -> dict[tuple[int, int], list[tuple[np.ndarray, set[int]]]]:
    """(layer, head) -> scores and known pairs of every RNA of a split, by the slow implementation."""
    model, found = AttentionModel(dataset()), {}
    for layer in range(1, LAYERS + 1):
        for head in range(3):
            rnas = []
            for record in dataset().records:
                if record.split == split:
                    scores = slow.probabilities(model.maps(record.sequence, layer)[head])
                    known = {k for k, pair in enumerate(scores) if pair in set(record.pairs or ())}
                    rnas.append((np.array(list(scores.values()), dtype=np.float32), known))
            found[layer, head] = rnas
    return found


def test_the_protocol_by_loops_gives_the_same_choice_and_score(knowing: tuple[ResultRecord, Path]) -> None:
    record, _ = knowing
    best = {head: slow.best_step(rnas) for head, rnas in by_hand("select").items()}
    chosen = max(sorted(best), key=lambda head: best[head][0])
    value, step = best[chosen]
    selected = record.selected
    assert (record.basis.layer, selected["head"]) == chosen == KNOWING and selected["threshold"] == step / 1000
    assert selected["f1_validation"] == pytest.approx(value)
    test = by_hand("test")
    parts = [slow.counts(scores, known, np.float32(step / 1000)) for scores, known in test[chosen]]
    assert record.metrics["f1_pooled"].value == pytest.approx(slow.pooled_f1(parts))
    assert record.metrics["f1_per_rna"].value == pytest.approx(np.mean([slow.pooled_f1([part]) for part in parts]))
    oracle = max(slow.best_step(rnas)[0] for rnas in test.values())
    assert record.metrics["f1_oracle_head"].value == pytest.approx(oracle)
    assert "ORACLE" in record.metrics["f1_oracle_head"].unit


def test_the_record_holds_every_metric_with_its_interval(knowing: tuple[ResultRecord, Path]) -> None:
    record, _ = knowing
    assert set(record.metrics) == METRICS and set(StructureF1.card.columns) <= METRICS
    for name, metric in record.metrics.items():
        if name != "f1_oracle_head":
            assert metric.n == 5 and metric.low <= metric.high, name
    assert record.metrics["f1_pooled"].value > 0.3
    assert record.metrics["pair_conditional_auroc"].value > 0.8
    assert 0.5 < record.selected["chosen_by_bootstrap"] <= 1
    assert set(record.selected["train_and_validation"]) == {"layer", "head", "threshold"}
    assert record.dataset.used == 24
    strata = {row.stratum for row in record.table if row.name == "f1_pooled"}
    assert {"head and threshold fixed", "selected on train and validation", "1–50 nt", "pseudoknotted RNAs"} <= strata
    assert {"non-canonical pairs", "pairs of less than 24 nt", "mean over families"} <= strata
    assert not {"long-range pairs, 24 nt or more", "51–100 nt"} & strata
    rows = {row.stratum: row for row in record.table if row.name == "f1_pooled"}
    assert rows["1–50 nt"].value == pytest.approx(record.metrics["f1_pooled"].value)
    assert record.highlights is not None and record.highlights.rows[0][:2] == ("2", "1")


def test_items_and_tables_recompute_the_metrics(knowing: tuple[ResultRecord, Path]) -> None:
    record, folder = knowing
    items = pd.read_parquet(folder / "items.parquet")
    wide = items.pivot(index="item", columns="metric", values="value")
    tp, fp, fn = (wide[name].sum() for name in ("tp", "fp", "fn"))
    assert 2 * tp / (2 * tp + fp + fn) == pytest.approx(record.metrics["f1_pooled"].value)
    assert wide["average_precision"].mean() == pytest.approx(record.metrics["auprc_macro"].value)
    for suffix, name in (("_exact", "f1_exact_threshold"), ("_matched", "f1_matched")):
        tp, fp, fn = (wide[f"{part}{suffix}"].sum() for part in ("tp", "fp", "fn"))
        assert 2 * tp / (2 * tp + fp + fn) == pytest.approx(record.metrics[name].value)
    expected = wide["conditional_wins"].sum() / wide["conditional_pairs"].sum()
    assert expected == pytest.approx(record.metrics["pair_conditional_auroc"].value)
    heads = pd.read_parquet(folder / "heads.parquet")
    assert len(heads) == 6 and heads["chosen_by_bootstrap"].sum() == pytest.approx(1)
    assert heads["f1_test_best"].max() == pytest.approx(record.metrics["f1_oracle_head"].value)
    options = pd.read_parquet(folder / "options.parquet")
    own = options[(options["layer"] == 2) & (options["head"] == 1)]
    own = own[np.isclose(own["threshold"], record.selected["threshold"])]
    assert own.set_index("item")["tp"].to_dict() == wide["tp"].to_dict()
    assert {"heads.svg", "contacts.svg", "f1-by-length.svg"} <= {path.name for path in folder.iterdir()}


def test_permuting_test_pairs_changes_no_choice(tmp_path: Path, knowing: tuple[ResultRecord, Path]) -> None:
    rows = [replace(r, pairs=((0, len(r.sequence) - 2),)) if r.split == "test" else r for r in records()]
    moved = run(AttentionModel(dataset()), dataset(rows=rows), tmp_path)
    for name in ("layer", "head", "threshold", "threshold_exact", "threshold_matched", "chosen_by_bootstrap"):
        assert moved.selected[name] == knowing[0].selected[name]
    assert moved.metrics["f1_pooled"].value < knowing[0].metrics["f1_pooled"].value


def test_a_run_stopped_before_the_statistics_asks_the_model_nothing_again(
    tmp_path: Path, knowing: tuple[ResultRecord, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    phase, visit_attention = CellContext.phase, AttentionModel.visit_attention
    passes = 0

    def stopped(self: CellContext, name: str) -> AbstractContextManager[None]:
        if name == "statistics":
            raise KeyboardInterrupt
        return phase(self, name)

    def counted(self: AttentionModel, sequences: Sequence[str], visit: Callable[..., None]) -> None:
        nonlocal passes
        passes += 1
        visit_attention(self, sequences, visit)

    monkeypatch.setattr("harness.task.KEPT_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(AttentionModel, "visit_attention", counted)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(CellContext, "phase", stopped)
        run_cell(make_cell(AttentionModel(dataset()), dataset()), tmp_path, "cpu", QUIET)
    assert passes == 4
    record = run_cell(make_cell(AttentionModel(dataset()), dataset()), tmp_path, "cpu", QUIET)
    plain = knowing[0]
    assert passes == 4 and record.files == plain.files
    assert (record.metrics, record.table, record.selected) == (plain.metrics, plain.table, plain.selected)


def test_a_model_that_knows_nothing_scores_near_chance(tmp_path: Path) -> None:
    metrics = run(AttentionModel(), dataset(), tmp_path).metrics
    assert metrics["f1_pooled"].value < 0.2 and 0.3 < metrics["pair_conditional_auroc"].value < 0.7


def test_odd_rnas_are_handled_and_counted(tmp_path: Path) -> None:
    long, pairs = hairpin(5, stem=20, loop=20)
    extra = [
        Record("single", "A", split="test", pairs=()),
        Record("unpaired", "ACGUANGUACGU", split="test", pairs=()),
        Record("multiplet", "GGGAAAACCC", split="test", pairs=((0, 9), (0, 8), (1, 8))),
        Record("knotted", "GGGAAACCCUUU", split="test", pairs=((0, 8), (3, 11))),
        Record("over-long", long, split="test", pairs=pairs),
        Record("too-long", long * 10, split="test", pairs=pairs),
        Record("one-select", "G", split="select", pairs=()),
    ]
    record = run(AttentionModel(dataset()), dataset(extra), tmp_path, longest=50)
    assert record.dataset.skipped == {"sequences over 50 nt": 2}
    assert record.dataset.used == 29
    assert any("2 test RNAs have no base pair" in note for note in record.notes)
    assert record.metrics["f1_ceiling_one_partner"].value < 1
    folder = make_cell(AttentionModel(dataset()), dataset(extra), longest=50).path(tmp_path).with_suffix("")
    items = pd.read_parquet(folder / "items.parquet")
    per_rna = items[items["metric"] == "f1"]
    assert record.metrics["f1_per_rna"].value == pytest.approx(per_rna["value"].mean()) and len(per_rna) == 10


def test_pair_scores_are_used_as_they_are_unless_the_card_says_otherwise(tmp_path: Path) -> None:
    source = AttentionModel(dataset())
    attention = run(source, dataset(), tmp_path / "a")
    like = run(PairScores(source, True), dataset(), tmp_path / "b")
    plain = run(PairScores(source, False), dataset(), tmp_path / "c")
    assert (like.basis.layer, like.selected["head"]) == (0, 0)
    # half of A + Aᵀ was handed over, and all of it is symmetrised again
    assert like.metrics["f1_pooled"].value == pytest.approx(attention.metrics["f1_pooled"].value)
    assert like.selected["threshold"] == attention.selected["threshold"] > 0.5
    assert plain.selected["threshold"] < 0.5
    rnas = [(r.sequence, set(r.pairs or ())) for r in dataset().records if r.split == "test"]
    parts = []
    for (sequence, known), (_, scores) in zip(rnas, plain_scores(source, [s for s, _ in rnas]), strict=True):
        i, j = np.triu_indices(len(sequence), 1)
        indices = {k for k, pair in enumerate(zip(i.tolist(), j.tolist(), strict=True)) if pair in known}
        parts.append(slow.counts(scores[i, j], indices, np.float32(plain.selected["threshold"])))
    assert plain.metrics["f1_pooled"].value == pytest.approx(slow.pooled_f1(parts))


def plain_scores(source: AttentionModel, sequences: list[str]) -> list[tuple[int, NDArray[np.float32]]]:
    return list(PairScores(source, False).pair_scores(sequences))


class TokenModel(AttentionModel):
    """Reads tokens of four nucleotides side by side: all nucleotides of a token attend and are attended to alike."""

    def token_of(self, sequence: str) -> NDArray[np.int64]:
        return np.arange(len(sequence)) // 4

    def maps(self, sequence: str, layer: int) -> NDArray[np.float32]:
        fine, token = super().maps(sequence, layer), self.token_of(sequence)
        cover = (token[:, None] == np.unique(token)).astype(np.float32)
        share = cover / cover.sum(axis=0)
        return np.asarray(cover @ (share.T @ fine @ share) @ cover.T, dtype=np.float32)


def test_pairs_inside_one_token_count_nowhere(tmp_path: Path) -> None:
    """Every number again from the pairs of different tokens alone, as if there were no others."""
    # a tight hairpin, so that some known pairs lie inside a token
    rows = [replace(r, pairs=(*(r.pairs or ()), (0, 3), (4, 6))) for r in records()]
    model, data = TokenModel(dataset()), dataset(rows=rows)
    record = run(model, data, tmp_path)
    layer, head = record.basis.layer, record.selected["head"]
    threshold, parts, values, total = np.float32(record.selected["threshold"]), [], [], 0
    lost = {"test": 0, "all": 0}
    for own in rows:
        scores = slow.probabilities(model.maps(own.sequence, layer)[head])
        truth = {pair for pair in own.pairs or () if pair[0] // 4 != pair[1] // 4}
        lost["all"] += len(set(own.pairs or ())) - len(truth)
        if own.split == "test":
            lost["test"] += len(set(own.pairs or ())) - len(truth)
            apart = {pair: score for pair, score in scores.items() if pair[0] // 4 != pair[1] // 4}
            known = {k for k, pair in enumerate(apart) if pair in truth}
            array = np.array(list(apart.values()), dtype=np.float32)
            parts.append(slow.counts(array, known, threshold))
            values.append(average_precision_score([k in known for k in range(len(apart))], array))
            total += len(apart)
    tp, fp, fn = (sum(part[k] for part in parts) for k in range(3))
    metrics = record.metrics
    assert metrics["f1_pooled"].value == pytest.approx(slow.pooled_f1(parts))
    assert metrics["auprc_macro"].value == pytest.approx(np.mean(values), abs=1e-6)
    tn = total - tp - fp - fn
    mcc = (tp * tn - fp * fn) / np.sqrt(float(tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    assert metrics["mcc"].value == pytest.approx(mcc)
    assert metrics["f1_ceiling_one_partner"].value <= 1 and metrics["f1_ceiling_canonical"].value <= 1
    assert lost["test"] >= 16 and record.dataset.skipped == {"base pairs inside one token of the model": lost["all"]}
    note = f"{lost['test']} of {lost['test'] + tp + fn} base pairs of test RNAs lie inside one token"
    assert any(note in line for line in record.notes)


class AlignedModel(AttentionModel):
    """Reads alignments; knows the pairs only where there are ten rows or more."""

    def visit_attention(self, alignments, visit) -> None:  # type: ignore[no-untyped-def]
        assert all(isinstance(alignment, Alignment) for alignment in alignments)
        for index, alignment in enumerate(alignments):
            own = self if alignment.depth >= 10 else AttentionModel()
            for layer in range(1, LAYERS + 1):
                visit(index, layer, own.maps(alignment.query, layer))


def test_depths_of_alignments_are_swept(tmp_path: Path) -> None:
    # rows that repeat an earlier one are no candidates of the depth filter: each is changed in a place of its own
    def rows_of(sequence: str) -> tuple[str, ...]:
        places = [divmod(k, len(sequence)) for k in range(19)]
        letters = ["ACGU"[("ACGU".index(sequence[place]) + 1 + turn) % 4] for turn, place in places]
        changed = [sequence[:place] + letters[k] + sequence[place + 1 :] for k, (_, place) in enumerate(places)]
        return (sequence, *changed)

    rows = [replace(r, alignment=Alignment(r.id, rows_of(r.sequence))) for r in records()]
    model = AlignedModel(dataset(), capabilities={"attention", "alignment"})
    record = run(model, dataset(rows=rows), tmp_path)
    swept = {row.stratum: row.value for row in record.table if "alignments" in row.stratum}
    assert set(swept) == {"alignments of at most 1 rows", "alignments of at most 10 rows"}
    assert all(STRATUM.fullmatch(stratum) for stratum in swept)  # the page of comparisons reads depths by these words
    assert swept["alignments of at most 10 rows"] == pytest.approx(record.metrics["f1_pooled"].value)
    assert swept["alignments of at most 1 rows"] < 0.2
    fixed = next(row for row in record.table if row.stratum == "head and threshold fixed")
    deep, alone = (
        next(row for row in record.table if row.stratum == f"alignments of at most {depth} rows") for depth in (10, 1)
    )
    # at depth 10 the same head: the same draws of test families, so the same interval
    assert (deep.low, deep.high, deep.n) == pytest.approx((fixed.low, fixed.high, fixed.n))
    assert alone.low is not None and alone.low < alone.value < alone.high


@pytest.mark.parametrize(
    ("model", "status", "message"),
    [
        (FakeModel(), "not-applicable", "fake has neither attention nor pair_scores"),
        (AttentionModel(alphabet="protein"), "not-applicable", "protein"),
    ],
)
def test_a_model_that_does_not_fit(tmp_path: Path, model: ModelAdapter, status: str, message: str) -> None:
    record = run_cell(make_cell(model, dataset()), tmp_path, "cpu", QUIET)
    assert record.status == status and re.search(message, record.error or "")


def test_a_dataset_without_pairs_is_one_line(tmp_path: Path) -> None:
    rows = [replace(record, pairs=None) for record in records()]
    record = run_cell(make_cell(AttentionModel(), dataset(rows=rows)), tmp_path, "cpu", QUIET)
    assert record.status == "failed" and "dataset hairpins has no base pairs" in (record.error or "")


class Broken(AttentionModel):
    """Returns maps that cannot be used."""

    def __init__(self, fault: str) -> None:
        super().__init__()
        self.fault = fault

    def visit_attention(self, sequences, visit) -> None:  # type: ignore[no-untyped-def]
        for index, sequence in enumerate(sequences):
            if self.fault == "shape":
                visit(index, 1, np.zeros((1, len(sequence) + 2, len(sequence) + 2), np.float32))
            elif self.fault == "nan":
                visit(index, 1, np.full((1, len(sequence), len(sequence)), np.nan, np.float32))


@pytest.mark.parametrize(
    ("fault", "message"),
    [("shape", r"maps of shape \(1, \d+, \d+\) for 'r"), ("nan", "NaN"), ("missing", "no scores for 8 of 8 RNAs")],
)
def test_faulty_attention_is_one_line(tmp_path: Path, fault: str, message: str) -> None:
    record = run_cell(make_cell(Broken(fault), dataset()), tmp_path, "cpu", QUIET)
    assert record.status == "failed" and re.search(message, record.error or "")
