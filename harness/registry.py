"""Names to models, tasks and datasets: built in, from entry points, or from a plugin file.

A provider is a mapping from names to factories. The package registers its own through the same entry points that
an out-of-tree package uses::

    [project.entry-points."harness.models"]
    mine = "my_package.models:MODELS"            # {"my-model": MyAdapter}

    harness run --plugin my_model.py --model my-model --task sae-families

    registry = Registry.discover(plugins=[Path("my_model.py")])
    adapter = registry.model("rnabert:random")

A registered name that ends in a colon takes what follows as its argument: ``precomputed:FOLDER``.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.adapter import ModelAdapter, ModelFactory, ModelOptions
from harness.errors import InputError, did_you_mean
from harness.twins import random_twin

if TYPE_CHECKING:
    from harness.datasets.records import Dataset
    from harness.task import Task

_PLUGIN_ATTRIBUTES = {"models": "MODELS", "tasks": "TASKS", "datasets": "DATASETS"}


@dataclass
class Registry:
    """What this installation knows, by name."""

    models: dict[str, ModelFactory] = field(default_factory=dict)
    tasks: dict[str, Callable[[], Task]] = field(default_factory=dict)
    datasets: dict[str, Callable[[], Dataset]] = field(default_factory=dict)

    @classmethod
    def discover(cls, plugins: Iterable[Path] = ()) -> Registry:
        """Read the entry points of all installed packages, then the plugin files.

        Raises:
            InputError: a plugin cannot be imported, or a name is taken twice.
        """
        registry = cls()
        for kind in _PLUGIN_ATTRIBUTES:
            for entry in entry_points(group=f"harness.{kind}"):
                try:
                    provided = entry.load()
                except Exception as error:
                    raise InputError(f"entry point {entry.value} cannot be loaded: {error}; uninstall it") from error
                registry._add(kind, provided, entry.value)
        for path in plugins:
            module = _import_file(path)
            mappings = {kind: getattr(module, name, {}) for kind, name in _PLUGIN_ATTRIBUTES.items()}
            if not any(mappings.values()):
                raise InputError(f"plugin {path} defines none of {', '.join(_PLUGIN_ATTRIBUTES.values())}")
            for kind, mapping in mappings.items():
                registry._add(kind, mapping, str(path))
        return registry

    def _add(self, kind: str, mapping: Mapping[str, Any], origin: str) -> None:
        known = getattr(self, kind)
        for name, factory in mapping.items():
            if name in known:
                raise InputError(f"{origin} registers {name!r} among the {kind}, a name that is taken")
            known[name] = factory

    def model(self, name: str, options: ModelOptions = ModelOptions()) -> ModelAdapter:  # noqa: B008  (immutable)
        """The adapter of ``NAME``, ``NAME:random`` or ``NAME:random:INITIALISATION``; reads no weights."""
        base, colon, argument = name.partition(":")
        if base + colon in self.models and colon:
            return self._find("models", base + colon)(replace(options, argument=argument))
        base, *variant = name.split(":")
        if variant and (variant[0] != "random" or len(variant) > 2 or not all(v.isdigit() for v in variant[1:])):
            raise InputError(f"{name!r} is not a model name: write NAME, NAME:random or NAME:random:1")
        adapter = self._find("models", base)(options)
        return random_twin(adapter, int(variant[1]) if len(variant) == 2 else 0) if variant else adapter

    def task(self, name: str) -> Task:
        task: Task = self._find("tasks", name)()
        return task

    def dataset(self, name: str) -> Dataset:
        """A named set, a path, or a path below ``$HARNESS_DATA``."""
        if name in self.datasets:
            return self.datasets[name]()
        from harness.datasets.resolve import load_dataset

        return load_dataset(name)

    def _find(self, kind: str, name: str) -> Any:
        known = getattr(self, kind)
        if name not in known:
            raise InputError(
                f"no {kind[:-1]} is called {name!r}.{did_you_mean(name, known)} `harness list {kind}` shows all."
            )
        return known[name]


def _import_file(path: Path) -> Any:
    if not path.is_file():
        raise InputError(f"plugin {path} is not a file")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise InputError(f"plugin {path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InputError(f"plugin {path} cannot be imported: {type(error).__name__}: {error}") from error
    return module
