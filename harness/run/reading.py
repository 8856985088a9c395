"""A model as a cell reads it: behind the activation store, and in windows where that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from harness.adapter import ModelAdapter
from harness.progress import Progress
from harness.run.environment import package_versions
from harness.task import TaskSettings

if TYPE_CHECKING:
    from harness.datasets.records import Dataset

FOLDER = "offers"
"""Below the partial state of a cell: calls of its model that other processes may embed a part of."""


def as_read(model: ModelAdapter, settings: TaskSettings, offers: Path, progress: Progress, force: bool) -> ModelAdapter:
    """The model behind the store and, where asked for, with windows: what is stored are states of windows."""
    model = behind_store(model, offers, progress.message, force)
    if settings.long == "skip":
        return model
    from harness.activations.windowed import in_windows

    return in_windows(model)


def behind_store(model: ModelAdapter, offers: Path, tell: Callable[[str], None], force: bool = False) -> ModelAdapter:
    """The model behind the activation store, where the user has one; whoever forces a run wants the model to run.

    Without a store, models read sequences in batches, which is faster on a CPU.
    """
    from harness.activations.store import ActivationStore, store_folder, store_limit
    from harness.activations.stored_model import with_store

    if not (limit := store_limit()):
        return model
    return with_store(model, ActivationStore(store_folder(), 0 if force else limit, tell), package_versions(), offers)


def notes_on_windows(model: ModelAdapter, dataset: Dataset, settings: TaskSettings) -> list[str]:
    """A note on the sequences that were read in windows; of the dataset, so that a run that resumes says the same."""
    limit, longest = model.card.max_length, settings.longest
    if settings.long == "skip" or limit is None or limit >= longest:
        return []
    count = sum(limit < len(record.sequence) <= longest for record in dataset.records)
    return [
        f"sequences over the {limit:,} nt that {model.card.name} takes ({count:,} in the dataset) were read in "
        "windows that overlap by half, each nucleotide in the one where it lies farthest from an end"
    ]
