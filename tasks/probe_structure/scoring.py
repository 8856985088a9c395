"""From scores of pairs to F1: threshold from validation, test once, and what the bootstrap needs to redo both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

from harness.statistics.bootstrap import Estimate, cluster_weights
from harness.statistics.metrics import f1_of_counts
from harness.storage.kept import Arrays
from tasks.structure.counts import Tally, count
from tasks.structure.data import Rna, StructureData
from tasks.structure.estimates import Bootstrap
from tasks.structure.maps import Indices, Scores
from tasks.structure.protocol import SELECTION_SEED, HeadSelection, HeldOut, known_pairs
from tasks.structure.scoring import NEVER
from tasks.structure.selection import Choice, GroupCounts


@dataclass(frozen=True)
class Scored:
    """What one map of pairs reaches on test, with the threshold of validation and with others that the draws choose.

    ``true_positives`` and ``predicted`` are (test RNAs, options), the choice made in the first column; ``drawn``
    (draws,) is the column that each draw over validation RNAs chooses. ``validation`` is the pooled F1 there.
    """

    validation: float
    threshold: float
    drawn: Indices
    true_positives: Indices
    predicted: Indices

    @classmethod
    def chosen_by(cls, selection: HeadSelection, tested: HeldOut) -> Scored:
        """What structure-f1 finds without training: each draw chooses a head, too."""
        place = {option: column for column, option in enumerate(tested.options)}
        drawn = np.array([place[choice] for choice in selection.draws])
        threshold = selection.chosen.threshold
        return cls(float(selection.f1.max()), threshold, drawn, tested.true_positives, tested.predicted)

    def f1(self, known: int) -> float:
        """Pooled F1 of the choice made; ``known`` is the number of known pairs of all test RNAs."""
        return float(f1_of_counts(self.true_positives[:, 0].sum(), self.predicted[:, 0].sum(), known))

    def arrays(self, name: str) -> Arrays:
        """Everything in arrays, to be stored."""
        return {f"{name} {part}": np.asarray(value) for part, value in vars(self).items()}

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray], name: str) -> Scored:
        """Undo :meth:`arrays`."""
        validation, threshold, *counts = (arrays[f"{name} {part}"] for part in cls.__dataclass_fields__)
        return cls(float(validation), float(threshold), *counts)

    def estimates(self, rnas: Sequence[Rna], draws: int) -> dict[str, Estimate]:
        """f1_pooled, mcc and f1_per_rna with the draws of structure-f1, choices made again in each."""
        options = [Choice(0, 0, column) for column in range(self.predicted.shape[1])]
        selection = HeadSelection(
            heads=[(0, 0)],
            f1=np.array([[self.validation]]),
            chosen=options[0],
            wide=None,
            draws=[options[column] for column in self.drawn.tolist()],
            exact=np.nan,
            matched=np.nan,
        )
        tested = HeldOut(Tally(), [], options, self.true_positives, self.predicted)
        return Bootstrap(count_table(rnas, self), draws).nested(selection, tested)


def count_table(rnas: Sequence[Rna], tested: Scored) -> pd.DataFrame:
    """One row per test RNA: item, cluster, family, unit, pairs; tp, fp, fn, tn of the choice made."""
    known = np.array([len(rna.known) for rna in rnas])
    tp, predicted = tested.true_positives[:, 0], tested.predicted[:, 0]
    fp, fn = predicted - tp, known - tp
    total = np.array([rna.pairs - len(rna.inside) for rna in rnas])
    records = [rna.record for rna in rnas]
    return pd.DataFrame(
        {
            "item": [record.id for record in records],
            "cluster": [record.cluster for record in records],
            "family": [record.family for record in records],
            "unit": [rna.unit for rna in rnas],
            "pairs": known,
            "tp": tp,
            "fp": fp,
            "fn": fn,
            "tn": total - tp - fp - fn,
        }
    )


def score(select: Sequence[Scores], test: Sequence[Scores], data: StructureData, draws: int) -> Scored:
    """Threshold of logits (pairs,) of every validation RNA, and counts of test RNAs.

    Logits are moved to the grid of thresholds in their order: 0.5 is where as many validation pairs are predicted as
    are known, and the unit is the spread of validation logits, so that the grid is as fine for a probe that is unsure.
    """
    flat = np.concatenate([np.delete(own, rna.inside) for own, rna in zip(select, data.select, strict=True)])
    wanted = min(known_pairs(data.select), len(flat))
    centre = np.partition(flat, len(flat) - wanted)[len(flat) - wanted]
    unit = float(flat.std()) or 1.0
    on_grid = [_grid(own, rna, centre, unit) for own, rna in zip(select, data.select, strict=True)]
    groups = GroupCounts([(0, 0)], data.select)
    for index, (own, rna) in enumerate(zip(on_grid, data.select, strict=True)):
        groups.add(index, 0, own, rna.known)
    known = int(groups.known.sum())
    pooled = Tally({0: (groups.true_positives.sum(axis=1), groups.predicted.sum(axis=1))}).f1(known)[0]
    weights = cluster_weights(range(len(groups.known)), draws, SELECTION_SEED)
    steps = [choice.step for choice in groups.choices(weights)]
    options = list(dict.fromkeys([int(pooled.argmax()), *steps]))
    place = {step: column for column, step in enumerate(options)}
    reached = [count(_grid(own, rna, centre, unit), rna.known) for own, rna in zip(test, data.test, strict=True)]
    tp, predicted = (np.concatenate(part)[:, options] for part in zip(*reached, strict=True))
    return Scored(float(pooled.max()), options[0] / 1000, np.array([place[step] for step in steps]), tp, predicted)


def _grid(logits: Scores, rna: Rna, centre: float, unit: float) -> Scores:
    """(1, pairs) scores in [0, 1]; pairs inside one token are below every threshold."""
    scores = np.asarray(expit((logits - centre) / unit), dtype=np.float32)
    scores[rna.inside] = NEVER
    return scores[None]
