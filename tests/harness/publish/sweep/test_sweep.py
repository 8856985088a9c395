"""A sweep whose answer is known: who leads where, how often the order changes, what the gain is."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from rich.console import Console

from harness.publish.sweep.page import answers, render_sweep
from harness.publish.sweep.picture import picture
from harness.publish.sweep.terminal import print_sweep
from harness.publish.sweep.trials import SweptRecord, Trial, trials
from harness.task import Metric
from tests.harness.publish.figures.made import record

NOISE = np.random.default_rng(0).normal(size=400)
OTHER = np.random.default_rng(1).normal(size=400)
WIDE = {"k=8": (0.8, 0.6, 0.01), "k=16": (0.5, 0.9, 0.01), "k=32": (0.70, 0.69, 0.1)}
"""The headlines of two models and the spread of their draws: sure, sure the other way, and not sure."""


def swept(
    folder: Path, points: Mapping[str, tuple[float, float, float]] = WIDE, simulated: bool = False
) -> list[SweptRecord]:
    found = []
    for label, (first, second, spread) in points.items():
        name, _, value = label.partition("=")
        members = {"ann": (first, NOISE, {}), "bob": (second, OTHER, {})}
        members["floor"] = (0.3, np.zeros(400), {"role": "floor"})  # type: ignore[dict-item]
        for model, (headline, noise, card) in members.items():
            path, made = record(folder / value, model, headline, headline + spread * noise, card=card)
            metrics = made.metrics | {"stability": Metric(value=0.5, low=0.4, high=0.6, n=3)}
            dataset = made.dataset.model_copy(update={"simulated": simulated})
            made = made.model_copy(update={"metrics": metrics, "dataset": dataset})
            found.append(SweptRecord(((name, value),), path, made, model != "floor"))
    return found


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    (found,) = trials(swept(tmp_path_factory.mktemp("swept")))
    return found


def test_places_and_ranks_are_those_of_every_combination(trial: Trial) -> None:
    places = {(own.values[0][1], own.name): (own.place, own.ranks) for own in trial.standings}
    assert places == {
        **{("8", "ann"): (1, (1, 1)), ("8", "bob"): (2, (2, 2))},
        **{("16", "bob"): (1, (1, 1)), ("16", "ann"): (2, (2, 2))},
        **{("32", "ann"): (1, (1, 2)), ("32", "bob"): (2, (1, 2))},
    }
    assert trial.usual_order == ("ann", "bob") and trial.other_orders == 1
    assert trial.moves("ann") == trial.moves("bob") == (1, 3)
    assert trial.reversals == [("ann", "bob")]


def test_a_model_gains_over_the_floor_of_its_combination(trial: Trial) -> None:
    gains = {(own.values[0][1], own.name): own.gain for own in trial.standings}
    gain = gains["16", "bob"]
    assert gain is not None and gain.value == pytest.approx(0.6)
    assert (gain.low, gain.high) == pytest.approx(tuple(0.6 + 0.01 * np.percentile(OTHER, [2.5, 97.5])))


def test_the_answer_says_what_moves(trial: Trial) -> None:
    told = list(answers(trial))
    assert told[0].startswith("ann: share from 0.500 [") and "(k=16) to 0.800 [" in told[0]
    assert "**The order of the models differs from the usual one in 1 of 3 combinations** (usual: ann, bob)" in told[2]
    assert "ann in 1 of 3, bob in 1 of 3" in told[2]
    assert "beyond the intervals of ranks**: ann and bob" in told[3]


def test_an_order_that_stays_or_is_never_sure(tmp_path: Path) -> None:
    (same,) = trials(swept(tmp_path / "a", {"k=8": (0.8, 0.6, 0.01), "k=9": (0.9, 0.7, 0.01)}))
    assert "**The order of the models is the same in all 2 combinations**: ann, bob." in list(answers(same))
    unsure = {"k=8": (0.70, 0.69, 0.1), "k=9": (0.69, 0.70, 0.1)}
    (unknown,) = trials(swept(tmp_path / "b", unsure))
    assert unknown.other_orders == 1 and not unknown.reversals
    assert list(answers(unknown))[-1] == "No two models change their order beyond the intervals of their ranks."


def test_simulated_data_rank_no_model(tmp_path: Path) -> None:
    (found,) = trials(swept(tmp_path, simulated=True))
    assert all(own.place is None and own.gain is not None for own in found.standings)
    assert list(answers(found))[-1] == "Models are not ranked on simulated data."
    assert "place" not in picture(found)


def test_page_table_and_picture_hold_the_same_numbers(tmp_path: Path) -> None:
    members = swept(tmp_path)
    failed = members[0]._replace(
        values=(("k", "64"),), record=members[0].record.model_copy(update={"status": "failed", "error": "a | bar"})
    )
    pages = render_sweep([*members, failed], (("steps", "30"),), tmp_path / "out")
    page = pages[tmp_path / "out" / "sweep.md"]
    assert "# Sweep of k\n" in page and "4 combinations, all with steps=30." in page
    assert "chosen it on test" in page and "- ann, k=64: a &#124; bar" in page
    (file,) = [path.name for path in pages if path.suffix == ".svg"]
    assert f"]({file})" in page
    rows = list(csv.DictReader(io.StringIO(pages[tmp_path / "out" / "sweep.csv"])))
    assert [(row["model"], row["k"], row["place"]) for row in rows] == [
        *(("ann", "8", "1"), ("bob", "8", "2"), ("bob", "16", "1"), ("ann", "16", "2")),
        *(("ann", "32", "1"), ("bob", "32", "2")),
    ]
    assert [float(row["headline"]) for row in rows] == [0.8, 0.6, 0.9, 0.5, 0.7, 0.69]
    assert float(rows[0]["gain"]) == pytest.approx(0.5) and rows[0]["stability_low"] == "0.4"
    assert page.count("| ann") == 3 and "| 1 (1–2)" in page
    ElementTree.fromstring(pages[tmp_path / "out" / file])
    for said in ("k=8", "k=32", "ann", "bob", "gain over floors", "place"):
        assert said in pages[tmp_path / "out" / file], said
    assert pages == render_sweep([*members, failed], (("steps", "30"),), tmp_path / "out")


def test_the_terminal_shows_it_in_100_columns(tmp_path: Path) -> None:
    more = (("features", "8d"), ("aggregate", "window"), ("standardise", "whiten"))
    members = [own._replace(values=(*own.values, *more)) for own in swept(tmp_path)]
    console = Console(width=100, record=True, force_terminal=False)
    print_sweep(members, console)
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= 100
    for said in ("k=16", "standardise", "0.900 [0.8", "0.600 [0.5", "0.500", "1 (1–2)"):
        assert said in text, said
