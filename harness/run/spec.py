"""Everything a process needs to build and run one cell: plain names and values, so that it can be sent anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from harness.adapter import ModelAdapter, ModelOptions
from harness.datasets.records import Dataset
from harness.registry import Registry
from harness.run.cell import Cell
from harness.storage.hub import go_offline
from harness.task import Task


@dataclass(frozen=True)
class CellSpec:
    """One cell by names. It pickles, and means the same in a fresh process on the same files.

    ``settings`` holds every setting of the task but ``layers``, ``seeds`` and ``limit``, which are None where the task
    has none of them. ``control_of`` are the cells that this one is planned beside.
    """

    model: str
    task: str
    dataset: str
    settings: Mapping[str, Any]
    layers: tuple[int, ...] | None = None
    seeds: tuple[int, ...] | None = None
    limit: int | None = None
    options: ModelOptions = field(default_factory=ModelOptions)
    plugins: tuple[Path, ...] = ()
    control_of: tuple[CellSpec, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.task} · {self.dataset} · {self.model}"


class Planned(NamedTuple):
    """A cell, and the names that another process makes it of."""

    spec: CellSpec
    cell: Cell


class Resolver:
    """Makes cells of specs, in whichever process runs them; what several cells share is made once."""

    def __init__(self, plugins: Sequence[Path] = (), registry: Registry | None = None) -> None:
        self.plugins = tuple(path.absolute() for path in plugins)
        self.registry = registry or Registry.discover(self.plugins)
        self._tasks: dict[str, Task] = {}
        self._datasets: dict[str, Dataset] = {}
        self._models: dict[tuple[str, ModelOptions], ModelAdapter] = {}

    def task(self, name: str) -> Task:
        """Raises InputError for an unknown name."""
        if name not in self._tasks:
            self._tasks[name] = self.registry.task(name)
        return self._tasks[name]

    def dataset(self, name: str) -> Dataset:
        """Raises InputError for an unknown name or a file that cannot be used, Unavailable for one not here."""
        if name not in self._datasets:
            self._datasets[name] = self.registry.dataset(name)
        return self._datasets[name]

    def model(self, name: str, options: ModelOptions) -> ModelAdapter:
        """Raises InputError for an unknown name; reads no weights."""
        if (name, options) not in self._models:
            self._models[name, options] = self.registry.model(name, options)
        return self._models[name, options]

    def unload_others(self, model: ModelAdapter) -> None:
        """Release the weights of all models but one."""
        for other in self._models.values():
            if other is not model:
                other.unload()

    def cell(self, spec: CellSpec) -> Cell:
        """The cell of a spec that was planned with the same plugins."""
        task = self.task(spec.task)
        typed = {"layers": spec.layers, "seeds": spec.seeds}
        values = dict(spec.settings) | {name: value for name, value in typed.items() if value is not None}
        return Cell(
            self.model(spec.model, spec.options),
            task,
            self.dataset(spec.dataset),
            task.settings_type.model_validate(values | {"limit": spec.limit}),
            spec.options,
            tuple(self.cell(asked) for asked in spec.control_of),
        )


def resolve(spec: CellSpec) -> Cell:
    """The cell of a spec, in a process that has made none yet.

    A worker never asks the hub: whoever planned the cell has fetched what it needs.
    """
    go_offline()
    return Resolver(spec.plugins).cell(spec)
