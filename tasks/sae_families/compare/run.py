"""One run of ``harness compare-groups``: what it reads, and what it writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from harness.activations.windowed import in_windows
from harness.adapter import ModelAdapter, ModelOptions
from harness.datasets.records import Dataset
from harness.errors import InputError, NotApplicable
from harness.progress import Progress
from harness.registry import Registry
from harness.result import ResultRecord
from harness.sequences.shuffle import dinucleotide_shuffle
from harness.storage.files import write_text
from harness.task import CellContext
from harness.twins import random_twin
from tasks.common import subject as picture_subject
from tasks.levels import levels_of
from tasks.sae.annotate.meanings import record_of
from tasks.sae.autoencoder.model import SparseAutoencoder
from tasks.sae_families.compare.comparison import SAE, TWIN, Comparison, compare
from tasks.sae_families.compare.data import ComparedFamilies, compared_families
from tasks.sae_families.compare.groups import two_groups
from tasks.sae_families.compare.pictures import draw
from tasks.sae_families.compare.report import Subject, page, print_comparison
from tasks.sae_families.compare.sources import (
    Compared,
    autoencoder_sources,
    kmer_sources,
    load_autoencoders,
    twin_autoencoders,
)
from tasks.sae_families.compare.tables import comparison_tables
from tasks.sae_families.settings import SaeFamiliesSettings

if TYPE_CHECKING:
    from rich.console import Console

PAGE = "README.md"
_TWIN = "random-twin"


@dataclass(frozen=True)
class ComparisonRun:
    """The model of a result of sae-families, its autoencoders and the sequences to compare them on."""

    record: ResultRecord
    model: ModelAdapter
    autoencoders: list[SparseAutoencoder]
    dataset: Dataset

    @classmethod
    def of(cls, folders: Sequence[Path], registry: Registry, options: ModelOptions, dataset: str | None) -> Self:
        """Read everything.

        Raises:
            InputError: the folders are not of one result of sae-families, or the model is not the one they are of.
        """
        records = [record_of(folder) for folder in folders]
        if len({record.cell for record in records}) > 1:
            raise InputError("the autoencoders given by --sae are of different results: give several seeds of one")
        record = records[0]
        if record.task.name != SaeFamiliesSettings.task:
            raise InputError(f"{folders[0]} is of {record.task.name}: give one of {SaeFamiliesSettings.task}")
        model = registry.model(record.model.card.name, options)
        if record.settings.get("long") == "window":
            model = in_windows(model)
        return cls(record, model, load_autoencoders(folders, model), registry.dataset(dataset or record.dataset.name))

    def compare(
        self,
        words: tuple[str, str] | None,
        labels: Path | None,
        clusters: int,
        out: Path,
        device: str,
        progress: Progress,
    ) -> tuple[Comparison, Subject]:
        """Do it; ``words`` name the two groups. Autoencoders of the random twin are kept below ``out``."""
        lengths = {name: value for name, value in self.record.settings.items() if name in ("longest", "long")}
        settings = SaeFamiliesSettings.model_validate(lengths)
        data = compared_families(self.dataset, settings, clusters)
        levels = levels_of(self.dataset, labels)
        groups = None if words is None else two_groups(words, levels, data.families)
        generator = np.random.default_rng(0)
        shuffled = [dinucleotide_shuffle(record.sequence, generator) for record in data.records]
        for autoencoder in self.autoencoders:
            autoencoder.to(device)
        self.model.load(device)
        sources = {SAE: autoencoder_sources(SAE, self.model, self.autoencoders, data, shuffled, progress)}
        self.model.unload()
        notes = list(self._notes(data))
        try:
            sources[TWIN] = self._twin(data, shuffled, out, device, progress)
        except NotApplicable as error:
            notes.append(f"No random twin stands beside the model: {error}.")
        found = compare(sources, kmer_sources(data, shuffled), data, levels, groups, shuffled, progress)
        return found, Subject(self._title(), tuple(notes))

    def write(self, found: Comparison, subject: Subject, out: Path) -> list[Path]:
        """Tables, pictures and the page; the paths of all, the page first."""
        tables = comparison_tables(found)
        paths = {name: out / f"{name}.tsv" for name in tables}
        for name, table in tables.items():
            text = table.map(_cell).to_csv(sep="\t", index=False, float_format="%.6g", lineterminator="\n")
            write_text(paths[name], text)
        pictures = draw(found, out, self._title())
        write_text(
            out / PAGE, page(found, subject, [path.name for path in pictures], [path.name for path in paths.values()])
        )
        return [out / PAGE, *pictures, *paths.values()]

    def show(self, found: Comparison, subject: Subject, console: Console) -> None:
        """Print one screen."""
        print_comparison(found, subject, console)

    def _title(self) -> str:
        return picture_subject(self.model.card, self.dataset.card, self.autoencoders[0].layer)

    def _twin(
        self, data: ComparedFamilies, shuffled: Sequence[str], out: Path, device: str, progress: Progress
    ) -> list[Compared]:
        twin = random_twin(self.model)
        folder = out / _TWIN
        work = folder / "work"
        stamp = f"{twin.identity()} {self.dataset.fingerprint} {len(data.records)}"
        context = CellContext(device, work, folder, progress, stamp=stamp)
        found = twin_autoencoders(twin, self.autoencoders, data, self.dataset, folder, context)
        twin.load(device)
        sources = autoencoder_sources(TWIN, twin, found, data, shuffled, progress)
        twin.unload()
        return sources

    def _notes(self, data: ComparedFamilies) -> list[str]:
        """What a reader has to know about held-out sequences."""
        notes = []
        if len(self.autoencoders) == 1:
            notes.append("One seed: nothing says which features are stable. Give --sae for every seed.")
        if (trained_on := self.record.dataset).fingerprint != self.dataset.fingerprint:
            notes.append(f"The autoencoders were trained on {trained_on.name}, not on {self.dataset.card.name}.")
        else:
            scored = set(self.record.selected.get("families", ()))
            more = sum(family not in scored for family in data.families)
            if more:
                notes.append(
                    f"Sequences of {more} of {len(data.families)} families were among those, unlabelled, that the "
                    "autoencoders were trained on: too few clusters for a split of their own."
                )
        return notes


def _cell(value: object) -> object:
    from harness.publish.escape import csv_cell

    return csv_cell(value)
