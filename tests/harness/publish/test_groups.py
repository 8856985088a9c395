from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.progress import Progress
from harness.publish.groups import groups_of, labels
from harness.result import ResultRecord
from harness.run.cell import run_cell
from harness.task import Basis
from tests.fakes import FakeModel
from tests.harness.run.test_cell import make_cell


def record_of(tmp_path: Path, name: str, depth: int | None, layers: Sequence[int], **basis: Any) -> ResultRecord:
    """Of the last of the layers, as if a score had chosen among several; ``basis`` says otherwise."""
    record = run_cell(make_cell(FakeModel(name, name)), tmp_path, "cpu", Progress(quiet=True))
    card = record.model.card.model_copy(update={"layers": depth})
    return record.model_copy(
        update={
            "model": record.model.model_copy(update={"card": card}),
            "layers": tuple(layers),
            "basis": Basis(**({"layer": layers[-1], "layer_is_chosen": len(layers) > 1, "item_set": "all"} | basis)),
        }
    )


def tables(records: list[ResultRecord]) -> dict[bool, list[str]]:
    groups = groups_of([(Path(record.model.card.name), record) for record in records])
    return {group.chosen: [record.model.card.name for _, record in members] for group, members in groups.items()}


@pytest.mark.parametrize(
    ("layers", "basis", "chosen"),
    [
        ([2], {}, False),
        ([1], {}, True),
        # the last layer is the best of several: it was chosen all the same
        ([0, 1, 2], {"layer": 2}, True),
        ([0, 1, 2], {"layer": 2, "layer_is_chosen": False}, False),
        ([0, 1], {"layer": 1, "layer_is_chosen": False}, True),
    ],
)
def test_last_and_chosen_layers_never_share_a_table(
    tmp_path: Path, layers: list[int], basis: dict[str, Any], chosen: bool
) -> None:
    last = record_of(tmp_path, "last", 5, [5])
    other = record_of(tmp_path, "other", 2, layers, **basis)
    counts = record_of(tmp_path, "counts", None, [-1])
    expected = (
        {False: ["last", "counts"], True: ["other", "counts"]} if chosen else {False: ["last", "other", "counts"]}
    )
    assert tables([last, other, counts]) == expected


def test_models_without_layers_alone_make_one_table(tmp_path: Path) -> None:
    assert tables([record_of(tmp_path, "counts", None, [-1])]) == {False: ["counts"]}


def test_a_failure_stands_where_its_model_would(tmp_path: Path) -> None:
    failed = record_of(tmp_path, "failed", 2, [0, 1, 2]).model_copy(update={"status": "failed", "basis": None})
    assert tables([record_of(tmp_path, "last", 2, [2]), failed]) == {False: ["last", "failed"]}


def test_other_settings_and_data_are_other_tables(tmp_path: Path) -> None:
    one = record_of(tmp_path, "one", 2, [2])
    scaled = one.model_copy(update={"settings": one.settings | {"scale": 3.0}})
    elsewhere = one.model_copy(update={"dataset": one.dataset.model_copy(update={"fingerprint": "other"})})
    assert len(groups_of([(Path("x"), record) for record in (one, scaled, elsewhere, one)])) == 3


def test_records_of_other_items_have_a_table_of_their_own(tmp_path: Path) -> None:
    usual = [record_of(tmp_path, name, 2, [2]) for name in ("one", "two")]
    codons = record_of(tmp_path, "codons", 2, [2], item_set="whole codons")
    older = record_of(tmp_path, "older", 2, [2]).model_copy(update={"basis": None})
    groups = groups_of([(Path(record.model.card.name), record) for record in [codons, *usual, older]])
    names = {group.items: [record.model.card.name for _, record in members] for group, members in groups.items()}
    assert names == {"": ["one", "two", "older"], "whole codons": ["codons"]}


def test_other_weights_of_one_name_are_told_apart(tmp_path: Path) -> None:
    models = [FakeModel("tuned", "first"), FakeModel("tuned", "second"), FakeModel("other", "third")]
    records = [run_cell(make_cell(model), tmp_path, "cpu", Progress(quiet=True)) for model in models]
    missing = records[0].model_copy(
        update={"cell": "missing", "model": records[0].model.model_copy(update={"identity": None})}
    )
    names = labels([(Path("x"), record) for record in (*records, missing)])
    # sha256 of "first" and of "second"
    assert list(names.values()) == ["tuned (a7937b)", "tuned (16367a)", "other", "tuned"]
    again = records[0].model_copy(update={"cell": "other layer"})
    assert labels([(Path("x"), records[0]), (Path("x"), again)]) == {records[0].cell: "tuned", "other layer": "tuned"}
