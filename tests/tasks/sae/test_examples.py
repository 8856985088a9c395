"""Examples come from every part of the ranking, with the activations that the autoencoder gives."""

import numpy as np
import pandas as pd
import pytest
import torch

from harness.datasets.records import Record
from harness.datasets.structures import pairs_of_dot_bracket
from tasks.sae.examples import dot_bracket, example_table, features_to_show
from tests.tasks.sae.planted import Planted, random_sequences, ready

STRUCTURES = ["((..[[))..]]", "....", "((((....))))", "(([{<A..))]}>a"]


def records(count=30):
    sequences = random_sequences(count, 40)
    sequences[3] = sequences[3][:20] + "NN" + sequences[3][22:]
    return [Record(f"r{k}", sequence, family=f"F{k % 3}") for k, sequence in enumerate(sequences)]


def codes_of(model, autoencoders, found):
    """Of every nucleotide but N, the sequences one after another."""
    codes = {}
    for (layer, seed), autoencoder in autoencoders.items():
        states = [states[layer] for _, states in model.hidden_states([r.sequence for r in found], [layer])]
        letters = np.array(list("".join(record.sequence for record in found)))
        codes[layer, seed] = autoencoder.encode(torch.from_numpy(np.concatenate(states)[letters != "N"])).to_scipy()
    return codes


@pytest.fixture(scope="module")
def made():
    model, found = Planted(width=16, active=2), records()
    autoencoders = {
        (layer, seed): ready(16, seed, features=24, activation="relu") for layer in (0, 1) for seed in (0, 1)
    }
    shown = {(0, 0): [5, 2], (1, 1): [7]}
    table = example_table(codes_of(model, autoencoders, found), found, shown, quantiles=4, per_quantile=2)
    return model, found, autoencoders, table


def test_activations_are_those_of_the_autoencoder(made):
    model, found, autoencoders, table = made
    assert set(zip(table.layer, table.seed, table.feature, strict=True)) == {(0, 0, 5), (0, 0, 2), (1, 1, 7)}
    by_name = {record.id: record for record in found}
    for row in table.itertuples():
        assert by_name[row.item].sequence == row.sequence and by_name[row.item].family == row.family
        _, hidden = next(model.hidden_states([row.sequence], [row.layer]))
        for place, letter in enumerate(row.sequence):
            code = autoencoders[row.layer, row.seed].encode(torch.from_numpy(hidden[row.layer][place : place + 1]))
            expected = 0.0 if letter == "N" else float(code.to_dense()[0, row.feature])
            assert row.activations[place] == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_quantiles_follow_the_strongest_activation(made):
    table = made[-1]
    for _, part in table.groupby(["layer", "seed", "feature"]):
        assert part.item.is_unique and (part.groupby("quantile").size() <= 2).all()
        assert set(part["quantile"]) >= {0.25, 0.5, 0.75, 1.0}
        peaks = part.assign(peak=[row.max() for row in part.activations]).groupby("quantile").peak
        low, high = peaks.min(), peaks.max()
        assert (high.iloc[:-1].to_numpy() <= low.iloc[1:].to_numpy()).all()
        if 0.0 in high.index:
            assert high[0.0] == 0


def test_the_draw_follows_names_alone(made):
    model, found, autoencoders, table = made
    codes = codes_of(model, autoencoders, found[::-1])
    again = example_table(codes, found[::-1], {(1, 1): [7]}, quantiles=4, per_quantile=2)
    first = table[table.layer == 1].sort_values("item").reset_index(drop=True)
    assert list(again.sort_values("item").item) == list(first.item)


def test_a_feature_that_is_never_active_has_silent_examples_alone():
    autoencoder = ready(16, features=24, k=2)
    with torch.no_grad():
        autoencoder.encoder_bias[5] = -1e6
    codes = codes_of(Planted(width=16, active=2), {(0, 0): autoencoder}, records(5))
    table = example_table(codes, records(5), {(0, 0): [5]})
    assert set(table["quantile"]) == {0.0} and not np.concatenate(table.activations.tolist()).any()


@pytest.mark.parametrize("structure", STRUCTURES)
def test_structures_come_back_from_their_dot_bracket(structure):
    pairs = pairs_of_dot_bracket(structure, "x")
    written = dot_bracket(Record("x", "G" * len(structure), pairs=pairs))
    assert pairs_of_dot_bracket(written, "x") == pairs
    if structure == STRUCTURES[0]:
        assert written == structure


def test_an_unknown_structure_is_empty():
    assert dot_bracket(Record("x", "ACGU")) == ""
    assert dot_bracket(Record("x", "ACGU", pairs=())) == "...."


def test_examples_are_kept_of_chosen_features_and_of_the_best_of_the_first_seed() -> None:
    features = pd.DataFrame(
        {
            "layer": 2,
            "seed": [0] * 5 + [1] * 5,
            "feature": [*range(5)] * 2,
            "live": [True, True, True, True, False] * 2,
            "select_auroc": [0.5, 0.1, 0.8, 0.7, 1.0] * 2,
        }
    )
    chosen = pd.DataFrame({"source": ["sae", "sae", "kmer"], "layer": 2, "seed": [0, 1, 1], "feature": [3, 0, 1]})
    assert features_to_show(features, chosen, 3) == {(2, 0): [3, 1, 2], (2, 1): [0]}
