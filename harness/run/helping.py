"""Workers without a cell embed what running cells read; states pass through the activation store, and only there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from harness.adapter import ModelOptions
from harness.compute.memory import free_memory
from harness.errors import HarnessError
from harness.progress import Progress
from harness.run.cell import Cell
from harness.run.fits import bytes_to_load
from harness.run.reading import FOLDER, behind_store
from harness.run.spec import Planned, Resolver

if TYPE_CHECKING:
    from harness.activations.stored_model import StoredModel

SECONDS_BETWEEN_LOOKS = 0.1


@dataclass(frozen=True)
class Help:
    """A cell that can be helped: its model by name, and where it offers what it reads."""

    model: str
    options: ModelOptions
    offers: Path


class Helpers(NamedTuple):
    """The cells that can be helped, by their place in the plan, and how many workers may be at them at once."""

    helps: Mapping[int, Help]
    most: int


def helpers(
    planned: Sequence[Planned], results: Path, device: str, workers: int, force: bool, progress: Progress
) -> Helpers:
    """Who may help whom; says so where workers stay idle for want of a store or of memory."""
    from harness.activations.store import LIMIT_VARIABLE, store_limit

    found = {number: own for number, own in enumerate(_help_with(own, results) for own in planned) if own is not None}
    spare = workers - len(planned)
    if force or not found:
        return Helpers({}, 0)
    if not store_limit():
        if spare > 0:
            progress.notice(
                f"{spare} of {workers} workers have no cell: set {LIMIT_VARIABLE}=100GB to let them help to embed "
                "(docs/cluster.md)"
            )
        return Helpers({}, 0)
    most = min(workers, *(_copies_that_fit(planned[number].cell, device, workers) for number in found))
    if spare > 0 and most < workers:
        progress.notice(
            f"{max(most, len(planned))} of {workers} workers start: memory has room for {most} times the weights"
        )
    return Helpers(found, most)


def _help_with(own: Planned, results: Path) -> Help | None:
    """None for a cell that reads no hidden states, or whose model's states are not stored."""
    from harness.activations.stored_model import is_stored

    needs = own.cell.task.card
    if "hidden_states" not in needs.requires | needs.requires_any or not is_stored(own.cell.model):
        return None
    return None if own.cell.impossible else Help(own.spec.model, own.spec.options, own.cell.work(results) / FOLDER)


def _copies_that_fit(cell: Cell, device: str, workers: int) -> int:
    """How many workers can hold the weights; on GPUs, where each has its own, all of them."""
    room, size = free_memory(), bytes_to_load(cell, device)
    return workers if room is None or not size or device.startswith("cuda") else room // size


def embed_for(helps: Sequence[Help], resolver: Resolver, device: str, progress: Progress) -> NoReturn:
    """Embed a part of whatever the cells offer, for as long as the process lives: whoever started it ends it."""
    seen: set[Path] = set()
    _try(helps[0], lambda: _behind_store(helps[0], resolver, device, progress).get_ready(), progress)
    while True:
        for own in helps:
            for path in sorted(set(own.offers.glob("*.json")) - seen):
                seen.add(path)
                _try(own, partial(_embed, own, path, resolver, device, progress), progress)
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _try(own: Help, help_it: Callable[[], None], progress: Progress) -> None:
    """What cannot be done here is left to the cell."""
    try:
        help_it()
    except Exception as error:
        line = str(error) if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}"
        progress.notice(f"{own.model}: a worker could not help to embed: {line}")


def _behind_store(own: Help, resolver: Resolver, device: str, progress: Progress) -> StoredModel:
    from harness.activations.stored_model import StoredModel

    model = resolver.model(own.model, own.options)
    resolver.unload_others(model)
    stored = behind_store(model, own.offers, progress.notice)
    assert isinstance(stored, StoredModel)
    stored.load(device)
    return stored


def _embed(own: Help, path: Path, resolver: Resolver, device: str, progress: Progress) -> None:
    from harness.activations.offer import Offer

    stored = _behind_store(own, resolver, device, progress)
    try:
        offer = Offer(path)
    except OSError:
        return  # withdrawn meanwhile
    with closing(offer):
        stored.embed(offer)
