"""The whole task on models that know where motifs lie, or do not."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from harness.adapter import ModelAdapter, ModelOptions
from harness.datasets.records import Dataset
from harness.progress import Progress
from harness.publish.terminal import headline_rows
from harness.result import ResultRecord
from harness.run.cell import Cell, run_cell
from tasks.sae_motifs.settings import SaeMotifsSettings
from tasks.sae_motifs.task import SaeMotifs
from tests.tasks.sae_motifs.planted import DIRECTIONS, KNOWN, SHIFTS, MotifModel, planted_part

SMALL = {"features": 64, "k": 4, "steps": 80, "batch_size": 256, "draws": 100, "layers": (2,), "seeds": (0, 1)}
CHOICES = ["source", "seed", "library", "motif", "feature", "strand", "delta", "match_p"]


def run(model: ModelAdapter, dataset: Dataset, folder: Path, **settings: object) -> tuple[ResultRecord, Path]:
    own = SaeMotifsSettings.model_validate(SMALL | settings)
    cell = Cell(model, SaeMotifs(), dataset, own, ModelOptions())
    return run_cell(cell, folder, "cpu", Progress(quiet=True)), cell.path(folder).with_suffix("")


@pytest.fixture(scope="module")
def knowing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ResultRecord, Path]]:
    dataset = planted_part()
    yield run(MotifModel(dataset), dataset, tmp_path_factory.mktemp("knowing"))


def test_planted_motifs_are_found_and_random_twins_find_none(knowing: tuple[ResultRecord, Path]) -> None:
    record, _ = knowing
    assert record.status == "done", record.error
    assert record.metrics["clusters"].value == len(KNOWN)
    assert record.metrics["excess_clusters"].value >= len(KNOWN) - 0.5 and record.metrics["clusters_null"].value <= 0.5
    rows = {row.source: row.value for row in headline_rows(record, 2)}
    assert rows["sae-random-lm"] < 0.5 < rows["neuron"]
    assert record.metrics["gain_excess"].value > 2  # two seeds say little of the spread
    assert record.roles["kmer"] == record.roles["motif-matrix"] == "reference"
    assert record.roles["sae-random-lm"] == "floor"
    assert any("k-mers name short motifs by construction" in note for note in record.notes)


def test_the_nucleotides_that_are_announced_are_those_that_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, read = planted_part(), 0
    hidden_states = MotifModel.hidden_states

    def counted(self: MotifModel, sequences: Sequence[str], layers: Sequence[int]) -> object:
        nonlocal read
        read += sum(map(len, sequences))
        return hidden_states(self, sequences, layers)

    monkeypatch.setattr(MotifModel, "hidden_states", counted)
    own = SaeMotifsSettings.model_validate(SMALL | {"steps": 2})
    record = run_cell(Cell(MotifModel(dataset), SaeMotifs(), dataset, own, ModelOptions()), tmp_path, "cpu", Progress())
    assert record.status == "done", record.error
    [announced] = re.findall(r"before statistics: ([\d,]+) nucleotides", capsys.readouterr().err)
    of_the_estimate = 40 * max(len(record.sequence) for record in dataset.records)
    assert 0 <= read - int(announced.replace(",", "")) <= of_the_estimate


def test_features_are_found_with_the_motif_the_strand_and_the_place(knowing: tuple[ResultRecord, Path]) -> None:
    """Sites lie anywhere, at any distance from each other and on either strand; the neurons are the known truth."""
    _, path = knowing
    table = pd.read_parquet(path / "motifs.parquet")
    truth = {number: (motif, strand, SHIFTS[number]) for number, (motif, strand) in enumerate(DIRECTIONS)}
    own = table[(table.source == "neuron") & (table.library == 0) & table.confirmed]
    assert set(own.motif) == set(KNOWN)
    for row in own.itertuples():
        assert (row.motif, row.strand, row.delta) == truth[row.feature], row
        # Nrf1 is nearly its own reverse complement: half of its sites on one strand were planted on the other
        assert row.auroc > (0.7 if row.name == "Nrf1" else 0.9) and row.q < 1e-2 and row.sites >= 10
    sae = table[(table.source == "sae") & (table.library == 0) & table.confirmed]
    places = {(motif, strand): shift for motif, strand, shift in truth.values()}
    assert all(abs(places[row.motif, row.strand] - row.delta) <= 2 for row in sae.itertuples())
    assert not table[(table.source == "sae-random-lm") & table.confirmed].motif.isin(KNOWN).any()


def test_the_record_says_what_the_table_needs(knowing: tuple[ResultRecord, Path]) -> None:
    record, path = knowing
    assert set(SaeMotifs.card.columns) <= set(record.metrics) <= set(SaeMotifs.card.labels)
    assert {"motifs.svg"} == {Path(name).name for name in record.files if name.endswith("svg")}
    items = pd.read_parquet(path / "items.parquet")
    assert set(items.item) == {r.id for r in planted_part().records if r.split == "test"}
    assert record.highlights is not None and len(record.highlights.rows) >= len(KNOWN)
    aurocs = {row.source: row.value for row in record.table if row.name == "peak_auroc"}
    assert aurocs["sae"] == record.metrics["peak_auroc"].value and aurocs["motif-matrix"] > 0.5
    motifs = pd.read_parquet(path / "feature_motifs.parquet")
    assert {"sae", "kmer"} <= set(motifs.source)


def test_permuting_the_letters_of_test_changes_no_choice(tmp_path: Path, knowing: tuple[ResultRecord, Path]) -> None:
    """What is a site on test, and what is not, is told by its letters."""
    dataset = planted_part()

    def permuted(letters: str) -> str:
        return "".join(random.Random(letters).sample(letters, len(letters)))

    other = dataset.subset(
        replace(record, sequence=permuted(record.sequence)) if record.split == "test" else record
        for record in dataset.records
    )
    record, path = run(MotifModel(dataset), other, tmp_path, seeds=(0,))
    assert record.status == "done", record.error
    ours, theirs = (pd.read_parquet(folder / "motifs.parquet")[CHOICES] for folder in (path, knowing[1]))
    theirs = theirs[theirs.seed.isna() | (theirs.seed == 0)].reset_index(drop=True)
    assert {"sae", "kmer"} <= set(ours.source)
    pd.testing.assert_frame_equal(ours, theirs)
    assert record.metrics["clusters"].value < 1 < knowing[0].metrics["clusters"].value


def test_a_model_that_knows_nothing_gains_nothing(tmp_path: Path) -> None:
    dataset = planted_part()
    record, _ = run(MotifModel(dataset, knows=False), dataset, tmp_path, seeds=(0,), layers=(0, 2))
    assert record.status == "done", record.error
    assert abs(record.metrics["excess_clusters"].value) < 1 and record.metrics["gain_excess"].low <= 0
    assert {row.layer for row in record.table} == {0, 2} and record.basis.layer_is_chosen
    assert "excess_clusters_stable" not in record.metrics
