"""What a run will need that is not in the package: found, measured, fetched and verified before it starts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from harness.adapter import ModelAdapter
from harness.datasets import hub as dataset_hub
from harness.datasets.manifest import check_hash, manifests
from harness.datasets.resolve import find_file, hub_identifier, local_file
from harness.errors import Unavailable
from harness.registry import Registry
from harness.storage.hub import Kind, cached, fetch, hub_reachable, remove_damaged, sizes
from harness.storage.sizes import readable
from harness.storage.weights import PATTERNS, tensor_shapes


@dataclass(frozen=True)
class Need:
    """One model or dataset. ``size`` is what it takes on the hub, in bytes; 0 where nothing is to be fetched."""

    kind: str
    name: str
    licence: str
    state: str
    size: int
    get: Callable[[], str]
    """Fetch what is missing and verify all of it; what was verified, in words. Raises HarnessError."""


def needs(registry: Registry, models: Iterable[str], tasks: Iterable[str], datasets: Iterable[str]) -> list[Need]:
    """What models and tasks need: weights, and the datasets named or, without any, those of the tasks.

    Raises:
        InputError: an unknown name.
    """
    cards = [registry.task(name).card for name in tasks]
    own = [name for card in cards for name in (card.default_dataset, card.real_dataset) if name]
    adapters = [registry.model(name) for name in models]
    answers = cache(hub_reachable)  # asked once: a hub that does not answer takes seconds
    return [
        *(_model(adapter, answers) for adapter in adapters),
        *(_dataset(registry, name, answers) for name in dict.fromkeys([*datasets] or own)),
    ]


def check_room(found: Iterable[Need]) -> None:
    """Refuse before anything is fetched what does not fit.

    Raises:
        Unavailable: the disk of the hub cache has too little room.
    """
    from huggingface_hub import constants

    cache = Path(constants.HF_HUB_CACHE)
    place = next(folder for folder in (cache, *cache.parents) if folder.exists())
    needed, free = sum(need.size for need in found), shutil.disk_usage(place).free
    if needed > free:
        raise Unavailable(
            f"{readable(needed)} to fetch, but {readable(free)} free in {cache}: "
            "free some space, or set HF_HOME to another disk"
        )


def _model(adapter: ModelAdapter, answers: Callable[[], bool]) -> Need:
    card = adapter.card
    here = adapter.available()

    def get() -> str:
        if here and card.hub_id is not None:
            _check_cached(card.hub_id, card.revision, PATTERNS, "model")
        adapter.identity()  # finds, or fetches, the weights and reads every byte of them
        folder = adapter.weights_folder()
        if folder is None:
            return "needs no weights"
        tensors = tensor_shapes(folder)
        return f"{len(tensors):,} tensors verified in {folder}"

    if here or card.hub_id is None:
        return Need("model", card.name, card.licence, _here(here), 0, get)
    return _on_the_hub(
        Need("model", card.name, card.licence, "", 0, get), card.hub_id, card.revision, PATTERNS, answers
    )


def _dataset(registry: Registry, name: str, answers: Callable[[], bool]) -> Need:
    manifest = manifests().get(name)
    identifier = hub_identifier(manifest) if manifest else None
    licence = manifest.licence if manifest else "unknown"
    if manifest and manifest.embedded:
        return Need("dataset", name, licence, "ships with the package", 0, lambda: "part of the package")
    if manifest and (file := local_file(manifest)) is not None:

        def compare() -> str:
            check_hash(file, manifest)
            return f"SHA-256 verified of {file}"

        return Need("dataset", name, licence, "here", 0, compare)
    unknown = manifest is None and name not in registry.datasets and find_file(name) is None
    if unknown and name.count("/") == 1 and not name.startswith((".", "~", "/")):
        identifier = name
    if identifier is None:

        def read() -> str:  # a set of a plugin, a path, a file that is missing, or no name at all: reading it says so
            return f"{len(registry.dataset(name).records):,} records read"

        factory = registry.datasets.get(name)
        card, available = getattr(factory, "card", None), getattr(factory, "available", None)
        present = (
            available() if available else manifest is None and (factory is not None or find_file(name) is not None)
        )
        return Need("dataset", name, card.licence if card else licence, _here(present), 0, read)
    here = dataset_hub.is_cached(identifier)

    def get() -> str:
        if here:
            _check_cached(identifier, None, dataset_hub.FILES, "dataset")
        folder = cached(identifier, None, dataset_hub.FILES, "dataset")
        if folder is None:
            folder = fetch(identifier, None, dataset_hub.FILES, "dataset")
        return f"checksums verified in {folder}"

    need = Need("dataset", name, licence, "here", 0, get)
    return need if here else _on_the_hub(need, identifier, None, dataset_hub.FILES, answers)


def _here(here: bool) -> str:
    return "here" if here else "not on this machine"


def _check_cached(identifier: str, revision: str | None, patterns: list[str], kind: Kind) -> None:
    """Files of the cache that are not what the hub gave are fetched again."""
    folder = cached(identifier, revision, patterns, kind)
    if folder is None:
        return
    try:
        remove_damaged(folder)
    except ValueError:
        fetch(identifier, revision, patterns, kind)


def _on_the_hub(
    need: Need, identifier: str, revision: str | None, patterns: list[str], answers: Callable[[], bool]
) -> Need:
    """The need with its size on the hub or, where the hub does not say, with the reason in place of what gets it."""
    from huggingface_hub import constants

    kind: Kind = "model" if need.kind == "model" else "dataset"
    try:
        if not answers():
            why = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else f"{constants.ENDPOINT} cannot be reached"
            option = "--repo-type dataset " if kind == "dataset" else ""
            raise Unavailable(
                f"{need.kind} {need.name} is not on this machine and {why}: run `hf download {option}{identifier}` "
                f"on a networked machine, and copy {os.path.dirname(constants.HF_HUB_CACHE)} here"
            )
        total = sum(sizes(identifier, revision, patterns, kind).values())
    except Unavailable as error:
        reason = error

        def refuse() -> str:
            raise reason

        return replace(need, state="not to be had", get=refuse)
    return replace(need, state=f"{identifier} at {revision or 'main'}", size=total)
