"""What this machine can run, and what to type for what is missing. Imports torch only to ask it for GPUs."""

from __future__ import annotations

import importlib.util
import os
import platform
import shlex
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from harness.compute.device import usable_cores
from harness.compute.memory import machine_memory
from harness.datasets.resolve import data_folder, dataset_cards
from harness.registry import Registry
from harness.run.environment import package_versions
from harness.storage.cache import cache_folder
from harness.storage.hub import hub_reachable
from harness.storage.sizes import readable

MOST_NAMES = 4


class Tool(NamedTuple):
    """An optional package; ``extra`` is the one of this package that installs it."""

    name: str
    module: str
    extra: str


TOOLS = (
    Tool("ViennaRNA", "RNA", "vienna"),
    Tool("memelite", "memelite", "motifs"),
    Tool("datasets", "datasets", "hub"),
    Tool("h5py", "h5py", "hdf5"),
)


class Line(NamedTuple):
    """``to_do`` is what to type where something is missing, else empty."""

    what: str
    found: str
    to_do: str = ""


def describe_machine(registry: Registry) -> list[Line]:
    """One line for each thing a run depends on."""
    return [
        _software(),
        _device(),
        Line("memory", _memory()),
        _folder("cache", cache_folder(), "export HARNESS_CACHE=FOLDER"),
        _hub_cache(),
        _hub(),
        _weights(registry),
        *_datasets(registry),
        *_tasks(registry),
        *_tools(),
    ]


def _software() -> Line:
    versions = package_versions()
    named = [f"{name} {versions[name]}" for name in ("rna-harness", "torch", "multimolecule") if name in versions]
    missing = "" if "torch" in versions else "pip install torch"
    return Line("software", ", ".join([*named, f"Python {platform.python_version()}"]), missing)


def _device() -> Line:
    cores = f"{usable_cores()} CPU cores"
    if importlib.util.find_spec("torch") is None:
        return Line("device", cores)
    import torch

    gpus = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    if not gpus:
        return Line("device", f"{cores}, no GPU{'' if torch.version.cuda else ' (torch without CUDA)'}")
    told = ", ".join(f"{gpu.name} with {readable(gpu.total_memory)}" for gpu in gpus)
    return Line("device", f"{cores}, {told}")


def _memory() -> str:
    if (sizes := machine_memory()) is not None:
        return f"{readable(sizes.total)}, {readable(sizes.available)} available"
    return readable(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def _folder(what: str, folder: Path, to_do: str) -> Line:
    place = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = readable(shutil.disk_usage(place).free)
    try:
        tempfile.TemporaryFile(dir=place).close()
    except OSError as error:
        return Line(what, f"{folder}: cannot be written ({error.strerror})", to_do)
    return Line(what, f"{folder}, {free} free")


def _hub_cache() -> Line:
    from huggingface_hub import constants

    return _folder("hub cache", Path(constants.HF_HUB_CACHE), "export HF_HOME=FOLDER")


def _hub() -> Line:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return Line("hub", "not asked: HF_HUB_OFFLINE is set", "unset HF_HUB_OFFLINE")
    if hub_reachable():
        return Line("hub", f"{constants.ENDPOINT} answers")
    return Line("hub", f"{constants.ENDPOINT} does not answer", "export HF_ENDPOINT=URL, or copy the hub cache here")


def _weights(registry: Registry) -> Line:
    # names that end in a colon take an argument, and aliases are the same model
    named = [registry.model(name) for name in registry.models if not name.endswith(":")]
    adapters = {adapter.card.name: adapter for adapter in named if adapter.card.role == "model"}
    here = sorted(name for name, adapter in adapters.items() if adapter.available())
    found = f"{len(here)} of {len(adapters)} models: {_listed(here)}"
    return Line("weights", found, "harness prefetch --model NAME" if len(here) < len(adapters) else "")


def _datasets(registry: Registry) -> list[Line]:
    here = {card.name: available for card, available in dataset_cards()}
    for name, factory in registry.datasets.items():
        available: Callable[[], bool] | None = getattr(factory, "available", None)
        here.setdefault(name, available is None or available())
    present = sorted(name for name, available in here.items() if available)
    folder = data_folder()
    if folder is None:
        place = Line("data folder", "HARNESS_DATA is not set", "export HARNESS_DATA=FOLDER (docs/data.md)")
    elif not folder.is_dir():
        place = Line("data folder", f"{folder} does not exist", f"mkdir -p {shlex.quote(str(folder))}")
    else:
        place = Line("data folder", str(folder))
    to_do = "harness prefetch --dataset NAME" if len(present) < len(here) else ""
    return [place, Line("datasets", f"{len(present)} of {len(here)} (harness list datasets)", to_do)]


def _tasks(registry: Registry) -> list[Line]:
    """Tasks whose datasets are all here, then each missing dataset with the tasks that ask for it."""
    here = {card.name: available for card, available in dataset_cards()}
    complete: list[str] = []
    lacking: dict[str, list[str]] = {}
    for name in sorted(registry.tasks):
        card = registry.task(name).card
        missing = {
            dataset for dataset in (card.default_dataset, card.real_dataset) if not here.get(dataset or "", True)
        }
        for dataset in sorted(filter(None, missing)):
            lacking.setdefault(dataset, []).append(name)
        if not missing:
            complete.append(name)
    return [Line("tasks", f"all datasets here: {', '.join(complete) or 'none'}")] + [
        Line("", f"{dataset} is missing ({', '.join(names)})", f"harness prefetch --dataset {dataset}")
        for dataset, names in lacking.items()
    ]


def _tools() -> list[Line]:
    missing = [tool for tool in TOOLS if importlib.util.find_spec(tool.module) is None]
    here = Line("tools", _listed([tool.name for tool in TOOLS if tool not in missing]))
    if not missing:
        return [here]
    extras = ",".join(tool.extra for tool in missing)
    return [
        here,
        Line("", f"missing: {_listed([tool.name for tool in missing])}", f"pip install 'rna-harness[{extras}]'"),
    ]


def _listed(names: list[str]) -> str:
    more = len(names) - MOST_NAMES
    return (", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")) or "none"
