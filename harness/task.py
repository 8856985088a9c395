"""The interface of a task: a protocol that turns (model, dataset, settings) into metrics with per-item scores."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import lcm
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from harness.adapter import Alphabet, Capability, ModelAdapter, ModelCard, Role
from harness.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from harness.datasets.records import Dataset


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


class TaskCard(BaseModel):
    """What a task needs and reports.

    A model needs every capability of ``requires`` and, where it names some, one of ``requires_any``. ``floors`` names
    the models that are planned beside the one asked for; ``{model}`` stands for its name. A task that computes its
    floors inside the cell, on the same items, leaves it empty. ``columns`` are the metrics that a leaderboard sets
    side by side, the headline first; the others follow below them. ``plotted_against`` names a task: the leaderboard
    draws its headline against the one of this task, one point a model.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
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


@dataclass
class TaskOutcome:
    """What a task hands back: metrics, the rows behind them, and tables that are saved beside the record.

    ``items`` holds one row per item (item, cluster, family, metric, source, layer, seed, value), so that every
    statistic can be recomputed without the model; ``tables`` are further parquet files by name. In ``selected``,
    ``layer`` is the layer of the metrics, and ``layer_is_chosen`` says whether a score chose it: leaderboards keep
    chosen layers apart from last ones, and take it that a score chose among several unless it is said.
    """

    metrics: dict[str, Metric]
    used: int
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
    are kept beside the record.
    """

    device: str
    work: Path
    artifacts: Path
    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)

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
