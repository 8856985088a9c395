"""Steering: a direction that causes a letter is found, one that causes nothing is not, and neither is a common one."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

from harness.adapter import ModelAdapter, ModelCard
from harness.progress import QUIET
from harness.task import Basis, CellContext, TaskOutcome
from tasks.sae.steering import ELSEWHERE, FEATURE, RANDOM, add_steering, effects, find_moves, steer
from tests.tasks.sae.planted import ready

WIDTH, SCALE = 8, 2.0
CAUSE, SILENT, COMMON = 0, 1, 2


class Steerable(ModelAdapter):
    """Dimension 5 makes G likelier, ten times as much after an A; dimension 6 makes C likelier anywhere; 7 nothing."""

    card = ModelCard(
        name="steerable",
        summary="",
        architecture="none",
        capabilities=frozenset(["log_probs", "replace_hidden"]),
        layers=2,
        width=WIDTH,
    )

    def identity(self):
        return "steerable"

    def log_probs(self, sequences, positions, replacement=None):
        for index in reversed(range(len(sequences))):
            hidden = np.zeros((len(sequences[index]), WIDTH), dtype=np.float32)
            if replacement is not None:
                assert replacement.layer == 1
                hidden = replacement.function(index, hidden)
            found = []
            for place in positions[index]:
                after = place > 0 and sequences[index][place - 1] == "A"
                logits = np.zeros(4)
                logits[2] = hidden[place, 5] * (1.0 if after else 0.1)
                logits[1] = hidden[place, 6]
                found.append(logits - np.log(np.exp(logits).sum()))
            yield index, np.array(found, dtype=np.float32)


def autoencoder():
    made = ready(WIDTH, features=3, k=1)
    made.layer = 1
    rows = torch.zeros(3, WIDTH)
    rows[CAUSE, 5], rows[SILENT, 7], rows[COMMON, 6] = 1, 1, 1
    with torch.no_grad():
        made.decoder.copy_(rows)
        made.scale.fill_(0.5)
    return made


def sequences(count=30):
    random = np.random.default_rng(0)
    return ["".join(random.choice(list("ACGU"), 40)) for _ in range(count)]


def marks(texts):
    """Every feature marks the G after an A, with an activation of 2."""
    return [np.array([SCALE * (text[i - 1 : i + 1] == "AG") for i in range(len(text))]) for text in texts]


def divergence(logits_before, logits_after):
    before, after = (np.exp(x) / np.exp(x).sum() for x in (np.array(logits_before), np.array(logits_after)))
    return sum(p * np.log(p / q) for p, q in zip(before, after, strict=True))


def test_moves_mark_the_feature_and_partners_of_the_same_letter_that_it_does_not():
    texts = [*sequences(), "NNAGNNCGNN", "AG" * 5, "CCCC"]
    activations = [values[[letter != "N" for letter in text]] for values, text in zip(marks(texts), texts, strict=True)]
    moves = find_moves(activations, texts)
    assert {move.sequence for move in moves} == {
        k for k, text in enumerate(texts) if "AG" in text and re.search("(?<!A)G", text)
    }
    for move in moves:
        text = texts[move.sequence]
        assert text[move.marked - 1 : move.marked + 1] == "AG" and move.run == (0,)
        assert text[move.elsewhere] == "G" and text[move.elsewhere - 1 : move.elsewhere] != "A"
    assert next(move for move in moves if move.sequence == 30).elsewhere == 7
    short = find_moves(activations, texts, longest=20)
    assert {move.sequence for move in short} == {30}  # "AG" * 5 has no other G


def test_whole_runs_move_and_partners_leave_room_for_them():
    activations = [np.array([0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0.0, 0])]
    for seed in range(20):
        (move,) = find_moves(activations, ["A" * 12], seed)
        moved = {move.marked + step for step in move.run}
        assert moved == {3, 4, 5}
        other = {move.elsewhere + step for step in move.run}
        assert not other & {3, 4, 5} and min(other) >= 0 and max(other) < 12


def test_at_most_forty_sequences_are_used():
    texts = sequences(100)
    assert len(find_moves(marks(texts), texts)) == 40


def test_effects_equal_the_closed_form():
    texts = sequences()
    moves = find_moves(marks(texts), texts)
    found = effects(Steerable(), autoencoder(), CAUSE, SCALE, texts, moves)
    flat = [0, 0, 0, 0]
    for condition, strength in ((0, 1.0), (1, 0.1)):  # moved by scale x deviation in the space of the model
        expected = np.mean([divergence(flat, [0, 0, sign * strength * SCALE * 0.5, 0]) for sign in (1, -1)])
        np.testing.assert_allclose(found[:, condition], expected, rtol=1e-4)
    assert len(np.unique(found[:, 2])) > 20  # a new direction for every move
    np.testing.assert_allclose(effects(Steerable(), autoencoder(), SILENT, SCALE, texts, moves)[:, :2], 0, atol=1e-7)


def test_random_directions_are_as_long_as_the_feature():
    own, texts = autoencoder(), sequences()
    with torch.no_grad():
        own.scale.copy_(torch.linspace(0.1, 3, WIDTH))
    moves, seen = find_moves(marks(texts), texts), []

    class Watching(Steerable):
        def log_probs(self, sequences, positions, replacement=None):
            if replacement is not None:
                zeros = np.zeros((40, WIDTH), dtype=np.float32)
                moved = [replacement.function(i, zeros) for i in range(len(sequences))]
                seen.append([np.linalg.norm(m, axis=1).max() for m in moved])
            return super().log_probs(sequences, positions, replacement)

    effects(Watching(), own, CAUSE, SCALE, texts, moves)
    np.testing.assert_allclose(seen, SCALE * float(own.scale[5]), rtol=1e-5)
    assert len(seen) == 6


def context(tmp_path):
    return CellContext("cpu", tmp_path, tmp_path, QUIET)


def codes(texts):
    column = np.concatenate(marks(texts))[:, None].repeat(3, axis=1).astype(np.float32)
    return scipy.sparse.csr_array(column)


def test_only_what_causes_a_letter_where_it_is_marked_beats_both_controls(tmp_path):
    texts = sequences()
    clusters = [f"c{number}" for number in range(len(texts))]
    found = steer(Steerable(), autoencoder(), codes(texts), texts, clusters, [CAUSE, SILENT, COMMON], context(tmp_path))
    assert found[CAUSE].gain.smallest.low > 0
    assert found[SILENT].gain.hardest == RANDOM and found[SILENT].gain.smallest.high < 0
    assert found[COMMON].gain.over[ELSEWHERE].value == pytest.approx(0, abs=1e-7)  # it is no more there than anywhere
    assert found[COMMON].gain.over[RANDOM].low > 0 and found[COMMON].gain.smallest.low <= 0
    assert found[CAUSE].effects[FEATURE].n == len({move.sequence for move in find_moves(marks(texts), texts)})


def test_too_few_clusters_are_not_steered(tmp_path):
    texts = sequences()
    assert not steer(Steerable(), autoencoder(), codes(texts), texts, ["one"] * len(texts), [CAUSE], context(tmp_path))


def outcome():
    rows = [
        ("sae", 1, 0, "RF1", CAUSE, 1, 0.9),
        ("sae", 1, 0, "RF2", SILENT, 1, 0.8),
        ("sae", 1, 0, "RF3", 2, -1, 0.99),
    ]
    rows += [("kmer", 1, None, "RF1", 1, 1, 1.0), ("sae", 1, 1, "RF1", 2, 1, 1.0), ("sae", 0, 0, "RF1", 2, 1, 1.0)]
    names = ["source", "layer", "seed", "family", "feature", "sign", "select_auroc"]
    families = pd.DataFrame(rows, columns=names).astype({"seed": "Int64"})
    return TaskOutcome(
        metrics={}, basis=Basis(layer=1, layer_is_chosen=False, item_set=""), used=0, tables={"families": families}
    )


def cell(model, texts):
    return SimpleNamespace(
        model=model,
        settings=SimpleNamespace(seeds=(0, 1)),
        trained={(1, 0): autoencoder()},
        codes={(1, 0): codes(texts)},
    )


def test_the_outcome_names_every_concept_that_was_steered(tmp_path):
    texts, found = sequences(), outcome()
    add_steering(found, cell(Steerable(), texts), texts, [str(k) for k in range(len(texts))], context(tmp_path))
    assert [(row.name, row.stratum, row.layer) for row in found.table] == [
        ("steering", "RF1", 1),
        ("steering", "RF2", 1),
    ]
    table = found.tables["steering"].set_index("family")
    assert table.loc["RF1", "low"] > 0 > table.loc["RF2", "gain"]
    assert table.loc["RF1", "feature"] == CAUSE and table.loc["RF1", FEATURE] > 5 * table.loc["RF1", ELSEWHERE]
    assert "steering: 1 of 2 chosen features" in found.notes[-1]


def test_a_model_that_predicts_nothing_says_so(tmp_path):
    class Silent(Steerable):
        card = Steerable.card.model_copy(update={"capabilities": frozenset(["hidden_states"])})

    found = outcome()
    add_steering(found, cell(Silent(), sequences()), sequences(), [], context(tmp_path))
    assert found.notes == ["no feature was steered: steerable lacks log_probs and replace_hidden"]
    assert not found.table and "steering" not in found.tables
