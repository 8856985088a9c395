"""Autoencoders of several layers and seeds from one stream: the same alone as together, resumed or put aside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.adapter import ModelAdapter
from harness.progress import Advance, Progress
from harness.task import CellContext
from tasks.sae.autoencoder.config import SAEConfig
from tasks.sae.dictionaries import DictionaryMaker
from tests.tasks.sae.planted import Planted, random_sequences

CONFIG = SAEConfig(features=32, k=3, steps=6, batch_size=64)
QUIET = Progress(quiet=True)


def maker(
    folder: Path,
    layers: tuple[int, ...] = (1, 2),
    progress: Progress = QUIET,
    model: ModelAdapter | None = None,
    **changes: object,
) -> DictionaryMaker:
    config = CONFIG.model_copy(update=changes)
    context = CellContext(device="cpu", work=folder, artifacts=folder, progress=progress)
    return DictionaryMaker(model or Planted(width=16), random_sequences(6, 40), layers, config, context)


def test_every_layer_and_seed_has_its_own(tmp_path: Path) -> None:
    made = maker(tmp_path)
    trained = made.trained((0, 5), "sae")["none"]
    assert set(trained) == {(1, 0), (1, 5), (2, 0), (2, 5)}
    for (layer, seed), autoencoder in trained.items():
        assert (autoencoder.layer, autoencoder.seed) == (layer, seed) and autoencoder.is_calibrated
        mean = made.standardisation[layer].mean
        np.testing.assert_allclose(autoencoder.mean.numpy(), mean, rtol=1e-5)
    assert not torch.equal(trained[1, 0].decoder, trained[1, 5].decoder)
    alone = maker(tmp_path / "alone", (2,)).trained((5,), "sae")["none"]
    torch.testing.assert_close(alone[2, 5].decoder, trained[2, 5].decoder, rtol=0, atol=0)


def test_untrained_ones_start_where_trained_ones_started(tmp_path: Path) -> None:
    made = maker(tmp_path)
    untrained = made.untrained((0, 5))
    fresh = made._fresh((0, 5), ("none",))
    for key, autoencoder in untrained.items():
        assert autoencoder.is_calibrated and autoencoder.is_standardised
        assert torch.equal(autoencoder.decoder, fresh[*key, "none"].decoder)
        assert torch.equal(autoencoder.encoder, fresh[*key, "none"].encoder)
    trained = made.trained((0,), "sae")["none"]
    assert not torch.equal(trained[1, 0].decoder, untrained[1, 0].decoder)


def test_frozen_twins_are_trained_beside_the_others_and_change_nothing(tmp_path: Path) -> None:
    made = maker(tmp_path)
    trained = made.trained((0, 5), "sae", ("none", "decoder", "encoder"))
    alone = maker(tmp_path / "alone").trained((0, 5), "sae")["none"]
    start = made.untrained((0, 5))
    for key, autoencoder in trained["none"].items():
        torch.testing.assert_close(autoencoder.decoder, alone[key].decoder, rtol=1e-5, atol=1e-6)
        for part, other in (("decoder", "encoder"), ("encoder", "decoder")):
            twin = trained[part][key]
            assert twin.config.frozen == part and twin.is_calibrated and twin.nucleotides_seen == 6 * 64
            assert torch.equal(getattr(twin, part), getattr(start[key], part))
            assert not torch.equal(getattr(twin, other), getattr(start[key], other))


def test_a_checkpoint_of_other_settings_or_a_damaged_one_is_put_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.sae.dictionaries.CHECKPOINT_SECONDS", 0.0)
    checkpoint = tmp_path / "sae.safetensors"
    expected = maker(tmp_path / "clean").trained((0,), "sae")["none"]
    maker(tmp_path, k=2).trained((0,), "sae")["none"]
    for content in (checkpoint.read_bytes(), b"damaged"):
        checkpoint.write_bytes(content)
        again = maker(tmp_path, progress=Progress()).trained((0,), "sae")["none"]
        assert "restarting training: " in capsys.readouterr().err
        for key, autoencoder in again.items():
            assert torch.equal(autoencoder.decoder, expected[key].decoder)


def test_progress_counts_the_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, str]] = []

    class Recorder(Progress):
        def _lines(self, description, total):  # type: ignore[no-untyped-def]
            if description != "the label":
                return lambda completed, detail="": None
            assert total == CONFIG.steps
            return lambda completed, detail="": seen.append((completed, detail))

    maker(tmp_path, progress=Recorder()).trained((0,), "the label")["none"]
    assert seen[-1][0] == CONFIG.steps and "unexplained 0." in seen[-1][1] and "nt/s" in seen[-1][1]


class Counted(Planted):
    calls = 0

    def hidden_states(self, sequences, layers):  # type: ignore[no-untyped-def]
        self.calls += 1
        return super().hidden_states(sequences, layers)


def test_what_is_finished_is_read_back_bit_for_bit_without_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.task.KEPT_AFTER_SECONDS", 0.0)
    first = maker(tmp_path)
    expected = {"trained": first.trained((0, 5), "sae")["none"], "untrained": first.untrained((0, 5))}
    model = Counted(width=16)
    again = maker(tmp_path, model=model)
    for name, found in (("trained", again.trained((0, 5), "sae")["none"]), ("untrained", again.untrained((0, 5)))):
        assert found.keys() == expected[name].keys()
        for key, autoencoder in found.items():
            own = expected[name][key]
            assert autoencoder.nucleotides_seen == own.nucleotides_seen
            for part, tensor in own.state_dict().items():
                assert torch.equal(autoencoder.state_dict()[part], tensor), (name, key, part)
    assert again.standardisation.keys() == first.standardisation.keys()
    for layer, own in first.standardisation.items():
        kept = again.standardisation[layer]
        assert (kept.nucleotides, kept.position_share) == (own.nucleotides, own.position_share)
        assert (kept.mean == own.mean).all() and (kept.deviation == own.deviation).all()
    assert model.calls == 0


def test_reading_the_activations_is_told_sequence_by_sequence(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []

    class Recorder(Progress):
        @contextmanager
        def track(self, description: str, total: int) -> Iterator[Advance]:
            yield lambda completed, detail="": told.append((description, completed, total))

    made = maker(tmp_path, progress=Recorder(quiet=True))
    assert set(made.standardisation) == {1, 2}
    assert told == [("sae activations", done, 6) for done in range(1, 7)]
    made.trained((0,), "sae")  # what the training reads again is told as training
    assert {description for description, _, _ in told} == {"sae activations", "sae"}
