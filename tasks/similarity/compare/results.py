"""What records of similarity left for comparing their models: states of the same nucleotides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.errors import InputError
from harness.result import ResultRecord, read_verified
from tasks.similarity.cka import States
from tasks.similarity.data import FEWEST_RNAS
from tasks.similarity.letters import Letters
from tasks.similarity.stored import FILE, ROWS, Stored, read_states

TASK = "similarity"


@dataclass(frozen=True)
class Kept:
    """One model: its record, its states and those of its first random twin, and the rows (item, position) of these."""

    record: ResultRecord
    states: Stored
    rows: pd.DataFrame

    @property
    def name(self) -> str:
        return self.record.model.card.name

    @property
    def each(self) -> int:
        return int(self.record.settings["per_sequence"])


@dataclass(frozen=True)
class Common:
    """The models on the RNAs that all of them have; ``rows`` (models, nucleotides) are those of each model's states."""

    models: tuple[Kept, ...]
    items: tuple[str, ...]
    rows: tuple[NDArray[np.int64], ...]

    @property
    def each(self) -> int:
        return self.models[0].each

    @property
    def neighbours(self) -> int:
        """As in the first record."""
        return int(self.models[0].record.settings["neighbours"])

    @property
    def letters(self) -> Letters:
        """(nucleotides,) the same in all models."""
        return np.asarray(self.models[0].rows["letter"], dtype=np.str_)[self.rows[0]]

    def layers(self, model: int, source: str) -> dict[int, States]:
        """The states of the common nucleotides by layer; none where the model has no such source."""
        return {layer: own[self.rows[model]] for layer, own in self.models[model].states.get(source, {}).items()}


def read_kept(path: Path) -> Kept:
    """The record at ``path`` with its states.

    Raises:
        InputError: it is no finished record of similarity, its files have changed, or its states are not there.
    """
    path = path if path.suffix == ".json" else path.with_suffix(".json")
    try:
        record = read_verified(path)
    except ValueError as error:
        raise InputError(str(error)) from None
    if record.task.name != TASK or record.status != "done":
        raise InputError(f"{path} is not a finished record of {TASK}: it is {record.status}, of {record.task.name}")
    folder = path.with_suffix("")
    if not (folder / FILE).is_file():
        raise InputError(
            f"{folder / FILE} is missing (published records leave it out): run the cell again with --force"
        )
    rows = pd.read_parquet(folder / f"{ROWS}.parquet")
    if "letter" not in rows:
        raise InputError(f"{path} does not name the letters of its nucleotides: run the cell again with --force")
    return Kept(record, read_states(folder), rows)


def common(models: Sequence[Kept]) -> Common:
    """The RNAs that all records have, in the order of the first.

    Raises:
        InputError: fewer than two models, one twice, other data or numbers of nucleotides, or too few common RNAs.
    """
    names = [own.name for own in models]
    if len(names) < 2:
        raise InputError("give the records of two models or more")
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"{', '.join(repeated)} is given more than once: give one record of each model")
    first = models[0]
    for own in models[1:]:
        if own.record.dataset.fingerprint != first.record.dataset.fingerprint or own.each != first.each:
            raise InputError(
                f"{first.name} was run on {first.each} nucleotides of each RNA of {first.record.dataset.name}, "
                f"{own.name} on {own.each} of {own.record.dataset.name}: run both on the same"
            )
    shared = set.intersection(*(set(own.rows["item"]) for own in models))
    items = tuple(item for item in dict.fromkeys(first.rows["item"]) if item in shared)
    if len(items) < FEWEST_RNAS:
        raise InputError(f"the records share {len(items)} RNAs; {FEWEST_RNAS} are needed: run them with equal settings")
    rows = []
    for own in models:
        starts = {item: start for start, item in zip(*_starts(own.rows), strict=True)}
        rows.append(np.concatenate([np.arange(starts[item], starts[item] + own.each) for item in items]))
    places = [own.rows["position"].to_numpy()[at] for own, at in zip(models, rows, strict=True)]
    if any(not np.array_equal(other, places[0]) for other in places[1:]):
        raise InputError("the records are of other nucleotides of the same RNAs: run them again with this version")
    return Common(tuple(models), items, tuple(rows))


def _starts(rows: pd.DataFrame) -> tuple[list[int], list[str]]:
    """Where each RNA begins."""
    first = ~rows["item"].duplicated()
    return np.flatnonzero(first).tolist(), rows["item"][first].tolist()
