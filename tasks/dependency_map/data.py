"""The RNAs of dependency-map, and their mirror images."""

from __future__ import annotations

from dataclasses import replace

from harness.adapter import ModelAdapter
from harness.datasets.records import Dataset
from harness.progress import QUIET, Progress
from tasks.dependency_map.settings import DependencyMapSettings
from tasks.structure.data import Rna, StructureData, split_rnas


def prepare(
    dataset: Dataset, model: ModelAdapter, settings: DependencyMapSettings, progress: Progress = QUIET
) -> StructureData:
    """See :func:`tasks.structure.data.split_rnas`; no RNA of the training split is used."""
    return split_rnas(dataset, model, settings, "dependency-map", progress=progress)


def mirrored(rna: Rna, model: ModelAdapter) -> Rna:
    """The RNA read from its 3' end, with its base pairs where they come to lie.

    Composition, complementary segments and distances stay; nature made no such RNA, so nothing was learned of it.
    """
    record, last = rna.record, rna.length - 1
    sequence = record.sequence[::-1]
    pairs = tuple(sorted((last - j, last - i) for i, j in record.pairs or ()))
    image = replace(record, sequence=sequence, pairs=pairs, given_loop_types=None, alignment=None)
    return Rna(image, model.token_of(sequence))
