from collections import Counter

import numpy as np
import pytest

from scripts.ncrna_nano.markov import MarkovModel, TwoSidedMarkov

TRAINING = ["ACGUNACGGU", "GGCAAACGU", "UUACGCA"]


def witten_bell(context: str, letter: str, training: list[str]) -> float:
    """P(letter | context), by counting substrings and recursion over shorter contexts."""
    after = Counter(
        s[i + len(context)]
        for s in training
        for i in range(len(s) - len(context))
        if s[i : i + len(context)] == context and s[i + len(context)] != "N"
    )
    shorter = witten_bell(context[1:], letter, training) if context else 0.25
    total = sum(after.values()) + len(after)
    return (after[letter] + len(after) * shorter) / total if total else shorter


@pytest.mark.parametrize("order", [0, 1, 3])
def test_against_counting(order: int) -> None:
    model = MarkovModel(order, TRAINING)
    sequence = "ACGNACGUUA"
    found = np.exp(model.log_probabilities(sequence))
    for i in range(len(sequence)):
        context = sequence[max(0, i - order) : i].split("N")[-1]
        np.testing.assert_allclose(found[i], [witten_bell(context, letter, TRAINING) for letter in "ACGU"])


@pytest.mark.parametrize("model", [MarkovModel(6, TRAINING), TwoSidedMarkov(2, TRAINING)])
def test_probabilities_are_normalised(model: MarkovModel | TwoSidedMarkov) -> None:
    np.testing.assert_allclose(np.exp(model.log_probabilities("ACGUNGGCAUU")).sum(1), 1.0)


def test_two_sides_of_a_first_order_chain() -> None:
    model = TwoSidedMarkov(1, TRAINING)
    backward = [s[::-1] for s in TRAINING]
    scores = np.array(
        [witten_bell("A", x, TRAINING) * witten_bell("U", x, backward) / witten_bell("", x, TRAINING) for x in "ACGU"]
    )
    np.testing.assert_allclose(np.exp(model.log_probabilities("GACUG")[2]), scores / scores.sum())


def test_a_true_chain_is_learnt() -> None:
    generator = np.random.default_rng(0)
    letters = ["A"]
    for _ in range(20000):
        letters.append("ACGU"[("ACGU".index(letters[-1]) + generator.choice(2, p=[0.2, 0.8])) % 4])
    model = MarkovModel(3, ["".join(letters[:10000])])
    sequence = "".join(letters[10000:])
    loss = -model.log_probabilities(sequence)[np.arange(len(sequence)), ["ACGU".index(c) for c in sequence]].mean()
    assert loss == pytest.approx(-0.2 * np.log(0.2) - 0.8 * np.log(0.8), abs=0.02)
