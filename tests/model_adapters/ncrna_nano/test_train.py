import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from model_adapters.ncrna_nano import batches
from model_adapters.ncrna_nano.batches import IGNORED, encode, mask_nucleotides
from model_adapters.ncrna_nano.split import NanoSplit, SeedSequence
from model_adapters.ncrna_nano.train import (
    Recipe,
    Trainer,
    learning_rate,
    longest_at,
    masked_loss,
    train,
    validation_loss,
)


@pytest.fixture
def split(monkeypatch: pytest.MonkeyPatch) -> NanoSplit:
    monkeypatch.setattr(batches, "POOL", 24)
    entries = [SeedSequence(f"f|{i}", "f", "ACGGU" * (i % 5 + 2)) for i in range(30)]
    return NanoSplit(entries[:20], entries[20:], [])


def recipe(nucleotides: int = 1200) -> Recipe:
    return Recipe(nucleotides=nucleotides, batch_tokens=256)


def test_learning_rate_rises_stays_and_ends_at_zero() -> None:
    rates = [learning_rate(recipe(1000), seen) for seen in range(0, 1001, 10)]
    assert rates[0] == rates[-1] == 0.0
    assert max(rates) == rates[10] == rates[50] == recipe().learning_rate
    assert rates[75] == pytest.approx(recipe().learning_rate / 2)


def test_short_sequences_come_first() -> None:
    assert [longest_at(recipe(100), seen) for seen in (0, 14, 15, 39, 40, 100)] == [128, 128, 256, 256, 512, 512]


def test_masked_loss_is_the_mean_over_hidden_positions(split: NanoSplit) -> None:
    model = Trainer(recipe(), split).model.eval()
    ids, labels = mask_nucleotides(encode(["ACGUACGUACGU", "GGCA"]), 0.5, torch.Generator().manual_seed(1))
    with torch.inference_mode():
        log_probs = model(ids).logits.log_softmax(-1)
        expected = [-log_probs[r, c, labels[r, c]].item() for r, c in (labels != IGNORED).nonzero().tolist()]
        assert masked_loss(model, ids, labels).item() == pytest.approx(np.mean(expected), rel=1e-5)


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
