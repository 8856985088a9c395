"""One vector per sequence, by several recipes, streamed: hidden states are reduced as they come and then dropped.

Vectors lie in files that survive a stopped run; a row that is not yet there holds NaN, and one that is has a checksum.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from harness.adapter import ModelAdapter
from harness.compute.batching import token_budget_batches
from harness.datasets.alignments import model_inputs
from harness.datasets.records import Record
from harness.errors import HarnessError
from harness.storage.files import atomic_path
from harness.task import CellContext

Vectors = NDArray[np.float32]

REVIEW_SIZE = 128
DCT_BLOCK = (8, 16)
GROUP_NUCLEOTIDES = 2**14
"""Of sequences that are embedded together, counting padding. What else is in a batch changes last digits: a run that
was stopped in the middle of a group embeds all of it again, and ends in the same numbers."""


def mean(states: Vectors) -> Vectors:
    """Mean over nucleotides of (length, width): (width,) float32."""
    return states.mean(axis=0, dtype=np.float64).astype(np.float32)


def review_fft(states: Vectors) -> Vectors:
    """The review's reduction, literally: Re(FFT(10 X, n=128)) of the array laid out in one row, (128,) float32.

    With n smaller than the array the transform truncates: only the first 128 numbers of the first token are used.
    """
    return np.fft.fft(10 * states.ravel(), n=REVIEW_SIZE).real.astype(np.float32)


def dct_block(states: Vectors) -> Vectors:
    """The lowest 8 x 16 frequencies along nucleotides and along width (DCT-II, orthonormal): (128,) float32.

    Every nucleotide and every dimension contributes. What a short sequence or a narrow model lacks is 0.
    """
    rows, columns = DCT_BLOCK
    low = fft.dct(states, axis=0, norm="ortho")[:rows]
    block = fft.dct(low, axis=1, norm="ortho")[:, :columns]
    whole = np.zeros(DCT_BLOCK, dtype=np.float32)
    whole[: block.shape[0], : block.shape[1]] = block
    return whole.ravel()


_RECIPES: Mapping[str, Callable[[Vectors], Vectors]] = {"mean": mean, "review-fft": review_fft, "dct": dct_block}
LEADING = "review-fft-leading"
VARIANTS = ("mean", "review-fft", LEADING, "dct")

Key = tuple[str, int]


def embed(
    model: ModelAdapter,
    records: Sequence[Record],
    layers: Sequence[int],
    context: CellContext,
    others: Sequence[int] = (),
) -> StoredVectors:
    """All variants of the last of ``layers``, and means of all of them and of ``others``, from one pass of the model.

    Raises:
        HarnessError: the model returned NaN, infinity, an array of another length, or nothing for a record.
    """
    last, leading = max(layers), "leading" in model.card.capabilities
    every = (*layers, *others)
    keys = [("mean", layer) for layer in every]
    keys += [(variant, last) for variant in VARIANTS if variant != "mean" and (leading or variant != LEADING)]
    store = StoredVectors(context.work / "vectors", keys, len(records))
    lacking = set(store.missing())
    groups = token_budget_batches([len(record.sequence) for record in records], GROUP_NUCLEOTIDES)
    groups = [group for group in groups if lacking.intersection(group)]
    if groups:
        model.load(context.device)
    states = model.hidden_states_with_leading if leading else model.hidden_states
    done = len(records) - sum(map(len, groups))
    # alignments are embedded by one process: all of them at once may not fit into memory
    alone = "alignment" in model.card.capabilities
    calls = [] if alone else [[records[row].sequence for row in group] for group in groups]
    with model.announced(calls, every), context.progress.track("embedding", len(records)) as advance:
        for group in groups:
            inputs: list[Any] = model_inputs(model.card, [records[row] for row in group], family_asked=True)
            for index, found in states(inputs, every):
                record = records[group[index]]
                for (variant, layer), vector in _reduce(found, keys, leading, record, model.card.name):
                    store.put((variant, layer), group[index], vector)
                done += 1
                advance(done)
    if left := len(store.missing()):
        raise HarnessError(f"{model.card.name} returned no hidden states for {left} of {len(records)} sequences")
    return store


def _reduce(
    found: Mapping[int, Vectors], keys: Sequence[Key], leading: bool, record: Record, name: str
) -> Iterator[tuple[Key, Vectors]]:
    for variant, layer in keys:
        states = found[layer]
        if len(states) != len(record.sequence) + leading:
            raise HarnessError(
                f"{name} returned an array of shape {states.shape} for record {record.id!r} of "
                f"{len(record.sequence)} nt: run `harness check` to see which law this breaks"
            )
        vector = review_fft(states) if variant == LEADING else _RECIPES[variant](states[int(leading) :])
        if not np.isfinite(vector).all():
            raise HarnessError(f"{name} returned NaN or infinity for record {record.id!r} at layer {layer}")
        yield (variant, layer), vector


class StoredVectors(Mapping[Key, Vectors]):
    """(variant, layer) -> (records, width) float32, in files below a folder.

    All layers of a wide model do not fit into a laptop's memory (33 of 1,280 numbers for 17,000 sequences are 3 GB):
    rows are written to the files, and an array is mapped only for as long as somebody holds it.
    """

    def __init__(self, folder: Path, keys: Sequence[Key], rows: int) -> None:
        self._paths = {key: folder / f"{key[0]}-{key[1]}.npy" for key in keys}
        self._rows = rows
        self._layout: dict[Key, tuple[int, int]] = {}
        self._there = {key: np.zeros(rows, dtype=np.bool_) for key in keys}
        folder.mkdir(parents=True, exist_ok=True)
        for key in keys:
            try:
                kept = np.load(self._paths[key], mmap_mode="r")
                width = kept.dtype["vector"].shape[0]
            except (OSError, ValueError, KeyError, IndexError):
                continue
            size = kept.offset + rows * kept.dtype.itemsize
            if kept.shape == (rows,) and kept.dtype == _row(width) and size == self._paths[key].stat().st_size:
                self._layout[key] = kept.offset, width
                sound = [zlib.crc32(row["vector"].tobytes()) == row["check"] for row in kept]
                self._there[key] = np.array(sound, dtype=np.bool_) & np.isfinite(kept["vector"]).all(axis=1)

    def __getitem__(self, key: Key) -> np.memmap[Any, np.dtype[np.float32]]:
        return np.load(self._paths[key], mmap_mode="r")["vector"]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def missing(self) -> list[int]:
        """Rows without a vector of some kind."""
        return [int(row) for row in np.flatnonzero(~np.all(list(self._there.values()), axis=0))]

    def put(self, key: Key, row: int, vector: Vectors) -> None:
        """The first vector of a key tells the width of its file."""
        path = self._paths[key]
        if key not in self._layout:
            # written whole: a full disk is an error here, and later rows find their room
            with atomic_path(path) as temporary, temporary.open("wb") as file:
                row_type = _row(len(vector))
                descr = np.lib.format.dtype_to_descr(row_type)
                np.lib.format.write_array_header_1_0(
                    file, {"descr": descr, "fortran_order": False, "shape": (self._rows,)}
                )
                self._layout[key] = file.tell(), len(vector)
                missing = np.zeros((), dtype=row_type)
                missing["vector"] = np.nan
                for _ in range(self._rows):
                    file.write(missing.tobytes())
        start, width = self._layout[key]
        if len(vector) != width:
            raise ValueError(f"a vector of {len(vector)} numbers beside others of {width}")
        content = vector.astype("<f4").tobytes()
        with path.open("r+b", buffering=0) as file:
            file.seek(start + _row(width).itemsize * row)
            file.write(content + zlib.crc32(content).to_bytes(4, "little"))
        self._there[key][row] = True


def _row(width: int) -> np.dtype[np.void]:
    """A vector and the CRC-32 of its bytes."""
    return np.dtype([("vector", "<f4", (width,)), ("check", "<u4")])
