"""Anchored triplets in a cell: the records that they need, and the rows that they add."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.datasets.records import Dataset, Record
from harness.datasets.selection import distinct, usable
from harness.statistics.bootstrap import Estimate
from harness.task import Metric, Place, TableRow, TaskOutcome
from tasks.common import metric, table_row
from tasks.overlap_ratio.data import ComparedFamilies, Integers, unfit
from tasks.overlap_ratio.measures import Measure
from tasks.overlap_ratio.report import ALL, item_rows
from tasks.overlap_ratio.settings import OverlapRatioSettings
from tasks.overlap_ratio.triplets.choose import Tier, TripletScores, find_triplets, mandatory_rows, score_triplets
from tasks.overlap_ratio.triplets.gate import ALIGNMENTS

NAMES = ("triplet_beyond_kmers", "triplet_beyond_identity")
GATE_FAILED = "_gate_failed"
SIMPLE = "simple measure"


class Triplets:
    """The triplets of the families of a cell, from all their sequences and not only those that make pairs."""

    def __init__(self, dataset: Dataset, data: ComparedFamilies, settings: OverlapRatioSettings) -> None:
        records = distinct(usable(dataset.records, settings, Counter(), unfit), Counter())
        families = set(data.families)
        members = {record.id: record for record in records if record.family in families}
        self._dataset = dataset.subset(members.values())
        self.sets = find_triplets(self._dataset)
        places = {record.id: place for place, record in enumerate(data.records)}
        self.further: tuple[Record, ...] = tuple(members[name] for name in self.sets.record_ids if name not in places)
        places |= {record.id: len(places) + place for place, record in enumerate(self.further)}
        self._places = np.array([places[name] for name in self.sets.record_ids], dtype=np.int64)

    def add(self, outcome: TaskOutcome, measures: Sequence[Measure]) -> None:
        """Metrics of the headline's similarity, rows of every variant and layer, and those of the simple measures.

        The score of a tier that fails its gate is reported under a name that says so: the tier's own would claim too
        much. ``items`` gains the score of every family, which the intervals can be computed from again.
        """
        items = [outcome.items]
        for measure in measures:
            scores = self._scores(measure)
            items.append(self._items(scores, measure))
            outcome.table += self._rows(scores, measure.variant, measure.layer, ALL)
            outcome.draws |= self._draws(scores, measure)
            if measure is measures[0]:
                outcome.metrics |= self._metrics(scores)
        outcome.items = pd.concat(items, ignore_index=True)
        for source, scores in mandatory_rows(self.sets, self._dataset).items():
            outcome.table += self._rows(scores, source, None, SIMPLE)
            outcome.roles[source] = "reference" if source in ALIGNMENTS else "floor"
        outcome.notes += [f"triplets, {line}" for line in self.sets.describe()]

    def _scores(self, measure: Measure) -> TripletScores:
        def similarity(pairs: Integers) -> NDArray[np.float64]:
            return np.asarray(measure.similarities([self._places[pairs]])[0], dtype=np.float64)

        return score_triplets(self.sets, similarity)

    def _metrics(self, scores: TripletScores) -> dict[str, Metric]:
        found = {}
        for (name, tier), estimate, count in zip(
            self._tiers, (scores.tier1, scores.tier2), scores.triplets, strict=True
        ):
            unit = f"homolog more similar than its decoy, {count:,} triplets, chance 0.5"
            if estimate is None:
                found[name] = Metric(value=None, unit="no triplets on which simple measures are at chance")
            elif tier.passed:
                found[name] = metric(estimate, unit)
            else:
                found[name + GATE_FAILED] = metric(estimate, f"GATE FAILED ({tier.farthest}), claims nothing; {unit}")
        return found

    def _draws(self, scores: TripletScores, measure: Measure) -> dict[Place, Estimate]:
        found = zip(NAMES, (scores.tier1, scores.tier2), strict=True)
        return {Place(name, measure.variant, measure.layer, ALL): own for name, own in found if own is not None}

    def _items(self, scores: TripletScores, measure: Measure) -> pd.DataFrame:
        return pd.concat(
            item_rows(list(own), list(own.values()), name, measure.variant, measure.layer)
            for name, own in zip(NAMES, scores.by_family, strict=True)
        )

    def _rows(self, scores: TripletScores, source: str, layer: int | None, stratum: str) -> list[TableRow]:
        rows = []
        for (name, tier), estimate in zip(self._tiers, (scores.tier1, scores.tier2), strict=True):
            if estimate is not None:
                place = stratum if tier.passed else f"{stratum}, GATE FAILED"
                rows.append(table_row(name, estimate, source, layer, place))
        return rows

    @property
    def _tiers(self) -> tuple[tuple[str, Tier], ...]:
        return tuple(zip(NAMES, (self.sets.tier1, self.sets.tier2), strict=True))
