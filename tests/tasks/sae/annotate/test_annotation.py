"""Annotations say what the autoencoder gives, nucleotide by nucleotide, with what its cell confirmed."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from harness.adapter import ModelAdapter
from harness.cli import main
from harness.datasets.records import Record
from harness.errors import InputError
from harness.progress import Progress
from harness.registry import Registry
from harness.run.cell import run_cell
from tasks.sae.aggregate import MEAN, WINDOW, window_start
from tasks.sae.annotate.annotation import annotate, by_interval, by_nucleotide
from tasks.sae.annotate.meanings import Meaning, meanings, record_of
from tasks.sae.autoencoder.model import SparseAutoencoder
from tests.tasks.sae.planted import Planted, random_sequences, ready
from tests.tasks.sae_families.test_task import PlantedModel, make_cell, planted_dataset

FOUND = [
    Meaning(3, "tRNA", 0.05, MEAN, 0.9, 1e-6),
    Meaning(5, "5S", 0.1, MEAN, 0.8, 1e-3),
    Meaning(3, "a", 9, MEAN, 1, 0),
]


class Short(Planted):
    """Reads at most 32 nucleotides at once; a state depends on its own letter alone."""

    def __init__(self) -> None:
        super().__init__(width=16, active=2)
        self.card = self.card.model_copy(update={"max_length": 32})

    def hidden_states(self, sequences, layers):  # type: ignore[no-untyped-def]
        for index, sequence in enumerate(sequences):
            assert len(sequence) <= 32
            x = np.stack([next(Planted.hidden_states(self, [letter], layers))[1][layers[0]][0] for letter in sequence])
            yield index, {layer: x for layer in layers}


@pytest.mark.parametrize("length", [20, 32, 33, 100])
def test_codes_are_those_of_every_nucleotide_whatever_the_windows(length: int) -> None:
    model, autoencoder = Short(), ready(16, features=24, activation="relu")
    autoencoder.layer = 1
    (text,) = random_sequences(1, length)
    record = Record("r", text[:7] + "N" + text[8:])
    ((same, codes),) = annotate(model, autoencoder, FOUND, [record])
    assert same is record and codes.shape == (length, 2)
    for place, letter in enumerate(record.sequence):
        _, states = next(model.hidden_states([letter], [1]))
        code = autoencoder.encode(torch.from_numpy(states[1])).to_dense()[0].detach().numpy()
        expected = [0.0, 0.0] if letter == "N" else code[[3, 5]]
        np.testing.assert_allclose(codes[place], expected, rtol=1e-5, atol=1e-6)


def test_rows_and_intervals_by_hand() -> None:
    codes = np.array([[0, 0], [0.2, 0], [0.4, 0.05], [0, 0], [0.1, 0]], dtype=np.float32)
    record = Record("=cmd", "ACGNU")
    table = by_nucleotide(record, codes, FOUND)
    own = table[table.concept == "tRNA"]
    assert own.position.tolist() == [2, 3, 5] and own.nucleotide.tolist() == ["C", "G", "U"]
    # the mean over the four known nucleotides is 0.175: over the threshold of tRNA, under that of "a"
    assert set(own.called) == {"yes"} and set(table[table.concept == "a"].called) == {"no"}
    assert set(table[table.concept == "5S"].called) == {"no"} and set(table.sequence) == {"'=cmd"}
    intervals = by_interval(record, codes, FOUND)
    assert intervals[["start", "end", "name", "score"]].to_numpy().tolist() == [
        [1, 3, "tRNA:3", 1000],
        [4, 5, "tRNA:3", 250],
    ]
    start = window_start("=cmd", 5, 2)
    highest = float(codes[start : start + 2, 0].max())
    for threshold, stretches in ((highest, 2), (highest + 0.01, 0)):
        windowed = [Meaning(3, "tRNA", threshold, WINDOW, 0.9, 1e-6, window=2)]
        assert len(by_interval(record, codes, windowed)) == stretches
    of_nucleotides = [Meaning(3, "S", 0.3, None, 0.9, 0.0)]
    assert by_interval(record, codes, of_nucleotides)[["start", "end"]].to_numpy().tolist() == [[2, 3]]


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an autoencoder that a run left."""
    folder, dataset = tmp_path_factory.mktemp("annotated"), planted_dataset()
    made = make_cell(PlantedModel(dataset), dataset)
    record = run_cell(made, folder, "cpu", Progress(quiet=True))
    assert record.status == "done", record.error
    return made.path(folder).with_suffix("") / "sae-layer-2-seed-0"


def test_meanings_are_the_confirmed_choices_of_the_cell(cell: Path) -> None:
    autoencoder = SparseAutoencoder.load(cell)
    found = meanings(cell, autoencoder, record_of(cell))
    table = pd.read_parquet(cell.parent / "families.parquet").query("source == 'sae' and seed == 0")
    expected = {(row.feature, row.family) for row in table.itertuples() if row.q < 0.05 and row.sign > 0}
    assert {(meaning.feature, meaning.concept) for meaning in found} == expected and expected
    selected = record_of(cell).selected
    assert {(m.aggregation, m.window) for m in found} == {(selected["aggregation"], selected["window"])}


def test_a_planted_family_is_called_and_another_model_refused(
    cell: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = planted_dataset()
    models: dict[str, ModelAdapter] = {"right": PlantedModel(dataset), "wrong": PlantedModel(dataset, False)}
    record = next(r for r in dataset.records if r.split == "test")
    (tmp_path / "new.fasta").write_text(f">{record.id}\n{record.sequence}\n")
    monkeypatch.chdir(tmp_path)

    def run(which: str, *arguments: str) -> int:
        monkeypatch.setattr(Registry, "model", lambda self, name, options: models[which])
        monkeypatch.setattr(sys, "argv", ["harness", "annotate", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    assert run("right", "new.fasta", "--sae", str(cell), "--out", "out/new") == 0
    table = pd.read_csv("out/new.tsv", sep="\t")
    called = table[table.called == "yes"]
    assert record.family in set(called.concept) and set(table.sequence) == {record.id}
    assert len(Path("out/new.bed").read_text().splitlines()) > 0
    page = Path("out/new.html").read_text()
    (index,) = re.findall(r'id="index">(.*?)</script>', page)
    ((name, length, marked, *_),) = json.loads(index)["sequences"]
    shown = {json.loads(index)["meanings"][place][2] for place in marked}
    assert (name, length) == (record.id, len(record.sequence)) and shown == set(called.concept)
    assert run("wrong", "new.fasta", "--sae", str(cell), "--out", "out/wrong") == 2
    assert "was trained on model" in capsys.readouterr().err and not list(Path("out").glob("wrong*"))


def test_a_folder_that_is_not_beside_a_record_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not lie in the folder of a result"):
        record_of(tmp_path / "sae-layer-1-seed-0")
