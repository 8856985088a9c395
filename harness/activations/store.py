"""The activation store: hidden states on disk, in shards, shared by all tasks and runs of a model.

``<cache folder>/activations/<what computes>/<layer>/<shard>.safetensors``; :mod:`harness.activations.shard` describes a
file. The folder is nobody's: shards appear whole and are never changed, so that any number of processes may read, write
and evict. A shard that is damaged or gone is computed again.
"""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.activations.shard import Damaged, Keys, Shard
from harness.storage.cache import cache_folder
from harness.storage.sizes import parse_size, readable

LIMIT_VARIABLE = "HARNESS_STORE"
_LEFT_FREE = 5 * 10**9
"""Bytes of the disk that others are left with."""
_ABANDONED_SECONDS = 24 * 3600.0
"""A file that nobody has written to for so long belongs to a process that was killed."""


def store_folder() -> Path:
    return cache_folder() / "activations"


def store_limit() -> int:
    """Bytes that the store may take: ``$HARNESS_STORE``, such as ``50GB``; without it there is no store.

    Raises:
        InputError: it is no size.
    """
    return parse_size(os.environ.get(LIMIT_VARIABLE) or "0", f"${LIMIT_VARIABLE}")


class ActivationStore:
    """The shards in a folder, up to ``limit`` bytes; 0 neither reads nor writes. ``tell`` is given one line about
    whatever costs time.
    """

    def __init__(self, folder: Path, limit: int, tell: Callable[[str], None]) -> None:
        self.folder = folder
        self.limit = limit
        self._tell = tell
        self._said: set[str] = set()
        self._used: set[Path] = set()
        self._bad: set[Path] = set()

    def find(self, model: str, layers: Sequence[int], keys: Keys) -> Held:
        """Where states of ``keys`` lie; opens the shards of these layers and reads no states."""
        return Held(self, {layer: self.folder / model / str(layer) for layer in layers}, keys)

    def path(self, model: str, layer: int, name: str) -> Path:
        return self.folder / model / str(layer) / f"{name}.safetensors"

    def make_room(self, size: int) -> bool:
        """Evict what was used least recently until ``size`` bytes more fit; whether they do.

        What this process has used is left alone: a store that is too small for a run would otherwise lose the beginning
        of every pass before it is read again.
        """
        files = [(path, status) for path in _files(self.folder) if (status := _status(path)) is not None]
        total = sum(status.st_size for _, status in files)
        old = sorted((f for f in files if f[0] not in self._used), key=lambda file: file[1].st_mtime)
        for path, status in old:
            if total + size <= self.limit:
                break
            if path.suffix != ".partial" or _abandoned(status):
                with suppress(OSError):
                    path.unlink(missing_ok=True)
                    total -= status.st_size
        if total + size > self.limit:
            self.say(f"full ({readable(self.limit)}, see {LIMIT_VARIABLE}): the rest of this run is not stored")
            return False
        if self._free() < size + _LEFT_FREE:
            self.say(f"the disk of {self.folder} is nearly full: nothing is stored")
            return False
        return True

    def used(self, path: Path) -> None:
        """Keep the time of the last use, once per process."""
        if path not in self._used:
            self._used.add(path)
            with suppress(OSError):
                os.utime(path)

    def discard(self, shard: Path, reason: str) -> None:
        """Take a shard out of the store, where it can be removed; say so unless another process has done it."""
        self._bad.add(shard)
        if shard.exists():
            self._tell(f"activation store: {shard} {reason}; computing its states again")
            with suppress(OSError):
                shard.unlink(missing_ok=True)

    def say(self, line: str) -> None:
        """Say it once."""
        if line not in self._said:
            self._said.add(line)
            self._tell(f"activation store: {line}")

    @property
    def gave_up(self) -> bool:
        """Whether something was not stored."""
        return bool(self._said)

    def open(self, folder: Path, known: Container[Path]) -> list[Shard]:
        """The shards of a layer other than those that are known."""
        shards = []
        for path in sorted(folder.glob("*.safetensors")) if self.limit else ():
            if path not in self._bad and path not in known:
                try:
                    shards.append(Shard(path))
                except Damaged as error:
                    self.discard(path, str(error))
        return shards

    def _free(self) -> int:
        folder = next(folder for folder in (self.folder, *self.folder.parents) if folder.exists())
        return shutil.disk_usage(folder).free


