from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.fft import dctn

from harness.errors import HarnessError
from harness.progress import Progress
from harness.sequences.alignment import Alignment
from harness.task import CellContext
from tasks.overlap_ratio.embeddings import LEADING, dct_block, embed, mean, review_fft
from tests.tasks.overlap_ratio.planted import WIDTH, FamilyModel, dataset

DATA = dataset()
RECORDS = DATA.records[:6]


def context(folder: Path) -> CellContext:
    return CellContext("cpu", folder, folder, Progress(quiet=True))


def states(length: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(length, width)).astype(np.float32)


def test_the_review_depends_on_the_first_128_numbers_alone() -> None:
    """The demonstration of docs/review-fft.md."""
    first, second = states(50, 640), states(90, 640, seed=1)
    second[0, :128] = first[0, :128]
    assert (review_fft(first) == review_fft(second)).all()
    first[0, 127] += 1
    assert np.abs(review_fft(first) - review_fft(second)).max() > 9
    # and it is the transform of those numbers, ten times as large
    expected = [10 * sum(second[0, n] * np.cos(2 * np.pi * k * n / 128) for n in range(128)) for k in range(128)]
    assert review_fft(second) == pytest.approx(np.array(expected), abs=1e-3)
    # of which half the real parts repeat the other half
    assert review_fft(second)[1:64] == pytest.approx(review_fft(second)[:64:-1], abs=1e-4)


def test_a_narrow_model_reads_into_its_second_token() -> None:
    own = states(5, 100)
    changed = own.copy()
    changed[1, 28:] = 0
    assert (review_fft(own) == review_fft(changed)).all()
    changed[1, 27] += 1
    assert (review_fft(own) != review_fft(changed)).any()


@pytest.mark.parametrize(("length", "width"), [(40, 64), (8, 16), (3, 64), (40, 5), (1, 1)])
def test_the_dct_block_is_the_corner_of_the_whole_transform(length: int, width: int) -> None:
    array = states(length, width)
    whole = np.zeros((8, 16))
    corner = dctn(array.astype(np.float64), norm="ortho")[:8, :16]
    whole[: corner.shape[0], : corner.shape[1]] = corner
    assert dct_block(array).shape == (128,) and dct_block(array).dtype == np.float32
    assert dct_block(array) == pytest.approx(whole.ravel(), abs=1e-4)


def test_every_nucleotide_counts_for_the_dct_and_the_mean() -> None:
    array = states(30, 32)
    moved = array.copy()
    moved[29] += 1
    assert (dct_block(array) != dct_block(moved)).any() and (mean(array) != mean(moved)).any()
    assert mean(array) == pytest.approx(array.mean(axis=0), abs=1e-6)


@pytest.mark.parametrize("leading", [False, True])
def test_all_variants_of_the_last_layer_and_means_of_the_others(tmp_path: Path, leading: bool) -> None:
    model = FamilyModel(DATA, leading=leading)
    found = embed(model, RECORDS, (0, 1, 2), context(tmp_path))
    variants = {"mean", "review-fft", "dct"} | ({LEADING} if leading else set())
    assert set(found) == {("mean", 0), ("mean", 1)} | {(variant, 2) for variant in variants}
    assert found["mean", 0].shape == (6, WIDTH) and found["dct", 2].shape == (6, 128)
    for row, record in enumerate(RECORDS):
        whole = model.states(record.sequence, 2)
        assert found["mean", 2][row] == pytest.approx(whole[1:].mean(axis=0), abs=1e-6)
        assert (found["review-fft", 2][row] == review_fft(whole[1:])).all()
        if leading:
            assert (found[LEADING, 2][row] == review_fft(whole)).all()
    assert isinstance(found["mean", 0], np.memmap)


def test_means_of_other_layers_come_from_the_same_pass(tmp_path: Path) -> None:
    model = FamilyModel(DATA)
    found = embed(model, RECORDS, (1,), context(tmp_path), others=(0, 2))
    assert set(found) == {("mean", 1), ("review-fft", 1), ("dct", 1), ("mean", 0), ("mean", 2)}
    assert len(model.asked) == len(RECORDS)
    for layer in (0, 1, 2):
        for row, record in enumerate(RECORDS):
            assert (found["mean", layer][row] == mean(model.states(record.sequence, layer)[1:])).all()


