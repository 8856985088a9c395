"""From what the user typed to cells: names resolved, settings checked, controls added."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_origin

from pydantic import ValidationError

from harness.adapter import ModelAdapter, ModelOptions
from harness.errors import InputError, NotApplicable, did_you_mean
from harness.registry import Registry
from harness.run.cell import Cell
from harness.task import Task, TaskSettings


@dataclass(frozen=True)
class Request:
    """What ``harness run`` was asked for. ``settings`` holds texts as typed, ``layers`` as in ``0,6-12`` or ``all``."""

    models: Sequence[str]
    tasks: Sequence[str]
    datasets: Sequence[str] = ()
    layers: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    options: ModelOptions = field(default_factory=ModelOptions)
    floors: bool = True


def plan(request: Request, registry: Registry) -> list[Cell]:
    """The cells of a request, the model asked for before its controls, without repeats.

    Lengths are narrowed to what a model takes, for its controls alike: a control of models that take different lengths
    becomes a cell for each.

    Raises:
        InputError: an unknown name, setting or layer, or a dataset that cannot be read.
        Unavailable: a dataset that is not on this machine.
    """
    if request.options.weights is not None and len(request.models) != 1:
        raise InputError("--weights belongs to one model; name a single --model")
    tasks = [registry.task(name) for name in request.tasks]
    adapters = {name: registry.model(name, request.options) for name in request.models}
    if request.layers is not None and all(adapter.card.layers is None for adapter in adapters.values()):
        raise InputError(f"--layer: {', '.join(adapters)} has no layers to choose from; leave it out")
    cells: dict[tuple[str, str, str, TaskSettings], Cell] = {}
    loaded: dict[str, Any] = {}
    for task in tasks:
        for dataset_name in request.datasets or [task.card.default_dataset]:
            floors = _floors(task, adapters, registry, request)
            # settings and layers are refused before a large dataset is read
            own = {name: _settings(task, adapters[name], request) for name in [*request.models, *floors]}
            if dataset_name not in loaded:
                loaded[dataset_name] = registry.dataset(dataset_name)
            asked_for: dict[str, Cell] = {}
            for name in request.models:
                settings = own[name].narrowed_to(adapters[name].card)
                asked_for[name] = Cell(adapters[name], task, loaded[dataset_name], settings, request.options)
                cells[task.card.name, dataset_name, name, settings] = asked_for[name]
            for name, models in floors.items():
                beside: dict[TaskSettings, list[Cell]] = {}
                for asked in models:
                    settings = own[name].narrowed_to(adapters[asked].card).narrowed_to(adapters[name].card)
                    beside.setdefault(settings, []).append(asked_for[asked])
                for settings, controlled in beside.items():
                    cell = Cell(
                        adapters[name], task, loaded[dataset_name], settings, request.options, tuple(controlled)
                    )
                    # a floor that is asked for by name is no control of others
                    cells.setdefault((task.card.name, dataset_name, name, settings), cell)
    return list(cells.values())


def parse_layers(text: str, model: ModelAdapter) -> tuple[int, ...]:
    """``0,6-12,-1`` or ``all`` as sorted layer numbers of this model.

    Raises:
        InputError: not a list of layers, or a layer that the model does not have.
    """
    if text.strip() == "all":
        if model.card.layers is None:
            raise NotApplicable(f"{model.card.name} has no layers")
        return tuple(range(model.card.layers + 1))
    layers: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-") if not part.strip().startswith("-") else (part.strip(), "", "")
        try:
            numbers = range(int(first), int(last) + 1) if dash else [int(first)]
        except ValueError:
            raise InputError(f"--layer {text!r} is not a list of layers such as 0,6-12 or all") from None
        if not numbers:
            raise InputError(f"--layer {part.strip()!r} is an empty range")
        layers.update(model.resolve_layer(number) for number in numbers)
    return tuple(sorted(layers))


def _floors(
    task: Task, adapters: dict[str, ModelAdapter], registry: Registry, request: Request
) -> dict[str, list[str]]:
    """Names of the task's floors, and of the models asked for that each is a floor of; adapters are added."""
    floors: dict[str, list[str]] = {}
    if not request.floors:
        return floors
    for asked in request.models:
        for template in task.card.floors:
            if "{model}" in template and asked.partition(":")[2]:
                continue  # a random twin is its own control
            name = template.format(model=asked)
            if name not in adapters:
                try:
                    adapters[name] = registry.model(name, request.options)
                except NotApplicable:
                    continue  # a model without weights has no random twin
            if name != asked:
                floors.setdefault(name, []).append(asked)
    return floors


def _settings(task: Task, model: ModelAdapter, request: Request) -> TaskSettings:
    fields = task.settings_type.model_fields
    values: dict[str, Any] = {}
    for name, text in request.settings.items():
        if name not in fields:
            known = ", ".join(fields)
            raise InputError(f"{task.card.name} has no setting {name!r}.{did_you_mean(name, fields)} It has: {known}")
        values[name] = _value(text, fields[name].annotation)
    if "layers" in fields:
        # a model may have no layers to choose from: k-mer counts beside an encoder
        if request.layers is not None and model.card.layers is not None:
            values["layers"] = parse_layers(request.layers, model)
    elif request.layers is not None:
        raise InputError(f"{task.card.name} takes no --layer")
    try:
        settings = task.settings_type(**values)
        layers: Iterable[int] | None = getattr(settings, "layers", None)
        if layers is None or model.card.layers is None:
            return settings
        resolved = tuple(dict.fromkeys(model.resolve_layer(layer) for layer in layers))
        return settings.model_copy(update={"layers": resolved})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "settings"
        given = f", not {first['input']!r}" if isinstance(first["input"], str | int | float) else ""
        raise InputError(f"{task.card.name}: {where}: {first['msg']}{given}") from None


def _value(text: str, annotation: Any) -> Any:
    if text.lower() == "none":
        return None
    return text.split(",") if get_origin(annotation) is tuple else text
