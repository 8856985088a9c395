from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from harness.publish.figures.tradeoff import correlation_of, pairs_of, tradeoff_figures
from harness.publish.figures.values import Trial
from harness.publish.groups import Records
from tests.harness.publish.figures.made import record, standings

RISING = tuple(np.linspace(0.1, 0.8, 8))
UNRELATED = (0.6, 0.5, 0.3, 0.1, 0.4, 0.8, 0.7, 0.2)
"""Spearman's correlation with the rising ones is 0."""


def made(folder: Path, task: str, values: tuple[float, ...], spread: float = 0.01, **changes: object) -> Records:
    noise = np.random.default_rng(len(task)).normal(0, spread, size=(len(values), 400))
    return [
        record(folder, f"model-{place}", value, value + own, task=task, **changes)  # type: ignore[arg-type]
        for place, (value, own) in enumerate(zip(values, noise, strict=True))
    ]


def trials(folder: Path, function: tuple[float, ...], structure: tuple[float, ...], higher: bool = True) -> list[Trial]:
    return standings(
        made(folder, "function", function, plotted_against="structure", higher=higher),
        made(folder, "structure", structure),
    )


@pytest.mark.parametrize(
    ("function", "higher", "sentence"),
    [
        (RISING[::-1], True, "**There is a trade-off**: rank correlation −1.00 ["),
        (RISING, True, "**There is no trade-off**: models that are good at one are good at the other, rank"),
        (RISING, False, "**There is a trade-off**: rank correlation −1.00 ["),
        (UNRELATED, True, "Whether there is a trade-off **cannot be told**: rank correlation 0.00 ["),
        (RISING[:4], True, "Whether there is a trade-off **cannot be told**: it takes 5 models whose results keep"),
        ((0.5,) * 8, True, "Whether there is a trade-off **cannot be told**: in one of the tasks all models score the"),
    ],
)
def test_a_planted_trade_off_gets_its_sentence(
    tmp_path: Path, function: tuple[float, ...], higher: bool, sentence: str
) -> None:
    (figure,) = tradeoff_figures(trials(tmp_path, function, RISING, higher), tmp_path)
    assert figure.answer.startswith(sentence)


def test_draws_decide_how_sure_it_is(tmp_path: Path) -> None:
    """The same order of the values, but errors larger than the differences."""
    function = made(tmp_path, "function", RISING[::-1], 1.0, plotted_against="structure")
    (figure,) = tradeoff_figures(standings(function, made(tmp_path, "structure", RISING, 1.0)), tmp_path)
    assert "**cannot be told**: rank correlation −1.00 [" in figure.answer


def test_floors_and_references_are_drawn_and_not_counted(tmp_path: Path) -> None:
    tasks = {"function": made(tmp_path, "function", RISING[::-1], plotted_against="structure")}
    tasks["structure"] = made(tmp_path, "structure", RISING)
    for task, members in tasks.items():
        for name, role in (("kmer", "floor"), ("folding", "reference")):
            tasks[task] = [*members, *tasks[task][len(members) :]]
            tasks[task].append(record(tmp_path, name, 0.9, np.full(400, 0.9), task=task, card={"role": role}))
    first, second = standings(*tasks.values())
    pairs = pairs_of(first, second)
    assert len(pairs) == 10 and sum(pair.counts for pair in pairs) == 8
    found = correlation_of(pairs)
    assert found is not None and found.interval.value == -1 and found.interval.n == 8
    (figure,) = tradeoff_figures([first, second], tmp_path)
    texts = {element.text for element in ElementTree.fromstring(figure.picture).iter()}
    assert {"model-0", "folding"} <= texts and "kmer" not in texts
    assert figure.picture.count("<circle") == 10
    assert "folding" in figure.table and "kmer" not in figure.table


def test_older_records_are_drawn_and_not_counted(tmp_path: Path) -> None:
    function = made(tmp_path, "function", RISING, plotted_against="structure")
    structure = [record(tmp_path, f"model-{k}", value, task="structure") for k, value in enumerate(RISING)]
    (figure,) = tradeoff_figures(standings(function, structure), tmp_path)
    assert "and there are 0" in figure.answer and figure.picture.count("<circle") == 8


def test_the_trials_that_share_most_models_are_taken(tmp_path: Path) -> None:
    few = [
        (path, own.model_copy(update={"dataset": own.dataset.model_copy(update={"name": "few", "fingerprint": "few"})}))
        for path, own in made(tmp_path / "few", "structure", RISING[:3])
    ]
    function = made(tmp_path, "function", RISING, plotted_against="structure")
    (figure,) = tradeoff_figures(standings(function, [*few, *made(tmp_path, "structure", RISING)]), tmp_path)
    assert "few" not in figure.where and "over 8 models" in figure.answer


def test_one_model_or_no_partner_make_no_figure(tmp_path: Path) -> None:
    assert list(tradeoff_figures(trials(tmp_path / "one", RISING, RISING[:1]), tmp_path)) == []
    alone = standings(made(tmp_path / "two", "function", RISING, plotted_against="structure"))
    assert list(tradeoff_figures(alone, tmp_path)) == []
    unasked = standings(made(tmp_path / "three", "function", RISING), made(tmp_path / "three", "structure", RISING))
    assert list(tradeoff_figures(unasked, tmp_path)) == []
