"""The interface of a task: a protocol that turns (model, dataset, settings) into metrics with per-item scores."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import lcm
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from harness.adapter import Alphabet, Capability, ModelAdapter, ModelCard, Role
from harness.names import TaskName
from harness.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from harness.datasets.records import Dataset
    from harness.statistics.bootstrap import Estimate
    from harness.storage.kept import Arrays

KEPT_AFTER_SECONDS = 2.0
"""Anything faster is simply recomputed after an interruption."""


class Metric(BaseModel):
    """A number with its 95 % interval. ``n`` counts the independent units behind it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    unit: str = ""
    higher_is_better: bool | None = True


class TableRow(BaseModel):
    """One detailed number of a result: for a source, layer, seed or stratum."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    source: str = ""
    layer: int | None = None
    seed: int | None = None
    stratum: str = ""
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None


class Highlights(BaseModel):
    """A short table worth reading at the end of a run, such as the best features with their families."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def _no_repeats(seeds: tuple[int, ...]) -> tuple[int, ...]:
    for seed in seeds:
        if seeds.count(seed) > 1:
            raise PydanticCustomError("seeds", "seed {seed} is repeated", {"seed": seed})
    return seeds


Seeds = Annotated[tuple[Annotated[int, Field(ge=0, lt=2**32)], ...], Field(min_length=1), AfterValidator(_no_repeats)]
"""One seed or more, without repeats; every task that draws anything uses this type."""


class TaskSettings(BaseModel):
    """Settings that change numbers; every task adds its own. All of them are part of a cell's identity.

    The lengths that a cell accepts are settings, so that dataset and settings alone determine its items. All but
    the first two are omitted from a record where they have no effect.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: int | None = Field(None, ge=1, description="use at most N records (family tasks: N families)")
    longest: int = Field(440, ge=1, description="longer sequences are skipped; lowered to the model's own limit")
    shortest: int = Field(1, ge=1, exclude_if=lambda value: value == 1, description="shorter sequences are skipped")
    length_multiple: int = Field(
        1,
        ge=1,
        exclude_if=lambda value: value == 1,
        description="sequences of other lengths than multiples of this are skipped",
    )
    long: Literal["skip", "window"] = Field(
        "skip",
        exclude_if=lambda value: value == "skip",
        description="sequences over the model's own limit: skipped, or read in overlapping windows up to longest",
    )

    def narrowed_to(self, card: ModelCard) -> Self:
        """The same settings, restricted to the lengths that a model accepts; in windows it reads any length.

        A model's floors get the settings narrowed to that model, so that all are scored on the same items.
        """
        any_length = self.long == "window" and "hidden_states" in card.capabilities
        limit = None if any_length else card.max_length
        return self.model_copy(
            update={
                "longest": self.longest if limit is None else min(self.longest, limit),
                "shortest": max(self.shortest, card.min_length),
                "length_multiple": lcm(self.length_multiple, card.length_multiple),
            }
        )


class LayerSettings(TaskSettings):
    """Settings of a task that reads hidden states of one or more layers; -1 is the last."""

    layers: tuple[int, ...] = Field((-1,), min_length=1)


class SeedSettings(TaskSettings):
    """Settings of a task with random draws: one repeat per seed."""

    seeds: Seeds = (0, 1, 2)


class Basis(BaseModel):
    """What the metrics of a cell are based on: results are comparable if these agree.

    ``layer`` is the layer of the metrics (None if there is none); ``layer_is_chosen`` tells whether it was chosen among
    several by a score. ``item_set`` is a hash of all items used to choose or to score.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    layer: int | None = None
    layer_is_chosen: bool = False
    item_set: str


EACH_LAYER = "each layer"
"""The stratum of rows and draws that tasks with several layers keep of each of them, for comparisons of layers."""


class Place(NamedTuple):
    """Identifies a number of a cell: its metric, source, layer and stratum."""

    metric: str
    source: str = ""
    layer: int | None = None
    stratum: str = ""


