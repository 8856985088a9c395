"""Autoencoders of several layers and seeds from one stream: the same alone as together, resumed or put aside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from harness.progress import Progress
from harness.task import CellContext
from tasks.sae.autoencoder.config import SAEConfig
from tasks.sae.dictionaries import DictionaryMaker
from tests.tasks.sae.planted import Planted, random_sequences

CONFIG = SAEConfig(features=32, k=3, steps=6, batch_size=64)
QUIET = Progress(quiet=True)


def maker(layers: tuple[int, ...] = (1, 2), **changes: object) -> DictionaryMaker:
    config = CONFIG.model_copy(update=changes)
    return DictionaryMaker(Planted(width=16), random_sequences(6, 40), layers, config, "cpu")


def context(folder: Path, progress: Progress = QUIET) -> CellContext:
    return CellContext(device="cpu", work=folder, artifacts=folder, progress=progress)


def test_every_layer_and_seed_has_its_own(tmp_path: Path) -> None:
    made = maker()
    trained = made.trained((0, 5), tmp_path / "sae.safetensors", "sae", context(tmp_path))
    assert set(trained) == {(1, 0), (1, 5), (2, 0), (2, 5)}
    for (layer, seed), autoencoder in trained.items():
        assert (autoencoder.layer, autoencoder.seed) == (layer, seed) and autoencoder.is_calibrated
        mean = made.standardisation[layer].mean
        np.testing.assert_allclose(autoencoder.mean.numpy(), mean, rtol=1e-5)
    assert not torch.equal(trained[1, 0].decoder, trained[1, 5].decoder)
    alone = maker((2,)).trained((5,), tmp_path / "alone.safetensors", "sae", context(tmp_path))
    torch.testing.assert_close(alone[2, 5].decoder, trained[2, 5].decoder, rtol=0, atol=0)


def test_untrained_ones_start_where_trained_ones_started(tmp_path: Path) -> None:
    made = maker()
    untrained = made.untrained((0, 5))
    fresh = made._fresh((0, 5))
    for key, autoencoder in untrained.items():
        assert autoencoder.is_calibrated and autoencoder.is_standardised
        assert torch.equal(autoencoder.decoder, fresh[key].decoder)
        assert torch.equal(autoencoder.encoder, fresh[key].encoder)
    trained = made.trained((0,), tmp_path / "sae.safetensors", "sae", context(tmp_path))
    assert not torch.equal(trained[1, 0].decoder, untrained[1, 0].decoder)


def test_a_checkpoint_of_other_settings_or_a_damaged_one_is_put_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.sae.dictionaries.CHECKPOINT_SECONDS", 0.0)
    checkpoint = tmp_path / "sae.safetensors"
    expected = maker().trained((0,), tmp_path / "clean.safetensors", "sae", context(tmp_path))
    maker(k=2).trained((0,), checkpoint, "sae", context(tmp_path))
    for content in (checkpoint.read_bytes(), b"damaged"):
        checkpoint.write_bytes(content)
        again = maker().trained((0,), checkpoint, "sae", context(tmp_path, Progress()))
        assert "training starts again: " in capsys.readouterr().err
        for key, autoencoder in again.items():
            assert torch.equal(autoencoder.decoder, expected[key].decoder)


def test_progress_counts_the_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, str]] = []

    class Recorder(Progress):
        def _lines(self, description, total):  # type: ignore[no-untyped-def]
            assert (description, total) == ("the label", CONFIG.steps)
            return lambda completed, detail="": seen.append((completed, detail))

    maker().trained((0,), tmp_path / "sae.safetensors", "the label", context(tmp_path, Recorder()))
    assert seen[-1][0] == CONFIG.steps and "unexplained 0." in seen[-1][1] and "nt/s" in seen[-1][1]
