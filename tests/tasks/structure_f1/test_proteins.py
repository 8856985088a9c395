"""Contacts of proteins through the protocol of structure-f1: folders of coordinates, a planted head, ESM-2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.adapter import ModelOptions
from harness.datasets.records import Dataset
from harness.datasets.resolve import load_dataset
from harness.publish.leaderboard import render_all
from harness.result import ResultRecord, read_records
from harness.run.cell import Cell, run_cell
from harness.run.plan import Request, plan
from harness.run.spec import Resolver
from model_adapters.models import MODELS
from tasks.structure_f1.task import ON_PROTEINS, StructureF1, StructureF1Settings
from tests.harness.datasets.proteins.made import as_mmcif, as_pdb, hairpin, random_sequence
from tests.tasks.structure import slow
from tests.tasks.structure.planted import KNOWING, AttentionModel, dataset
from tests.tasks.structure_f1.cells import QUIET, make_cell, run

MISSING = range(5, 8)
"""Numbers of residues that one of the chains lacks."""


@pytest.fixture(scope="module")
def chains(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve hairpins of 22 to 33 residues in PDB and mmCIF; one lacks three residues."""
    folder = tmp_path_factory.mktemp("proteins") / "folds"
    folder.mkdir()
    for number in range(12):
        atoms = hairpin(random_sequence(number, 22 + number))
        if number == 3:
            atoms = [atom for atom in atoms if atom.number not in MISSING]
        writer, suffix = (as_mmcif, "cif") if number % 2 else (as_pdb, "pdb")
        (folder / f"h{number:02}.{suffix}").write_text(writer(atoms))
    return folder


@pytest.fixture(scope="module")
def proteins(chains: Path) -> Dataset:
    return load_dataset(str(chains))


