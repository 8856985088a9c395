"""The RNAs of structure-f1: validation chooses the head, test scores it, train widens a second selection."""

from __future__ import annotations

from harness.adapter import ModelAdapter
from harness.datasets.records import Dataset
from harness.progress import QUIET, Progress
from tasks.structure.data import StructureData, split_rnas
from tasks.structure_f1.settings import StructureF1Settings


def prepare(
    dataset: Dataset, model: ModelAdapter, settings: StructureF1Settings, progress: Progress = QUIET
) -> StructureData:
    """See :func:`tasks.structure.data.split_rnas`."""
    return split_rnas(dataset, model, settings, "structure-f1", settings.train_records, progress)
