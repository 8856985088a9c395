import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from scripts.ncrna_nano import train as train_module
from scripts.ncrna_nano.batches import encode
from scripts.ncrna_nano.split import NanoSplit, SeedSequence
from scripts.ncrna_nano.train import (
    Recipe,
    Trainer,
    learning_rate,
    longest_at,
    train,
    validation_loss,
)


@pytest.fixture
def split(monkeypatch: pytest.MonkeyPatch) -> NanoSplit:
    monkeypatch.setattr(train_module, "STEM_POOL", 300)
    entries = [SeedSequence(f"f|{i}", f"f{i % 6}", "ACGGU" * (i % 5 + 2)) for i in range(30)]
    return NanoSplit(entries[:20], entries[20:], [])


def recipe(nucleotides: int = 1200) -> Recipe:
    return Recipe(nucleotides=nucleotides, batch_tokens=256, stem_tokens=256, learning_rate=2e-3)


def test_learning_rate_rises_stays_and_ends_at_zero() -> None:
    rates = [learning_rate(recipe(1000), seen) for seen in range(0, 1001, 5)]
    assert rates[0] == rates[-1] == 0.0
    assert max(rates) == rates[1] == rates[120] == recipe().learning_rate
    assert rates[160] == pytest.approx(recipe().learning_rate / 2)


def test_short_sequences_come_first() -> None:
    assert [longest_at(recipe(100), seen) for seen in (0, 39, 40, 59, 60, 100)] == [128, 128, 256, 256, 512, 512]


def test_stem_loops_come_alone_and_then_beside_the_families(split: NanoSplit) -> None:
    trainer = Trainer(recipe(20_000), split)
    assert set(trainer.train_pool()) == {"stem"}
    trainer.seen = 4_000
    before = trainer.seen
    assert set(trainer.train_pool()) == {"masked", "family", "stem"}
    assert trainer.seen > before


def test_stem_loops_grow_harder_only_once_learned(split: NanoSplit) -> None:
    patient, easy = Trainer(recipe(), split), Trainer(replace(recipe(), stems_learned=100.0), split)
    for trainer in (patient, easy):
        trainer.train_pool()
    assert (patient.difficulty, easy.difficulty) == (0.0, pytest.approx(0.02))


def test_an_untrained_model_costs_about_the_uniform_loss(split: NanoSplit) -> None:
    loss = validation_loss(Trainer(recipe(), split).model, split.validation)
    assert np.log(28) - 0.3 < loss < np.log(28) + 0.5


def test_training_learns_a_repeat(split: NanoSplit, tmp_path: Path) -> None:
    trainer = Trainer(recipe(6000), split)
    train(trainer, split.validation, tmp_path)
    assert validation_loss(trainer.model, split.validation) < 1.0
    with (tmp_path / "losses.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert int(rows[-1]["nucleotides"]) == trainer.seen >= 6000


def test_a_killed_run_resumes_to_the_same_weights(split: NanoSplit, tmp_path: Path) -> None:
    whole = Trainer(recipe(), split)
    while not whole.done:
        whole.train_pool()
    first = Trainer(recipe(), split)
    first.train_pool()
    first.save(tmp_path)
    first.train_pool()
    second = Trainer(recipe(), split)
    second.resume(tmp_path)
    while not second.done:
        second.train_pool()
    assert (second.pool, second.seen) == (whole.pool, whole.seen)
    for ours, theirs in zip(second.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_diverged_run_stops(split: NanoSplit) -> None:
    trainer = Trainer(recipe(), split)
    with torch.no_grad():
        next(trainer.model.parameters()).fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="lower the learning rate"):
        trainer.train_pool()


def test_export_loads_strictly_and_agrees(split: NanoSplit, tmp_path: Path) -> None:
    from multimolecule import AutoTokenizer, RiNALMoForMaskedLM

    trainer = Trainer(recipe(), split)
    train(trainer, split.validation, tmp_path)
    loaded, report = RiNALMoForMaskedLM.from_pretrained(tmp_path, dtype=torch.float32, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    assert AutoTokenizer.from_pretrained(tmp_path)("ACGU")["input_ids"] == [1, 6, 7, 8, 9, 2]
    ids = encode(["ACGUACGU"])
    with torch.inference_mode():
        difference = loaded.eval()(ids).logits - trainer.model.eval()(ids).logits
    assert difference.abs().max() < 0.02
