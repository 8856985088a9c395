"""Anchored triplets in a cell: the records that they need, and the rows that they add."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.datasets.records import Dataset, Record
from harness.task import Metric, TableRow, TaskOutcome
from tasks.overlap.data import FamilyData, Integers, usable
from tasks.overlap.measures import Measure
from tasks.overlap.report import metric
from tasks.overlap.settings import OverlapRatioSettings
from tasks.overlap.triplets import TripletScores, find_triplets, mandatory_rows, score_triplets

NAMES = ("triplet_beyond_kmers", "triplet_beyond_identity")
SIMPLE = "simple measure"
REFERENCES = ("identity", "local-alignment")


class Triplets:
    """The triplets of the families of a cell, from all their sequences and not only those that make pairs."""

    def __init__(
        self, dataset: Dataset, data: FamilyData, settings: OverlapRatioSettings, max_length: int | None
    ) -> None:
        records = usable(dataset.records, settings.longest, max_length, True, Counter())
        families = set(data.families)
        members = {record.id: record for record in records if record.family in families}
        self._dataset = dataset.subset(members.values())
        self.sets = find_triplets(self._dataset)
        places = {record.id: place for place, record in enumerate(data.records)}
        self.further: tuple[Record, ...] = tuple(members[name] for name in self.sets.record_ids if name not in places)
        places |= {record.id: len(places) + place for place, record in enumerate(self.further)}
        self._places = np.array([places[name] for name in self.sets.record_ids], dtype=np.int64)

    def add(self, outcome: TaskOutcome, measures: Sequence[Measure]) -> None:
        """Metrics of the headline's similarity, rows of every variant and layer, and those of the simple measures."""
        for measure in measures:
            found = self._metrics(self._scores(measure))
            outcome.table += [
                _row(name, measure.variant, measure.layer, "all families", m) for name, m in found.items()
            ]
            if measure is measures[0]:
                outcome.metrics |= found
        for source, scores in mandatory_rows(self.sets, self._dataset).items():
            outcome.table += [_row(name, source, None, SIMPLE, found) for name, found in self._metrics(scores).items()]
            outcome.roles[source] = "reference" if source in REFERENCES else "floor"
        outcome.notes += [f"triplets, {line}" for line in self.sets.describe()]

    def _scores(self, measure: Measure) -> TripletScores:
        def similarity(pairs: Integers) -> NDArray[np.float64]:
            return np.asarray(measure.similarities([self._places[pairs]])[0], dtype=np.float64)

        return score_triplets(self.sets, similarity)

    def _metrics(self, scores: TripletScores) -> dict[str, Metric]:
        found = {}
        for name, tier, estimate, count in zip(
            NAMES, (self.sets.tier1, self.sets.tier2), (scores.tier1, scores.tier2), scores.triplets, strict=True
        ):
            if estimate is not None:
                gate = "" if tier.passed else "; GATE FAILED: simple measures are not at chance"
                unit = f"homolog more similar than its decoy, {count:,} triplets, chance 0.5{gate}"
                found[name] = metric(estimate, unit)
        return found


def _row(name: str, source: str, layer: int | None, stratum: str, found: Metric) -> TableRow:
    return TableRow(
        name=name,
        source=source,
        layer=layer,
        stratum=stratum,
        value=found.value,
        low=found.low,
        high=found.high,
        n=found.n,
    )
