"""The verb from beginning to end on a model that knows families of one group, or not; and what it refuses."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from pathlib import Path

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from harness.datasets.records import Dataset
from harness.errors import HarnessError
from harness.progress import Progress
from harness.registry import Registry
from harness.run.cell import run_cell
from tasks.sae.autoencoder.train import Trainer
from tasks.sae_families.compare.verb import compare_groups_verb
from tests.tasks.sae_families.planted import WIDTH, PlantedModel, planted_dataset
from tests.tasks.sae_families.test_task import make_cell

APP = typer.Typer()
APP.command()(compare_groups_verb)


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, dataset = tmp_path_factory.mktemp("compared"), planted_dataset()
    made = make_cell(PlantedModel(dataset), dataset)
    record = run_cell(made, folder, "cpu", Progress(quiet=True))
    assert record.status == "done", record.error
    return made.path(folder).with_suffix("")


@pytest.fixture(autouse=True)
def planted(monkeypatch: pytest.MonkeyPatch) -> Dataset:
    dataset = planted_dataset()
    model = PlantedModel(dataset)
    # shuffled sequences are of no family: a direction of their own
    model.family = defaultdict(lambda: WIDTH - 1, model.family)
    monkeypatch.setattr(Registry, "model", lambda self, name, options: model)
    monkeypatch.setattr(Registry, "dataset", lambda self, name: dataset)
    return dataset


def run(*arguments: object) -> str:
    ended = CliRunner().invoke(APP, [str(argument) for argument in arguments], catch_exceptions=True)
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    assert ended.exit_code == 0, ended.output
    return ended.output


def test_groups_that_a_model_tells_apart(cell: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = [argument for seed in (0, 1) for argument in ("--sae", cell / f"sae-layer-2-seed-{seed}")]
    groups = ["--a", "F0+F1", "--b", "F2+F3", "--out", tmp_path / "out"]
    told = run(*seeds, *groups)
    assert "F0+F1" in told and "No clan is known" in told and all(len(line) <= 100 for line in told.splitlines()[:30])
    out = tmp_path / "out"
    table = pd.read_csv(out / "separating.tsv", sep="\t")
    assert set(table.source) == {"sae", "sae-random-lm", next(s for s in table.source if s.endswith("-mers"))}
    separating = table[table.q < 0.05].groupby("source").size()
    assert separating["sae"] >= 1 and "sae-random-lm" not in separating
    # two families against two can be grouped in six ways
    assert (table.family_p >= 1 / 6 - 1e-9).all()
    families = pd.read_csv(out / "families.tsv", sep="\t")
    assert families.set_index("family").group.to_dict() == {"F0": "A", "F1": "A", "F2": "B", "F3": "B"}
    matrix = pd.read_csv(out / "similarity.tsv", sep="\t").set_index("family")
    assert set(matrix.index) == set(matrix.columns) == set(families.family)
    page = (out / "README.md").read_text()
    for path in out.glob("*.[st][vs][gv]"):
        assert path.name in page
    for path in out.glob("*.svg"):
        ElementTree.parse(path)
    # autoencoders of the twin are kept, and a second comparison trains none
    before = {path: path.read_bytes() for path in out.glob("*.tsv")}
    monkeypatch.setattr(Trainer, "__init__", None)
    run(*seeds, *groups)
    assert {path: path.read_bytes() for path in before} == before


def test_one_seed_says_so_and_without_groups_nothing_is_separated(cell: Path, tmp_path: Path) -> None:
    told = run("--sae", cell / "sae-layer-2-seed-0", "--out", tmp_path / "out")
    assert "One seed" in told and not (tmp_path / "out" / "separating.tsv").exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--a", "F0"], "give both --a and --b"),
        (["--a", "F0+F1", "--b", "F1"], "share F1"),
        (["--a", "F0", "--b", "F9"], "'F9' names none of the 4 compared families"),
        (["--clusters", "1"], "needs 2 clusters or more"),
        (["--clusters", "40"], "scoring families against each other needs"),
        (["--sae", "seed-0"], "same seed"),
    ],
)
def test_what_cannot_be_compared_is_one_line(
    cell: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], reason: str
) -> None:
    given = [str(cell / f"sae-layer-2-{name}") if name == "seed-0" else name for name in arguments]
    with pytest.raises(HarnessError, match=reason):
        run("--sae", cell / "sae-layer-2-seed-0", "--out", tmp_path, *given)


def test_another_model_is_refused(cell: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Registry, "model", lambda self, name, options: PlantedModel(planted_dataset(), False))
    with pytest.raises(HarnessError, match="was trained on model"):
        run("--sae", cell / "sae-layer-2-seed-0", "--out", tmp_path)