@pytest.fixture(scope="module")
def knowing(proteins: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[ResultRecord, pd.DataFrame]:
    """A model that knows the contacts in one head: its record, and the items behind it."""
    folder = tmp_path_factory.mktemp("knowing")
    model = AttentionModel(proteins, alphabet="protein")
    record = run(model, proteins, folder)
    items = pd.read_parquet(make_cell(model, proteins).path(folder).with_suffix("") / "items.parquet")
    return record, items.pivot(index="item", columns="metric", values="value")


def counted(sequence: str, i: int, j: int) -> bool:
    return j - i >= 6 and "X" not in (sequence[i], sequence[j])


def test_f1_and_precision_are_those_of_loops_over_the_pairs(
    knowing: tuple[ResultRecord, pd.DataFrame], proteins: Dataset
) -> None:
    record, items = knowing
    model = AttentionModel(proteins, alphabet="protein")
    chosen = record.selected
    assert (chosen["layer"], chosen["head"]) == KNOWING and "threshold_matched" not in chosen
    parts, precisions = [], []
    for own in proteins.records:
        if own.id not in items.index:
            continue
        scores = slow.probabilities(model.maps(own.sequence, KNOWING[0])[KNOWING[1]])
        kept = {pair: np.float32(score) for pair, score in scores.items() if counted(own.sequence, *pair)}
        known = {k for k, pair in enumerate(kept) if pair in set(own.pairs or ())}
        parts.append(slow.counts(np.array(list(kept.values())), known, np.float32(chosen["threshold"])))
        ranked = sorted(kept, key=lambda pair: -kept[pair])[: len(own.sequence) // 5]
        precisions.append(np.mean([pair in set(own.pairs or ()) for pair in ranked]))
        assert items.loc[own.id, "pairs"] == len(known)
        assert items.loc[own.id, ["tp", "fp", "fn", "tn"]].sum() == len(kept)
    assert len(parts) == len(items)
    assert record.metrics["f1_pooled"].value == pytest.approx(slow.pooled_f1(parts))
    assert record.metrics["precision_top_fifth_length"].value == pytest.approx(np.mean(precisions))
    assert record.metrics["f1_pooled"].value > 0.3


def test_the_record_speaks_of_proteins_and_holds_nothing_of_bases(
    knowing: tuple[ResultRecord, pd.DataFrame],
) -> None:
    record, items = knowing
    absent = {"f1_matched", "f1_ceiling_canonical", "f1_ceiling_one_partner"}
    assert not absent & set(record.metrics) and not {"canonical_pairs", "tp_matched"} & set(items)
    assert set(record.task.columns) <= set(record.metrics) <= set(record.task.labels)
    assert all(metric.low is not None for name, metric in record.metrics.items() if name != "f1_oracle_head")
    words = [record.task.question, *record.task.how_to_read, *record.notes, *record.dataset.skipped]
    words += [metric.unit for metric in record.metrics.values()] + [row.stratum for row in record.table]
    assert not any(word in text for text in words for word in ("RNAs", "base", " nt", "pseudoknot"))


def test_a_page_of_both_asks_of_rnas_first_and_of_proteins_in_their_section(proteins: Dataset, tmp_path: Path) -> None:
    run(AttentionModel(proteins, alphabet="protein"), proteins, tmp_path)
    run(AttentionModel(dataset()), dataset(), tmp_path)
    run_cell(make_cell(AttentionModel(name="foreign", alphabet="protein"), dataset()), tmp_path, "cpu", QUIET)
    page = render_all(read_records(tmp_path)[0], tmp_path / "out")[tmp_path / "out" / "structure-f1.md"]
    of_rnas, of_proteins = StructureF1.card.question, str(ON_PROTEINS["question"])
    assert page.count(of_rnas) == page.count(of_proteins) == 1
    assert page.index(of_rnas) < page.index("\n## ")
    sections = {section.split(maxsplit=1)[0]: section for section in page.split("\n## ")[1:]}
    assert of_proteins in sections["folds"] and of_proteins not in sections["hairpins"]


def test_splits_are_halves_in_which_copies_stay_together(chains: Path, tmp_path: Path) -> None:
    for path in chains.iterdir():
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "copy.pdb").write_text((chains / "h00.pdb").read_text())
    # one residue less: no exact copy
    (tmp_path / "near.pdb").write_text(as_pdb(hairpin(random_sequence(0, 22)[:-1])))
    doubled = load_dataset(str(tmp_path))
    record = run(AttentionModel(doubled, alphabet="protein"), doubled, tmp_path / "results")
    assert record.dataset.skipped == {"exact duplicates": 1} and record.dataset.used == 13
    cell = make_cell(AttentionModel(doubled, alphabet="protein"), doubled)
    items = pd.read_parquet(cell.path(tmp_path / "results").with_suffix("") / "items.parquet")
    assert ("copy" in set(items["item"])) == ("near" in set(items["item"]))


def test_floors_of_proteins_are_the_separation_and_random_twins(chains: Path) -> None:
    specs = plan(Request(["esm2-8m"], ["structure-f1"], [str(chains)]), Resolver())
    assert {spec.model for spec in specs} == {
        *("esm2-8m", "separation-prior", "esm2-8m:random"),
        *(f"esm2-8m:random:{number}" for number in range(1, 5)),
    }


def test_a_random_esm2_runs_from_beginning_to_end_beside_the_separation(proteins: Dataset, tmp_path: Path) -> None:
    twin = run(MODELS["esm2-8m"](ModelOptions()).random_twin(), proteins, tmp_path)
    near = run(MODELS["separation-prior"](ModelOptions()), proteins, tmp_path)
    assert twin.basis.item_set == near.basis.item_set and twin.dataset.used == 12
    for record in (twin, near):
        assert 0 <= record.metrics["precision_top_fifth_length"].value <= 1
    # hairpins touch at every separation alike: the threshold is a separation, and nothing nearer than 6 is predicted
    assert near.selected["threshold"] <= 1 / 6 and near.metrics["f1_pooled"].value > 0


def test_models_and_sets_of_different_letters_are_not_applicable(proteins: Dataset, tmp_path: Path) -> None:
    for model, data in ((AttentionModel(), proteins), (MODELS["separation-prior"](ModelOptions()), dataset())):
        cell = Cell(model, StructureF1(), data, StructureF1Settings(draws=100), ModelOptions())
        record = run_cell(cell, tmp_path, "cpu", QUIET)
        assert record.status == "not-applicable" and "sequences, but" in (record.error or "")
