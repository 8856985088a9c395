"""The interface of a task: a protocol that turns (model, dataset, settings) into metrics with per-item scores."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import lcm
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Self

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
"""What took less is computed again after a stop."""


class Metric(BaseModel):
    """A number with its 95 % interval. ``n`` counts the independent units that it rests on."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    unit: str = ""
    higher_is_better: bool | None = True


class TableRow(BaseModel):
    """One number of a result that is not a headline aggregate: of a source, a layer, a seed, a stratum."""

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
            raise PydanticCustomError("seeds", "seed {seed} is given twice", {"seed": seed})
    return seeds


Seeds = Annotated[tuple[Annotated[int, Field(ge=0, lt=2**32)], ...], Field(min_length=1), AfterValidator(_no_repeats)]
"""One seed or more, each once; every task that draws anything takes them so."""


class TaskSettings(BaseModel):
    """Settings that change numbers; every task adds its own. All of them are part of a cell's identity.

    The lengths that a cell takes are settings, and nothing but dataset and settings says what its items are. The last
    two are left out of a record where they rule nothing out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: int | None = Field(None, ge=1, description="use only so many records (family tasks: families)")
    longest: int = Field(440, ge=1, description="longer sequences are left out; a model's own limit may lower it")
    shortest: int = Field(1, ge=1, exclude_if=lambda value: value == 1, description="shorter sequences are left out")
    length_multiple: int = Field(
        1, ge=1, exclude_if=lambda value: value == 1, description="sequences of other than a multiple are left out"
    )

    def narrowed_to(self, card: ModelCard) -> Self:
        """The same settings without the lengths that a model does not take.

        The floors beside a model get the settings narrowed to that model, so that all are scored on the same items.
        """
        return self.model_copy(
            update={
                "longest": self.longest if card.max_length is None else min(self.longest, card.max_length),
                "shortest": max(self.shortest, card.min_length),
                "length_multiple": lcm(self.length_multiple, card.length_multiple),
            }
        )


class LayerSettings(TaskSettings):
    """Settings of a task that reads hidden states of one layer or several; -1 is the last."""

    layers: tuple[int, ...] = Field((-1,), min_length=1)


class SeedSettings(TaskSettings):
    """Settings of a task that draws at random: one repeat for every seed."""

    seeds: Seeds = (0, 1, 2)


class Basis(BaseModel):
    """What the metrics of a cell rest on: results are compared where these agree.

    ``layer`` is that of the metrics, None where there is none to speak of; ``layer_is_chosen`` says whether a score
    chose it among several. ``item_set`` is a hash of the items that were scored or that chose something.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    layer: int | None = None
    layer_is_chosen: bool = False
    item_set: str


class Place(NamedTuple):
    """Where a number of a cell belongs: its metric, and the source, layer and stratum that it is of."""

    metric: str
    source: str = ""
    layer: int | None = None
    stratum: str = ""


class TaskCard(BaseModel):
    """What a task needs and reports.

    A model needs every capability of ``requires`` and, where it names some, one of ``requires_any``. ``floors`` names
    the models that are planned beside the one asked for; ``{model}`` stands for its name. A task that computes its
    floors inside the cell, on the same items, leaves it empty. ``columns`` are the metrics that a leaderboard sets
    side by side, the headline first; the others follow below them. ``plotted_against`` names a task: the leaderboard
    draws its headline against the one of this task, one point a model. ``question``, ``how_to_read`` and ``labels``
    (metrics in words) are what a page tells its readers; each metric's unit says what it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: TaskName
    version: str
    summary: str
    requires: frozenset[Capability]
    requires_any: frozenset[Capability] = frozenset()
    alphabet: Alphabet = "nucleotide"
    default_dataset: str
    headline: str
    columns: tuple[str, ...] = ()
    floors: tuple[str, ...] = ()
    plotted_against: str | None = None
    question: str = ""
    how_to_read: tuple[str, ...] = ()
    labels: dict[str, str] = Field(default_factory=dict)


@dataclass
class TaskOutcome:
    """What a task hands back: metrics, the rows behind them, and tables that are saved beside the record.

    ``items`` holds one row per item (item, cluster, family, metric, source, layer, seed, value), so that every
    statistic can be recomputed without the model; ``tables`` are further parquet files by name. A record that lacks one
    of its tables is not trusted, unless it is called ``large/NAME``: published results may leave that out.

    ``draws`` holds the estimate behind every headline metric and control, with its bootstrap draws, so that two results
    on the same items are compared without the model or the task. ``selected`` is what else was chosen, for the reader.
    """

    metrics: dict[str, Metric]
    used: int
    basis: Basis
    draws: dict[Place, Estimate] = field(default_factory=dict)
    table: list[TableRow] = field(default_factory=list)
    roles: dict[str, Role] = field(default_factory=dict)
    selected: dict[str, Any] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    highlights: Highlights | None = None
    items: pd.DataFrame | None = None
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)


@dataclass
class CellContext:
    """Where a running cell works and what it tells the user. Nothing here may change a number.

    ``work`` holds resumable partial state and is removed when the cell is done; files written under ``artifacts``
    are kept beside the record. ``stamp`` names the code that runs: what other code left in ``work`` is not taken up.
    """

    device: str
    work: Path
    artifacts: Path
    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)
    stamp: str = ""

    def kept(self, name: str, compute: Callable[[], Arrays]) -> Arrays:
        """What ``compute`` returns, or what a stopped run of this cell has left of it under this ``name``.

        Arrays of numbers or text by name, the same bit for bit either way. Only what took seconds is written.
        """
        from harness.storage.kept import read_kept, write_kept

        path = self.work / "kept" / f"{name}.npz"
        if path.exists():
            try:
                arrays = read_kept(path, self.stamp)
            except ValueError as error:
                self.progress.message(f"{name}: what the stopped run left {error}; computing it again")
            else:
                self.progress.message(f"{name}: taken up from the stopped run")
                return arrays
        start = time.perf_counter()
        computed = compute()
        if time.perf_counter() - start >= KEPT_AFTER_SECONDS:
            try:
                write_kept(path, self.stamp, computed)
            except OSError as error:
                self.progress.message(f"{name}: not kept for a later run ({error.strerror})")
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
    """One protocol. The class is cheap to make: heavy imports belong inside :meth:`run`."""

    card: TaskCard
    settings_type: type[TaskSettings] = TaskSettings

    @abstractmethod
    def run(self, model: ModelAdapter, dataset: Dataset, settings: TaskSettings, context: CellContext) -> TaskOutcome:
        """Compute the cell.

        Raises:
            NotApplicable: the model or the dataset cannot take part, with the reason.
            HarnessError: the cell fails with this one line.
        """
