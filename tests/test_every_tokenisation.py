"""Every kind of token goes through every task on the embedded set: a real cell, random weights, reduced sizes."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.adapter import ModelAdapter, ModelOptions
from harness.datasets.records import Dataset, Record
from harness.datasets.resolve import load_dataset
from harness.progress import Progress
from harness.registry import Registry
from harness.result import ResultRecord
from harness.run.cell import Cell, run_cell
from harness.sequences.alignment import Alignment
from model_adapters.catalog.models import ENTRIES
from tests.test_every_model import alignment_model, random_encoder

MODELS: dict[str, Callable[[ModelOptions], ModelAdapter]] = {
    "single nucleotide": lambda options: Registry.discover().model("ncrna-nano:random", options),
    "overlapping 3-mer": random_encoder(ENTRIES["dnabert-3mer"]),
    "6-mer": random_encoder(ENTRIES["nt-500m-human-ref"]),
    "byte pair": random_encoder(ENTRIES["dnabert2"]),
    "codon": random_encoder(ENTRIES["calm"]),
    "alignment": alignment_model,
    "causal": random_encoder(ENTRIES["hyenadna-tiny"]),
}
SETTINGS: dict[str, dict[str, object]] = {
    "dependency-map": {"limit": 6, "draws": 100},
    "fitness": {"limit": 12, "draws": 100},
    "probe-families": {"limit": 12, "examples": (1,), "most_examples": 3, "seeds": (0,), "draws": 100},
    "probe-structure": {"limit": 6, "steps": 4, "examples": (1,), "seeds": (0,), "draws": 100},
    "structure-f1": {"limit": 6, "train_records": 2, "draws": 100},
    "overlap-ratio": {"limit": 4, "per_family": 4, "pair_count": 200, "draws": 100, "seeds": (0,)},
    "similarity": {"limit": 12, "seeds": (0, 1), "draws": 100},
    "sae-structure": {"limit": 36, "features": 64, "k": 4, "steps": 10, "batch_size": 256, "seeds": (0,), "draws": 100},
    "sae-motifs": {"limit": 40, "features": 64, "k": 4, "steps": 10, "batch_size": 256, "seeds": (0,), "draws": 100},
    "sae-families": {"limit": 2, "features": 64, "k": 4, "steps": 10, "batch_size": 256, "seeds": (0,), "draws": 100},
}


OF_EVERY_DATASET = sorted(set(SETTINGS) - {"fitness"})
"""The tasks that ask for nothing but sequences; fitness needs something measured."""


@pytest.fixture(scope="module")
def embedded() -> Dataset:
    return load_dataset("rfam-profiles")


def run(model: str, task: str, dataset: Dataset, folder: Path) -> tuple[ResultRecord, Path]:
    options, protocol = ModelOptions(), Registry.discover().task(task)
    adapter = MODELS[model](options)
    settings = protocol.settings_type.model_validate(SETTINGS[task]).narrowed_to(adapter.card)
    cell = Cell(adapter, protocol, dataset, settings, options)
    return run_cell(cell, folder, "cpu", Progress(quiet=True)), cell.path(folder).with_suffix("")


def has_its_numbers(record: ResultRecord, folder: Path) -> None:
    """Metrics, rows and the numbers of every item; the record refuses what is not finite."""
    assert record.status == "done", record.error
    assert (
        record.dataset.used >= 6
        and record.basis.item_set
        and record.metrics[record.task.headline].value is not None
        and record.table
    )
    items = pd.read_parquet(folder / "items.parquet")
    assert len(items) > 0 and np.isfinite(items["value"]).all()


WITHOUT_NUMBERS = {
    ("structure-f1", "causal"): "hyenadna-tiny:random has neither attention nor pair_scores",
    (
        "dependency-map",
        "byte pair",
    ): "dnabert2:random has neither causal_log_probs nor pair_scores nor unmasked_log_probs",
    (
        "dependency-map",
        "alignment",
    ): "rna-msm:random has neither causal_log_probs nor pair_scores nor unmasked_log_probs",
    ("fitness", "6-mer"): r"reads several nucleotides as one token \(6-mer\): the likelihood of one substitution",
    ("fitness", "codon"): "reads several nucleotides as one token",
    ("fitness", "byte pair"): "has neither causal_log_probs nor log_probs",
    ("fitness", "alignment"): "has neither causal_log_probs nor log_probs",
    # no family keeps ten clusters on either side when two of three sequences are left out
    ("sae-families", "codon"): "0 of 48 families .* left out: sequences that are not whole codons of 3 nt",
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("task", SETTINGS)
def test_cell(task: str, model: str, embedded: Dataset, tmp_path: Path) -> None:
    data = embedded if task in OF_EVERY_DATASET else load_dataset("hairpin-scans")
    record, folder = run(model, task, data, tmp_path)
    if (reason := WITHOUT_NUMBERS.get((task, model))) is not None:
        assert record.status == "not-applicable" and re.search(reason, record.error or ""), record.error
        assert "\n" not in (record.error or "") and not record.metrics
        return
    has_its_numbers(record, folder)
    codons = "sequences that are not whole codons of 3 nt"
    if model == "codon":
        assert record.dataset.skipped[codons] == sum(len(r.sequence) % 3 > 0 for r in embedded.records)
    assert (codons in record.dataset.skipped) == (model == "codon")
    assert any("read them alone" in note for note in record.notes) == (model == "alignment")
    if task in ("structure-f1", "probe-structure", "dependency-map"):
        coarse = {"6-mer", "byte pair", "codon"}
        assert any("inside one token" in note for note in record.notes) == (model in coarse)


@pytest.mark.parametrize("task", ["structure-f1", "overlap-ratio"])
def test_records_tell_unequal_item_sets_apart_where_counts_do_not(task: str, embedded: Dataset, tmp_path: Path) -> None:
    single, coarse, codon = (
        run(model, task, embedded, tmp_path)[0] for model in ("single nucleotide", "6-mer", "codon")
    )
    assert single.dataset.used == codon.dataset.used
    assert single.basis.item_set == coarse.basis.item_set != codon.basis.item_set


def test_codons_tell_families_apart_where_enough_sequences_are_whole_codons(embedded: Dataset, tmp_path: Path) -> None:
    whole = embedded.subset(
        replace(r, sequence=r.sequence[: len(r.sequence) // 3 * 3], pairs=None, given_loop_types=None)
        for r in embedded.records
    )
    has_its_numbers(*run("codon", "sae-families", whole, tmp_path))


@pytest.mark.parametrize("task", [task for task in SETTINGS if (task, "alignment") not in WITHOUT_NUMBERS])
def test_homologs_reach_a_model_of_alignments(task: str, embedded: Dataset, tmp_path: Path) -> None:
    """The cell's dataset with alignments of two rows: other numbers than from the sequences alone, and no note."""

    def with_homolog(record: Record) -> Record:
        homolog = "".join(random.Random(record.id).choices("ACGU", k=len(record.sequence)))
        return replace(record, alignment=Alignment(record.id, (record.sequence, homolog)))

    records = [
        run("alignment", task, dataset, tmp_path)[0]
        for dataset in (embedded, embedded.subset(with_homolog(record) for record in embedded.records))
    ]
    alone, together = ({name: metric.value for name, metric in record.metrics.items()} for record in records)
    assert [record.status for record in records] == ["done", "done"] and alone != together
    assert not any("read them alone" in note for note in records[1].notes)


