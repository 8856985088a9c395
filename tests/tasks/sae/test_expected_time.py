"""How long a cell will take, of a model whose speed is known."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from harness.activations.reader import ModelReader
from harness.activations.stream import ActivationStream
from harness.progress import Progress
from harness.task import CellContext
from tasks.sae.autoencoder.config import SAEConfig
from tasks.sae.cell import SaeCell
from tasks.sae.expected_time import Rates, expected_time, times_read
from tasks.sae.settings import SaeSettings
from tests.tasks.sae.planted import Planted, random_sequences

CONFIG = SAEConfig(features=32, k=3, steps=6, batch_size=64)
PER_NUCLEOTIDE = 2e-4


class Slow(Planted):
    """Takes as long as it has nucleotides to read."""

    def hidden_states(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, np.ndarray]]]:
        time.sleep(PER_NUCLEOTIDE * sum(map(len, sequences)))
        yield from super().hidden_states(sequences, layers)


def test_the_speed_of_a_model_and_of_a_step() -> None:
    rates = Rates.measured(Slow(width=16), random_sequences(6, 40), (1,), CONFIG)
    assert PER_NUCLEOTIDE <= rates.reading < 3 * PER_NUCLEOTIDE
    assert 0 < rates.step < 1


def test_the_line_adds_up() -> None:
    line = expected_time(Rates(reading=1e-3, step=0.01), nucleotides=360_000, autoencoders=12, steps=1_000)
    assert line == (
        "about 8 min before statistics: 360,000 nucleotides through the model and its random twins (6 min), "
        "12 autoencoders of 1,000 steps (2 min)"
    )


@pytest.mark.parametrize("capacity", [2**31, 4 * 16 * 100])
def test_training_sequences_are_read_as_often_as_the_stream_reads_them(capacity: int) -> None:
    model, read = Planted(width=16), []
    stream = ActivationStream(ModelReader(model, random_sequences(6, 40), (1,)), 64, seed=0, capacity_bytes=capacity)
    stream.reader.on_sequence = lambda: read.append(1)
    for _ in stream.blocks():
        pass
    for _ in stream.batches(0, 15):
        pass
    expected = times_read(stream.nucleotides, stream.fits, 15, 64) * 6
    assert len(read) == expected if stream.fits else abs(len(read) - expected) <= 6


def test_a_cell_says_it_once_and_not_where_it_goes_on_after_a_stop(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = SaeSettings(features=32, k=3, steps=6, batch_size=64, layers=(1, 2), seeds=(0, 1))
    context = CellContext(device="cpu", work=tmp_path, artifacts=tmp_path, progress=Progress())
    cell = SaeCell(Planted(width=16), random_sequences(6, 40), settings, context)
    cell.say_how_long(scored=1_000)
    said = capsys.readouterr().err
    read = 3 * (sum(map(len, random_sequences(6, 40))) + 1_000)  # by the model and two random twins
    assert f"{read:,} nucleotides" in said and "16 autoencoders of 6 steps" in said  # 2 layers x 2 seeds x (3 + 1)
    (tmp_path / "kept").mkdir()
    cell.say_how_long(scored=1_000)
    assert not capsys.readouterr().err
