"""Models compared from what their records kept: what they share beyond random twins, and what cannot be compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from harness.adapter import ModelOptions
from harness.errors import InputError
from harness.progress import QUIET, Progress
from harness.run.cell import Cell, run_cell
from tasks.similarity.compare.comparison import compare
from tasks.similarity.compare.page import LAYERS, PAGE, PICTURE
from tasks.similarity.compare.results import common, read_kept
from tasks.similarity.compare.verb import compare_models_verb
from tasks.similarity.settings import SimilaritySettings
from tasks.similarity.stored import FILE
from tasks.similarity.task import Similarity
from tests.tasks.similarity.planted import LAYERS as BLOCKS
from tests.tasks.similarity.planted import Mixing, WithoutTwin, dataset

NAMES = ("alike", "twice", "untrained")


def record_of(model: Mixing, folder: Path, **settings: object) -> Path:
    values = {"seeds": (0, 1), "per_sequence": 8, "neighbours": 5, "draws": 100} | settings
    own = SimilaritySettings.model_validate(values)
    cell = Cell(model, Similarity(), dataset(), own, ModelOptions())
    record = run_cell(cell, folder, "cpu", Progress(quiet=True))
    assert record.status == "done", record.error
    return cell.path(folder)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("models")
    models = [Mixing(30, 2, "alike"), Mixing(40, 2, "twice"), WithoutTwin(50, 0, "untrained")]
    return [record_of(model, folder) for model in models]


def test_what_two_models_learned_in_common_is_beyond_their_random_twins(records: list[Path]) -> None:
    pairs = compare(common([read_kept(path) for path in records]), QUIET)
    assert [(pair.first, pair.second) for pair in pairs] == [NAMES[:2], NAMES[::2], NAMES[1:]]
    learned, *others = pairs
    beyond = learned.beyond("cka")
    assert beyond is not None and beyond.interval().low > 0.1
    assert learned.last["cka"].value > max(pair.last["cka"].value for pair in others)
    assert set(learned.layers) == {(i, j) for i in range(BLOCKS + 1) for j in range(BLOCKS + 1)}
    for pair in pairs:
        own = pair.permuted["cka"]
        assert own.low < 0 < own.high and own.high < 0.3
    # the control is of the one that has a twin, and two random networks are more alike than one that has learned
    apart = others[0].beyond("cka")
    assert others[0].beside["cka"].value > 0.4 and apart is not None and apart.interval().high < 0


def test_models_with_fewer_rnas_are_compared_on_the_common_ones(records: list[Path], tmp_path: Path) -> None:
    fewer = record_of(Mixing(60, 0, "fewer"), tmp_path, limit=10)
    both = common([read_kept(records[0]), read_kept(fewer)])
    assert len(both.items) == 10
    alone = common([read_kept(fewer), read_kept(records[0])])
    assert set(alone.items) == set(both.items)
    first, second = (found.layers(place, "model")[2] for found, place in ((both, 0), (alone, 1)))
    order = [alone.items.index(item) for item in both.items]
    np.testing.assert_array_equal(first.reshape(10, 8, -1), second.reshape(10, 8, -1)[order])


def test_the_verb_writes_page_table_and_pictures(records: list[Path], tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(compare_models_verb)
    result = CliRunner().invoke(app, [*map(str, records), "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert {Path(line).name for line in result.output.split() if line.startswith(str(tmp_path))} == {
        PAGE,
        LAYERS,
        PICTURE,
        *(f"layers-{number}.svg" for number in (1, 2, 3)),
    }
    page = (tmp_path / PAGE).read_text()
    assert "alike, twice" in page and "planted-rnas (simulated)" in page and "24 RNAs" in page
    table = pd.read_csv(tmp_path / LAYERS, sep="\t")
    assert len(table) == 3 * (BLOCKS + 1) ** 2
    assert (table["cka_low"] <= table["cka"]).all() and (table["cka"] <= table["cka_high"]).all()


def test_what_cannot_be_compared_is_refused_in_one_line(records: list[Path], tmp_path: Path) -> None:
    kept = read_kept(records[0].with_suffix(""))
    with pytest.raises(InputError, match="two models or more"):
        common([kept])
    with pytest.raises(InputError, match="alike is given more than once"):
        common([kept, kept])
    other = record_of(Mixing(70, 0, "other"), tmp_path, per_sequence=4)
    with pytest.raises(InputError, match="on 8 nucleotides of each RNA of planted-rnas, other on 4"):
        common([kept, read_kept(other)])
    (other.with_suffix("") / FILE).unlink()
    with pytest.raises(InputError, match="published records leave it out"):
        read_kept(other)
    with pytest.raises(InputError, match="cannot be read"):
        read_kept(tmp_path / "nothing.json")
