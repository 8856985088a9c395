"""Turn a request into the cells of a run: resolve names, check settings, add controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_origin

from pydantic import ValidationError

from harness.adapter import ModelAdapter, ModelOptions
from harness.datasets.resolve import FAMILY
from harness.errors import InputError, NotApplicable, did_you_mean
from harness.run.spec import CellSpec, Resolver
from harness.task import LayerSettings, SeedSettings, Task, TaskCard, TaskSettings


@dataclass(frozen=True)
class Request:
    """What ``harness run`` was asked for, as typed: ``layers`` as in ``0,6-12`` or ``all``, ``seeds`` as in ``0,1``.

    ``family`` is the pattern of the families in headers or ids, for datasets that are files.
    """

    models: Sequence[str]
    tasks: Sequence[str]
    datasets: Sequence[str] = ()
    layers: str | None = None
    seeds: str | None = None
    family: str | None = None
    limit: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    options: ModelOptions = field(default_factory=ModelOptions)
    floors: bool = True


def plan(request: Request, resolver: Resolver) -> list[CellSpec]:
    """The cells of a request, the model asked for before its controls, without repeats.

    Lengths are narrowed to what a model takes, for its controls alike: a control of models that take different lengths
    becomes a cell for each.

    Raises:
        InputError: an unknown name, setting or layer, or a dataset that cannot be read.
        Unavailable: a dataset that is not on this machine.
    """
    if request.options.weights is not None:
        if len(request.models) != 1:
            raise InputError("--weights applies to one model; give a single --model")
        request = replace(request, options=replace(request.options, weights=request.options.weights.absolute()))
    tasks = [resolver.task(name) for name in request.tasks]
    adapters = {name: resolver.model(name, request.options) for name in request.models}
    if request.layers is not None and all(adapter.card.layers is None for adapter in adapters.values()):
        raise InputError(f"--layer: {', '.join(adapters)} has no layers to choose from; omit --layer")
    specs: dict[tuple[str, str, str, TaskSettings], CellSpec] = {}
    for task in tasks:
        for dataset_name in request.datasets or [task.card.default_dataset]:
            dataset = _anywhere(dataset_name, resolver)
            if request.family is not None:
                dataset += FAMILY + request.family
            # settings and layers are refused before a large dataset is read
            own = {name: _settings(task, adapters[name], request) for name in request.models}
            floors = _floors(task.card_on(resolver.dataset(dataset)), adapters, resolver, request)
            own |= {name: _settings(task, adapters[name], request) for name in floors}

            def spec(
                name: str,
                settings: TaskSettings,
                control_of: Sequence[CellSpec] = (),
                task: Task = task,
                dataset: str = dataset,
            ) -> CellSpec:
                values = settings.model_dump()
                layers, seeds, limit = (values.pop(typed, None) for typed in ("layers", "seeds", "limit"))
                return CellSpec(
                    name,
                    task.card.name,
                    dataset,
                    values,
                    layers,
                    seeds,
                    limit,
                    request.options,
                    resolver.plugins,
                    tuple(control_of),
                )

            asked_for: dict[str, CellSpec] = {}
            for name in request.models:
                settings = own[name].narrowed_to(adapters[name].card)
                asked_for[name] = spec(name, settings)
                specs[task.card.name, dataset, name, settings] = asked_for[name]
            for name, models in floors.items():
                beside: dict[TaskSettings, list[CellSpec]] = {}
                for asked in models:
                    settings = own[name].narrowed_to(adapters[asked].card).narrowed_to(adapters[name].card)
                    beside.setdefault(settings, []).append(asked_for[asked])
                for settings, controlled in beside.items():
                    # a floor that is asked for by name is no control of others
                    specs.setdefault((task.card.name, dataset, name, settings), spec(name, settings, controlled))
    return list(specs.values())


def _anywhere(dataset: str, resolver: Resolver) -> str:
    """A name as it is; a path so that it means the same file whatever folder a process works in."""
    path = Path(dataset).expanduser()
    return str(path.absolute()) if dataset not in resolver.registry.datasets and path.exists() else dataset


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
    card: TaskCard, adapters: dict[str, ModelAdapter], resolver: Resolver, request: Request
) -> dict[str, list[str]]:
    """Names of the task's floors, and of the models asked for that each is a floor of; adapters are added."""
    floors: dict[str, list[str]] = {}
    if not request.floors:
        return floors
    for asked in request.models:
        for template in card.floors:
            if "{model}" in template and asked.partition(":")[2]:
                continue  # a random twin is its own control
            name = template.format(model=asked)
            if name not in adapters:
                try:
                    adapters[name] = resolver.model(name, request.options)
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
    if request.seeds is not None and not issubclass(task.settings_type, SeedSettings):
        raise InputError(f"{task.card.name} takes no --seed")
    if request.layers is not None and not issubclass(task.settings_type, LayerSettings):
        raise InputError(f"{task.card.name} takes no --layer")
    if request.limit is not None:
        values["limit"] = request.limit
    if request.seeds is not None:
        values["seeds"] = request.seeds.split(",")
    # a model may have no layers to choose from: k-mer counts beside an encoder
    if request.layers is not None and model.card.layers is not None:
        values["layers"] = parse_layers(request.layers, model)
    try:
        settings = task.settings_type(**values)
        if settings.long == "window" and not task.card.windows:
            raise InputError(
                f"{task.card.name} reads every sequence as a whole, so long=window does not apply: omit --long"
            )
        if not isinstance(settings, LayerSettings) or model.card.layers is None:
            return settings
        resolved = tuple(dict.fromkeys(model.resolve_layer(layer) for layer in settings.layers))
        return settings.model_copy(update={"layers": resolved})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "settings"
        given = f", not {first['input']!r}" if isinstance(first["input"], str | int | float) else ""
        raise InputError(f"{task.card.name}: {where}: {first['msg']}{given}") from None


def takes_list(annotation: Any) -> bool:
    """Whether commas in the text of a setting separate parts of one value."""
    return get_origin(annotation) is tuple


def _value(text: str, annotation: Any) -> Any:
    if text.lower() == "none":
        return None
    return text.split(",") if takes_list(annotation) else text