class TaskCard(BaseModel):
    """What a task needs and reports.

    A model needs every capability in ``requires`` and, unless it is empty, one in ``requires_any``. ``floors`` names
    models that run as controls, with ``{model}`` for the name of the model under test; a task that computes its floors
    inside the cell, on the same items, leaves it empty. ``real_dataset`` names the set that a run on simulated data
    recommends. ``columns`` are the metrics that a leaderboard shows side by side, the headline first; the others are
    listed below them. ``plotted_against`` names another task: the leaderboard plots its headline against this one's,
    one point per model. ``windows`` says that it reads nothing but hidden states of a long sequence, so that windows
    can stand for it. ``question``, ``how_to_read`` and ``labels`` (metrics in words) are what a page tells its readers;
    each metric's unit says what it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: TaskName
    version: str
    summary: str
    requires: frozenset[Capability]
    requires_any: frozenset[Capability] = frozenset()
    alphabet: Alphabet = "nucleotide"
    default_dataset: str
    real_dataset: str | None = None
    headline: str
    columns: tuple[str, ...] = ()
    floors: tuple[str, ...] = ()
    plotted_against: str | None = None
    windows: bool = False
    question: str = ""
    how_to_read: tuple[str, ...] = ()
    labels: dict[str, str] = Field(default_factory=dict)


@dataclass
class TaskOutcome:
    """What a task returns: metrics, the rows behind them, and tables to save next to the record.

    ``items`` holds one row per item (item, cluster, family, metric, source, layer, seed, value), so that every
    statistic can be recomputed without the model; ``tables`` are further parquet files by name. A record is valid only
    with all of its tables; those called ``large/NAME`` may be missing from published results.

    ``draws`` holds the estimate behind every headline metric and control, with its bootstrap draws, so that two results
    on the same items can be compared without the model or the task. ``selected`` lists other choices, for the reader.
    ``warnings`` are what must be read before any number, one sentence each; ``notes`` what helps to read them.
    """

    metrics: dict[str, Metric]
    used: int
    basis: Basis
    draws: dict[Place, Estimate] = field(default_factory=dict)
    table: list[TableRow] = field(default_factory=list)
    roles: dict[str, Role] = field(default_factory=dict)
    selected: dict[str, Any] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    highlights: Highlights | None = None
    items: pd.DataFrame | None = None
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)


@dataclass
class CellContext:
    """The folders and progress display of a running cell. Nothing here may change a number.

    ``work`` holds resumable partial state and is removed when the cell is done; files written to ``artifacts`` are kept
    next to the record. ``stamp`` identifies the running code: partial state left by other code is not reused.
    """

    device: str
    work: Path
    artifacts: Path
    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)
    stamp: str = ""

    def kept(self, name: str, compute: Callable[[], Arrays]) -> Arrays:
        """The result of ``compute``, or the copy that an interrupted run of this cell saved under ``name``.

        Arrays of numbers or text by name, bit for bit the same either way. Only results that took seconds are saved.
        """
        from harness.storage.kept import read_kept, write_kept

        path = self.work / "kept" / f"{name}.npz"
        if path.exists():
            try:
                arrays = read_kept(path, self.stamp)
            except ValueError as error:
                self.progress.message(f"{name}: the interrupted run's copy {error}; recomputing")
            else:
                self.progress.message(f"{name}: reused from the interrupted run")
                return arrays
        start = time.perf_counter()
        computed = compute()
        if time.perf_counter() - start >= KEPT_AFTER_SECONDS:
            try:
                write_kept(path, self.stamp, computed)
            except OSError as error:
                self.progress.message(f"{name}: not saved for a later run ({error.strerror})")
        return computed

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a phase of the cell and name it in the progress display."""
        start = time.perf_counter()
        self.progress.message(name)
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


class Task(ABC):
    """One protocol. Instances are cheap: heavy imports belong inside :meth:`run`."""

    card: TaskCard
    settings_type: type[TaskSettings] = TaskSettings

    def card_on(self, dataset: Dataset) -> TaskCard:
        """The card for cells on this dataset, with the same name and version.

        A task of several alphabets returns one with the alphabet, controls and words of the dataset's.
        """
        return self.card

    @abstractmethod
    def run(self, model: ModelAdapter, dataset: Dataset, settings: TaskSettings, context: CellContext) -> TaskOutcome:
        """Compute the cell.

        Raises:
            NotApplicable: the model or the dataset does not fit the task; gives the reason.
            HarnessError: the cell fails with this one-line message.
        """
