"""Find models, tasks and datasets by name: built in, from entry points, or from a plugin file.

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

import hashlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from harness.adapter import ModelAdapter, ModelFactory, ModelOptions
from harness.errors import HarnessError, InputError, did_you_mean
from harness.names import Kind, fault_of_name
from harness.twins import random_twin

if TYPE_CHECKING:
    from harness.datasets.records import Dataset
    from harness.task import Task

_PLUGIN_ATTRIBUTES = {"models": "MODELS", "tasks": "TASKS", "datasets": "DATASETS"}
_KINDS: dict[str, Kind] = {"models": "model", "tasks": "task", "datasets": "dataset"}


@dataclass
class Registry:
    """What this installation knows, by name; ``origins`` says which provider the name of a kind is from."""

    models: dict[str, ModelFactory] = field(default_factory=dict)
    tasks: dict[str, Callable[[], Task]] = field(default_factory=dict)
    datasets: dict[str, Callable[[], Dataset]] = field(default_factory=dict)
    origins: dict[tuple[str, str], str] = field(default_factory=dict)

    @classmethod
    def discover(cls, plugins: Iterable[Path] = ()) -> Registry:
        """Read the entry points of all installed packages, then the plugin files.

        Raises:
            InputError: a plugin cannot be imported or defines something else than mappings from names to factories,
                or a name cannot be used or is taken twice.
        """
        registry = cls()
        for kind in _PLUGIN_ATTRIBUTES:
            for entry in entry_points(group=f"harness.{kind}"):
                try:
                    provided = entry.load()
                except KeyboardInterrupt:
                    raise
                except BaseException as error:  # sys.exit included
                    reason = _reason(error)
                    raise InputError(
                        f"entry point {entry.value} cannot be loaded: {reason}; uninstall its package"
                    ) from error
                registry._add(kind, provided, entry.value)
        for path in {path.resolve(): path for path in plugins}.values():
            module = _import_file(path)
            mappings = {kind: getattr(module, name, {}) for kind, name in _PLUGIN_ATTRIBUTES.items()}
            for kind, mapping in mappings.items():
                registry._add(kind, mapping, f"plugin {path}")
            if not any(mappings.values()):
                raise InputError(f"plugin {path} defines none of {', '.join(_PLUGIN_ATTRIBUTES.values())}")
        return registry

    def _add(self, kind: str, mapping: Mapping[str, Any], origin: str) -> None:
        provided, singular = _PLUGIN_ATTRIBUTES[kind], _KINDS[kind]
        if not isinstance(mapping, Mapping):
            raise InputError(f"{origin}: {provided} is a {type(mapping).__name__}, not a mapping from names")
        known = getattr(self, kind)
        # on some disks, names that differ in nothing but case are one folder
        taken = {name.lower(): name for name in known}
        for name, factory in mapping.items():
            if not isinstance(name, str):
                raise InputError(f"{origin}: {provided} names a {singular} {name!r}, which is not text")
            if fault := fault_of_name(singular, name):
                raise InputError(f"{origin}: {fault}")
            if not callable(factory):
                raise InputError(
                    f"{origin}: the {singular} {name!r} is a {type(factory).__name__}, not a callable factory"
                )
            if (other := taken.get(name.lower())) is not None:
                raise InputError(
                    f"{origin} registers the {singular} {name!r}, which is already registered by "
                    f"{self.origins[kind, other]}"
                )
            known[name] = factory
            taken[name.lower()] = name
            self.origins[kind, name] = origin

    def model(self, name: str, options: ModelOptions = ModelOptions()) -> ModelAdapter:  # noqa: B008  (immutable)
        """The adapter of ``NAME``, ``NAME:random`` or ``NAME:random:INITIALISATION``; reads no weights."""
        base, colon, argument = name.partition(":")
        if base + colon in self.models and colon:
            adapter: ModelAdapter = self._made(
                "models", base + colon, ModelAdapter, replace(options, argument=argument)
            )
            return adapter
        base, *variant = name.split(":")
        if variant and (variant[0] != "random" or fault_of_name("model", name)):
            raise InputError(f"{name!r} is not a model name: write NAME, NAME:random or NAME:random:1")
        adapter = self._made("models", base, ModelAdapter, options)
        return random_twin(adapter, int(variant[1]) if len(variant) == 2 else 0) if variant else adapter

    def task(self, name: str) -> Task:
        from harness.task import Task

        task: Task = self._made("tasks", name, Task)
        return task

    def dataset(self, name: str) -> Dataset:
        """A named set, a path, or a path below ``$HARNESS_DATA``."""
        from harness.datasets.records import Dataset
        from harness.datasets.resolve import load_dataset

        if name not in self.datasets:
            return load_dataset(name, taken=self.datasets)
        dataset: Dataset = self._made("datasets", name, Dataset)
        return dataset

    def _made(self, kind: str, name: str, wanted: type[Any], options: ModelOptions | None = None) -> Any:
        """What the factory of this name creates; its faults become one line that names their origin."""
        factory = self._find(kind, name)
        origin = self.origins.get((kind, name), "this session")
        called = f"{_KINDS[kind]} {name!r} of {origin}"
        try:
            made: Any = factory(options) if options is not None else factory()
        except (HarnessError, KeyboardInterrupt):
            raise
        except BaseException as error:  # sys.exit included
            raise InputError(f"{called} cannot be created: {_reason(error)}") from error
        if not isinstance(made, wanted):
            raise InputError(f"{called} creates a {type(made).__name__}, not a {wanted.__name__}")
        card_name = made.card.name
        if fault := fault_of_name(_KINDS[kind], card_name):
            raise InputError(f"{called}: {fault}")
        base = card_name.partition(":random")[0]
        taken_by = self.origins.get((kind, base))
        # one provider may give a thing two names; what an argument such as a folder says is no provider
        if taken_by is not None and base != name and (taken_by != origin or name.endswith(":")):
            source = options.argument if options is not None and options.argument else called
            raise InputError(f"{source} has the name {card_name!r}, already registered by {taken_by}: rename it")
        return made

    def _find(self, kind: str, name: str) -> Any:
        known = getattr(self, kind)
        if name not in known:
            raise InputError(
                f"no {kind[:-1]} is called {name!r}.{did_you_mean(name, known)} `harness list {kind}` lists all."
            )
        return known[name]


def _import_file(path: Path) -> Any:
    if not path.is_file():
        raise InputError(f"plugin {path} is not a file")
    # unlike any installed module's name, and the same in every process
    name = f"harness_plugin_{hashlib.sha256(str(path.resolve()).encode(errors='surrogateescape')).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"plugin {path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # dataclasses and pickle look a class's module up by its name
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:  # sys.exit included
        del sys.modules[name]
        if isinstance(error, KeyboardInterrupt):
            raise
        raise InputError(f"plugin {path} cannot be imported: {_reason(error)}") from error
    return module


def _reason(error: BaseException) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    if isinstance(error, SystemExit):
        return f"it ends the program (sys.exit({error.code!r}))"
    return f"{type(error).__name__}: {error}"