@pytest.fixture(scope="module")
def stockholm(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Three families of 48 hairpins, whose loops differ in length."""
    generator, blocks = random.Random(0), []
    partner = dict(zip("ACGU", "UGCA", strict=True))
    for family in range(3):
        rows = []
        for number in range(48):
            stem = "".join(generator.choices("ACGU", k=9))
            loop = "".join(generator.choices("ACGU", k=8)).ljust(12, "A")[: 12 - number % 3].ljust(12, ".")
            rows.append(f"s{number} {stem}{loop}{''.join(partner[letter] for letter in reversed(stem))}")
        lines = [
            "# STOCKHOLM 1.0",
            f"#=GF AC RF{family}",
            "",
            *rows,
            f"#=GC SS_cons {'<' * 9}{'.' * 12}{'>' * 9}",
            "//",
        ]
        blocks.append("\n".join(lines) + "\n")
    path = tmp_path_factory.mktemp("stockholm") / "seed.stk"
    path.write_text("".join(blocks))
    return load_dataset(str(path))


@pytest.mark.parametrize(
    ("task", "model"),
    [
        (task, model)
        for task in OF_EVERY_DATASET
        for model in ("alignment", "single nucleotide")
        if (task, model) not in WITHOUT_NUMBERS
    ],
)
def test_alignments_of_a_stockholm_file_reach_a_model_of_alignments_where_no_family_is_asked(
    task: str, model: str, stockholm: Dataset, tmp_path: Path
) -> None:
    """They tell what pairs with what. Read where the family is asked, they would be the answer."""
    bare = stockholm.subset(replace(record, alignment=None) for record in stockholm.records)
    records = [run(model, task, dataset, tmp_path)[0] for dataset in (stockholm, bare)]
    assert [record.status for record in records] == ["done", "done"], [record.error for record in records]
    with_rows, alone = records
    own = ("structure-f1", "probe-structure", "sae-structure", "sae-motifs", "similarity")
    reads = model == "alignment" and task in own
    assert (with_rows.metrics == alone.metrics) != reads
    away = any("which would give the family away" in note for note in with_rows.notes)
    assert away == (model == "alignment" and not reads)
    assert any("sequences have no alignment" in note for note in alone.notes) == (model == "alignment")
    assert with_rows.basis.item_set != alone.basis.item_set
