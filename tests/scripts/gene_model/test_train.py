import csv
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from harness.adapter import ModelOptions
from harness.registry import Registry
from scripts.gene_model.train import Kind, Recipe, batches, either_strand, loss_of, make_model, save, train
from scripts.ncrna_nano.batches import encode

SEQUENCES = ["".join(random.Random(number).choices("ACGU", k=30)) for number in range(40)]


def small(kind: Kind) -> Recipe:
    return Recipe(kind, nucleotides=1500, width=16, layers=1, heads=2, batch=8)


def test_half_of_the_sequences_are_read_on_the_other_strand() -> None:
    found = either_strand(["AACGN"] * 400, np.random.default_rng(0))
    assert set(found) == {"AACGN", "NCGUU"} and 150 < found.count("AACGN") < 250


def test_an_epoch_holds_every_sequence_once_and_another_order_than_the_next() -> None:
    other = {s: s[::-1].translate(str.maketrans("ACGU", "UGCA")) for s in SEQUENCES}
    first, second = ([s for batch in batches(SEQUENCES, small("masked"), epoch) for s in batch] for epoch in (0, 1))
    for epoch in (first, second):
        assert sorted(min(s, other.get(s, s[::-1].translate(str.maketrans("ACGU", "UGCA")))) for s in epoch) == sorted(
            min(s, other[s]) for s in SEQUENCES
        )
    assert first != second


def test_a_causal_model_is_asked_for_every_nucleotide_from_those_before() -> None:
    recipe = small("causal")
    model = make_model(recipe).eval()
    batch = ["ACGUACGU", "GGN"]
    with torch.no_grad():
        found = loss_of(model, recipe, batch, torch.Generator(), training=False)
        logits = model(input_ids=encode(batch)).logits
    expected = [
        functional.cross_entropy(logits[row, position], torch.tensor(6 + "ACGU".index(letter)))
        for row, sequence in enumerate(batch)
        for position, letter in enumerate(sequence)
        if letter != "N"
    ]
    assert found.item() == pytest.approx(torch.stack(expected).mean().item(), rel=1e-5)


@pytest.mark.parametrize("kind", ["masked", "causal"])
def test_a_trained_model_runs_in_the_harness_under_its_name(kind: Kind, tmp_path: Path) -> None:
    recipe = small(kind)
    model = train(recipe, SEQUENCES, SEQUENCES[:4], tmp_path)
    save(model, recipe, len(SEQUENCES), tmp_path)
    rows = list(csv.DictReader((tmp_path / "losses.csv").open()))
    assert int(rows[-1]["nucleotides"]) >= 1500 and float(rows[-1]["training"]) < float(rows[0]["training"])
    registry = Registry.discover(plugins=[tmp_path / "gene_model.py"])
    adapter = registry.model(f"gene-{kind}", ModelOptions())
    assert adapter.card.exposure and adapter.card.width == 16
    adapter.load("cpu")
    _, states = next(iter(adapter.hidden_states(["ACGUN"], [1])))
    with torch.no_grad():
        reference = model.eval()(input_ids=encode(["ACGUN"]), output_hidden_states=True).hidden_states[-1]
    # weights are saved in half precision
    np.testing.assert_allclose(states[1], reference[0, 1:6], atol=0.02)