class Ragged(FamilyModel):
    """Forgets a dimension of one sequence."""

    def hidden_states(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        for index, found in super().hidden_states(sequences, layers):
            yield index, {layer: states[:, 1:] if index == 3 else states for layer, states in found.items()}


def test_vectors_of_unequal_width_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a vector of 15 numbers beside others of 16"):
        embed(Ragged(DATA), RECORDS, (2,), context(tmp_path))


class Stopping(FamilyModel):
    """Is stopped after two sequences."""

    given = 0

    def hidden_states(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        for item in super().hidden_states(sequences, layers):
            if self.given == 2:
                raise KeyboardInterrupt
            self.given += 1
            yield item


def test_a_stopped_run_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # groups of two: what else is in a batch changes numbers, so that one that was cut runs again as a whole
    monkeypatch.setattr("tasks.overlap_ratio.embeddings.GROUP_NUCLEOTIDES", 100)
    with pytest.raises(KeyboardInterrupt):
        embed(Stopping(DATA), RECORDS, (2,), context(tmp_path))
    model = FamilyModel(DATA)
    found = embed(model, RECORDS, (2,), context(tmp_path))
    assert len(model.asked) == 4
    fresh = embed(FamilyModel(DATA), RECORDS, (2,), context(tmp_path / "fresh"))
    assert all((found[key] == fresh[key]).all() for key in fresh)


def test_a_group_that_was_stopped_in_its_middle_runs_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.overlap_ratio.embeddings.GROUP_NUCLEOTIDES", 140)  # three and three
    with pytest.raises(KeyboardInterrupt):
        embed(Stopping(DATA), RECORDS, (2,), context(tmp_path))
    model = FamilyModel(DATA)
    embed(model, RECORDS, (2,), context(tmp_path))
    assert len(model.asked) == 6


@pytest.mark.parametrize("harm", ["header alone", "cut short", "a bit", "the width", "a checksum"])
def test_a_file_that_was_damaged_is_made_again(tmp_path: Path, harm: str) -> None:
    fresh = {key: np.array(found) for key, found in embed(FamilyModel(DATA), RECORDS, (2,), context(tmp_path)).items()}
    path = tmp_path / "vectors" / "mean-2.npy"
    content = bytearray(path.read_bytes())
    if harm == "a bit":
        content[-40] ^= 1
    elif harm == "a checksum":
        content[-1] ^= 1
    harmed = {"header alone": content[:6], "cut short": content[:-9], "the width": content.replace(b"(16,)", b"(15,)")}
    path.write_bytes(harmed.get(harm, content))
    again = embed(FamilyModel(DATA), RECORDS, (2,), context(tmp_path))
    assert all((again[key] == fresh[key]).all() for key in fresh)


def test_a_stop_while_a_file_is_made_leaves_no_rows_of_zeros(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row is missing until it is written: a file is in its place only once every row says so."""

    def stopped(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("os.fsync", stopped)
        embed(FamilyModel(DATA), RECORDS, (2,), context(tmp_path))
    assert not list((tmp_path / "vectors").iterdir())
    found = embed(FamilyModel(DATA), RECORDS, (2,), context(tmp_path))
    assert all(np.isfinite(vectors).all() and vectors.any(axis=1).all() for vectors in found.values())


class Broken(FamilyModel):
    def __init__(self, fault: str) -> None:
        super().__init__(DATA)
        self.fault = fault

    def hidden_states(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        for index, found in super().hidden_states(sequences, layers):
            if sequences[index] == RECORDS[3].sequence:
                if self.fault == "missing":
                    continue
                states = found[2].copy()
                states[4, 5] = {"nan": np.nan, "infinite": np.inf, "length": 0}[self.fault]
                found = {2: states[1:] if self.fault == "length" else states}
            yield index, found


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("nan", "planted returned NaN or infinity for record 'F0/3' at layer 2"),
        ("infinite", "planted returned NaN or infinity for record 'F0/3' at layer 2"),
        ("length", r"an array of shape \(40, 16\) for record 'F0/3' of 41 nt"),
        ("missing", "no hidden states for 1 of 6 sequences"),
    ],
)
def test_faults_are_one_line(tmp_path: Path, fault: str, message: str) -> None:
    with pytest.raises(HarnessError, match=message):
        embed(Broken(fault), RECORDS, (2,), context(tmp_path))


class AlignmentModel(FamilyModel):
    def hidden_states(self, sequences, layers):  # type: ignore[no-untyped-def]
        assert all(isinstance(alignment, Alignment) for alignment in sequences)
        return super().hidden_states([alignment.query for alignment in sequences], layers)


def test_a_model_of_alignments_is_given_alignments(tmp_path: Path) -> None:
    model = AlignmentModel(DATA, capabilities={"hidden_states", "alignment"})
    assert embed(model, RECORDS, (2,), context(tmp_path))["mean", 2].shape == (6, WIDTH)
