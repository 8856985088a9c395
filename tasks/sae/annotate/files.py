"""The files of an annotation: whole, or not there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from harness.datasets.records import Record
from harness.storage.files import atomic_path
from tasks.sae.annotate.annotation import COLUMNS, by_interval, by_nucleotide
from tasks.sae.annotate.meanings import Meaning
from tasks.sae.annotate.page import AnnotationPage

SUFFIXES = ("tsv", "bed", "html")


@dataclass(frozen=True)
class AnnotationFiles:
    """Open files, by nucleotide and by interval, and a page, to which sequences are added one after another."""

    nucleotides: TextIO
    intervals: TextIO
    page: AnnotationPage

    def add(self, record: Record, codes: NDArray[np.float32], found: Sequence[Meaning]) -> None:
        """One sequence more."""
        self.page.add(record, codes)
        by_file = ((self.nucleotides, by_nucleotide), (self.intervals, by_interval))
        for file, rows_of in by_file:
            table = rows_of(record, codes, found)
            file.write(table.to_csv(sep="\t", header=False, index=False, float_format="%.4g", lineterminator="\n"))


@contextmanager
def annotation_files(start: Path, page: AnnotationPage) -> Iterator[AnnotationFiles]:
    """START.tsv, START.bed and START.html. Where the block ends with an error, none is written."""
    table, intervals, view = (start.with_name(f"{start.name}.{suffix}") for suffix in SUFFIXES)
    with (
        atomic_path(table) as first,
        atomic_path(intervals) as second,
        atomic_path(view) as third,
        first.open("w", encoding="utf-8") as nucleotides,
        second.open("w", encoding="utf-8") as stretches,
    ):
        nucleotides.write("\t".join(COLUMNS) + "\n")
        yield AnnotationFiles(nucleotides, stretches, page)
        third.write_text(page.html(), encoding="utf-8")