class Held:
    """What a store holds of the sequences of one call, by their numbers in it. Memory: 12 bytes each and layer."""

    def __init__(self, store: ActivationStore, folders: Mapping[int, Path], keys: Keys) -> None:
        self._store = store
        self._folders = folders
        self._keys, self._order = keys, np.argsort(keys)
        self._shards: dict[int, list[Shard]] = {layer: [] for layer in folders}
        self._where = {
            layer: (np.full(len(keys), -1, dtype=np.int32), np.zeros(len(keys), dtype=np.int64)) for layer in folders
        }
        self.refresh()

    def refresh(self) -> None:
        """Find what was written since; where something is held already, that stays."""
        for layer, folder in self._folders.items():
            own, (number, place) = self._shards[layer], self._where[layer]
            for shard in self._store.open(folder, {shard.path for shard in own}):
                at = np.searchsorted(self._keys, shard.keys, sorter=self._order).clip(max=len(self._keys) - 1)
                new = (self._keys[self._order[at]] == shard.keys) & (number[self._order[at]] < 0)
                number[self._order[at[new]]], place[self._order[at[new]]] = len(own), np.flatnonzero(new)
                own.append(shard)

    def has(self, sequence: int, layer: int) -> bool:
        return bool(self._where[layer][0][sequence] >= 0)

    @property
    def lacking(self) -> NDArray[np.bool_]:
        """(sequences,): of which a layer is not there."""
        return np.any([numbers < 0 for numbers, _ in self._where.values()], axis=0)

    def complete(self, sequence: int) -> bool:
        """Whether every layer is there."""
        return all(self.has(sequence, layer) for layer in self._where)

    def order(self, sequence: int) -> tuple[int, int]:
        """Sorts sequences as they were written, which is as the model gave them."""
        numbers, places = next(iter(self._where.values()))
        return int(numbers[sequence]), int(places[sequence])

    def read(self, sequence: int, layer: int) -> NDArray[np.float32] | None:
        """The states, or None; a damaged shard leaves the store, and what else it held is missing from then on."""
        numbers, places = self._where[layer]
        if (number := numbers[sequence]) < 0:
            return None
        shard = self._shards[layer][number]
        try:
            states = shard.read(int(places[sequence]))
        except Damaged as error:
            self._store.discard(shard.path, str(error))
            numbers[numbers == number] = -1
            return None
        self._store.used(shard.path)
        return states


@dataclass(frozen=True)
class Stored:
    """What is stored of one model; ``name`` is the one that the first shard was written under."""

    name: str
    folder: Path
    layers: tuple[int, ...]
    sequences: int
    files: int
    size: int
    last_used: float


def stored(folder: Path) -> list[Stored]:
    """What a store holds, model by model, the latest used first; damaged shards count by their size alone."""
    found = []
    for own in (own for own in folder.glob("*") if own.is_dir()):
        files = [(path, status) for path in _files(own) if (status := _status(path)) is not None]
        sequences: Counter[int] = Counter()
        names = []
        for path, _ in files:
            with suppress(Damaged):
                if path.suffix != ".partial":
                    shard = Shard(path)
                    sequences[int(shard.about["layer"])] += len(shard.keys)
                    names.append(shard.about["model"])
        if files:
            size, last = sum(status.st_size for _, status in files), max(status.st_mtime for _, status in files)
            layers, most = tuple(sorted(sequences)), max(sequences.values(), default=0)
            found.append(Stored(names[0] if names else own.name, own, layers, most, len(files), size, last))
    return sorted(found, key=lambda entry: -entry.last_used)


def tidy(folder: Path, limit: int) -> tuple[int, int]:
    """Remove damaged shards, what killed processes left, and what is over the limit; how many files and bytes."""
    before = {path: status.st_size for path in _files(folder) if (status := _status(path)) is not None}
    for path, _ in damaged(folder):
        path.unlink(missing_ok=True)
    for path in before:
        if path.suffix == ".partial" and (status := _status(path)) is not None and _abandoned(status):
            path.unlink(missing_ok=True)
    ActivationStore(folder, limit, lambda line: None).make_room(0)
    for empty in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        with suppress(OSError):
            empty.rmdir()
    removed = [size for path, size in before.items() if not path.exists()]
    return len(removed), sum(removed)


def damaged(folder: Path) -> Iterator[tuple[Path, str]]:
    """The shards that are not as they were written, and what is wrong; reads every byte."""
    for path in sorted(folder.rglob("*.safetensors")):
        try:
            Shard(path).verify()
        except Damaged as error:
            yield path, str(error)


def _files(folder: Path) -> list[Path]:
    """Shards, and those that are being written."""
    return [path for pattern in ("*.safetensors", ".*.partial") for path in folder.rglob(pattern)]


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _abandoned(status: os.stat_result) -> bool:
    return time.time() - status.st_mtime > _ABANDONED_SECONDS
