"""Every score against its formula, worked out one variant at a time."""

from __future__ import annotations

import random

import numpy as np
import pytest

from harness.datasets.resolve import load_dataset
from harness.errors import HarnessError
from tasks.fitness.data import Assay, prepare
from tasks.fitness.scores import FILLS, SCORES, SPREAD, score
from tasks.fitness.settings import FitnessSettings
from tests.tasks.fitness.planted import LETTERS, LetterModel, PairingModel, PlantedModel, scan, slow_scores

WILD_TYPE = "GGGACUUAAGCCC"


def variants(mutations: int, count: int = 20) -> dict[str, float]:
    source, found = random.Random(mutations), dict[str, float]()
    while len(found) < count:
        letters = list(WILD_TYPE)
        for place in source.sample(range(len(letters)), mutations):
            letters[place] = source.choice([letter for letter in LETTERS if letter != letters[place]])
        found["".join(letters)] = source.random()
    return found


def assay_of(sequences: dict[str, float]) -> Assay:
    [assay] = prepare(scan(sequences, WILD_TYPE), PlantedModel(), FitnessSettings()).assays
    return assay


@pytest.mark.parametrize("mutations", [1, 2, 4])
def test_scores_are_those_of_the_formulas(mutations: int) -> None:
    assay, model = assay_of(variants(mutations)), PlantedModel()
    found = score(model, assay, pseudo_likelihood=True)
    assert set(found) == {*SCORES, SPREAD}
    for row, sequence in enumerate(assay.sequences):
        for name, value in slow_scores(model, WILD_TYPE, sequence).items():
            assert found[name][row] == pytest.approx(value, abs=2e-5), (name, sequence)


def test_the_four_fills_agree_on_single_mutants_and_on_no_others() -> None:
    for mutations in (1, 3):
        found = score(PlantedModel(), assay_of(variants(mutations)), pseudo_likelihood=False)
        for first in FILLS:
            for second in FILLS:
                assert np.allclose(found[first], found[second], atol=2e-5) == (mutations == 1 or first == second)


def test_every_masked_sequence_is_asked_for_once() -> None:
    model = PlantedModel()
    score(model, assay_of(variants(1)), pseudo_likelihood=True)
    assert len(model.asked) == len(set(model.asked))
    # the mask of a single mutant hides its mutation: 20 variants share it with the wild type
    assert len(model.asked) == len(WILD_TYPE) + 20 * (len(WILD_TYPE) - 1)


def test_no_pseudo_likelihood_unless_asked_for() -> None:
    model = PlantedModel()
    assert "pseudo-likelihood" not in score(model, assay_of(variants(2)), pseudo_likelihood=False)
    assert len(model.asked) <= len(WILD_TYPE) + 20 * 3


def test_capabilities_decide_which_scores_there_are() -> None:
    assay = assay_of(variants(2))
    causal = score(PlantedModel(capabilities=frozenset({"causal_log_probs"})), assay, True)
    assert set(causal) == {"causal-likelihood", SPREAD}
    masked = score(PlantedModel(capabilities=frozenset({"log_probs"})), assay, True)
    assert set(masked) == {*FILLS, "pseudo-likelihood", SPREAD}


def test_an_unknown_letter_has_no_likelihood() -> None:
    wild_type = "N" + WILD_TYPE[1:]
    sequences = {"N" + sequence[1:]: value for sequence, value in variants(2).items() if sequence[0] == "G"}
    [assay] = prepare(scan(sequences, wild_type), PlantedModel(), FitnessSettings()).assays
    found = score(PlantedModel(), assay, pseudo_likelihood=True)
    assert all(np.isfinite(values).all() for values in found.values())


def test_spread_tells_a_dead_head_from_a_live_one() -> None:
    assay = assay_of(variants(2))
    assert score(LetterModel(), assay, False)[SPREAD][0] == pytest.approx(0, abs=1e-6)
    assert score(PlantedModel(), assay, False)[SPREAD][0] > 1
    causal = LetterModel(capabilities=frozenset({"causal_log_probs"}))
    assert score(causal, assay, False)[SPREAD][0] == pytest.approx(0, abs=1e-6)


def test_only_a_fill_that_shows_other_mutations_credits_a_compensated_pair() -> None:
    """A pair replaced by another is as good as the wild type to match-fill, and twice broken to wt-fill."""
    data = load_dataset("hairpin-scans")
    assay = prepare(data, PlantedModel(), FitnessSettings()).assays[0]
    found = score(PairingModel(data), assay, pseudo_likelihood=True)
    broken = np.log(0.03 / 0.91)
    i, j = assay.pairs[0]
    [row] = [
        row
        for row, own in enumerate(assay.mutations)
        if {one.position for one in own} == {i, j} and assay.sequences[row][i] + assay.sequences[row][j] in ("AU", "UA")
    ]
    expected = {"wt-fill": 2 * broken, "mask-fill": 0, "mut-fill": -2 * broken, "match-fill": 0, "pseudo-likelihood": 0}
    for name, value in expected.items():
        assert found[name][row] == pytest.approx(value, abs=2e-5), name


def test_a_model_that_forgets_a_sequence_is_an_error() -> None:
    class Forgetful(PlantedModel):
        def log_probs(self, *given: object, **named: object) -> object:
            rows = list(super().log_probs(*given, **named))  # type: ignore[arg-type]
            return iter(rows[1:])

    with pytest.raises(HarnessError, match=r"returned \d+ of \d+ masked sequences"):
        score(Forgetful(), assay_of(variants(2)), False)  # type: ignore[abstract]

    class Short(PlantedModel):
        def log_probs(self, *given: object, **named: object) -> object:
            return ((index, rows[:, :3]) for index, rows in super().log_probs(*given, **named))  # type: ignore[arg-type]

    with pytest.raises(HarnessError, match="log-probabilities at 1 masks"):
        score(Short(), assay_of(variants(1)), False)
