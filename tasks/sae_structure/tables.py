"""The tables that a cell of sae-structure leaves beside its record, one parquet file each.

The tables of features and of choices are named as those of sae-families, so that the report shows both alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import scipy.sparse

from harness.datasets.records import Record
from harness.statistics.metrics import matthews_of_counts
from tasks.sae.concepts.choice import SIGNIFICANT, rank_auroc
from tasks.sae.concepts.membership import Membership
from tasks.sae.concepts.selectivity import selectivity
from tasks.sae.split_quality import SharedFeatures
from tasks.sae.tables import choice_columns, feature_columns
from tasks.sae_structure.choices import Entry
from tasks.sae_structure.nucleotides import ELEMENTS
from tasks.sae_structure.scores import Part, SourceScores, nucleotide_counts
from tasks.sae_structure.tracts import tract_of

_PER_ELEMENT = ("auroc", "mcc", "f1", "average_precision", "conditional_auroc", "context_auroc", "element_f1")


def element_table(sources: Sequence[SourceScores], layer: int) -> pd.DataFrame:
    """One row per source, seed and element: what was chosen on select and what it scores on test.

    ``covered``: F1 >= 0.5 and q < 0.05.
    """
    frames = []
    for source in sources:
        elements = [ELEMENTS[element] for element in source.part.elements]
        for seed in source.seeds:
            chosen = choice_columns(
                source.name, layer, seed.seed, elements, seed.choice, seed.feature_names, seed.candidates
            )
            scores = {name: seed.values[name].points for name in _PER_ELEMENT}
            covered = (scores["f1"] >= 0.5) & (seed.q < SIGNIFICANT)
            more = {"part": source.part.name, "p": seed.p, "q": seed.q, "covered": covered}
            frames.append(pd.DataFrame(chosen | scores | more))
    return pd.concat(frames, ignore_index=True)


def item_table(entries: Sequence[Entry], part: Part, records: Sequence[Record], layer: int) -> pd.DataFrame:
    """One row per test RNA, source, seed and element: its nucleotides that were hit, called, known, and all.

    ``value`` is the MCC within the RNA, 0 where the element takes none or all of it.
    """
    frames = []
    names = {"item": [r.id for r in records], "cluster": [r.cluster or "" for r in records]}
    names |= {"family": [r.family or "" for r in records]}
    for entry in entries:
        counts = nucleotide_counts(entry.called(part.rows), part)
        columns = {name: np.repeat(np.array(values), len(part.elements)) for name, values in names.items()}
        frames.append(
            pd.DataFrame(
                columns
                | {
                    "metric": "mcc",
                    "concept": np.tile([ELEMENTS[element] for element in part.elements], part.rnas),
                    "source": entry.name,
                    "layer": layer,
                    "seed": pd.array([entry.seed] * counts[0].size, dtype="Int64"),
                    "value": matthews_of_counts(*counts).reshape(-1),
                }
                | {
                    name: own.reshape(-1).astype(np.int32)
                    for name, own in zip(("tp", "called", "known", "nucleotides"), counts, strict=True)
                }
            )
        )
    table = pd.concat(frames, ignore_index=True)
    return table.astype({c: "category" for c in ("item", "cluster", "family", "metric", "concept", "source")})


def feature_table(
    entries: Sequence[Entry],
    codes: Mapping[tuple[int, int], scipy.sparse.csr_array],
    member: Membership,
    tract_member: Membership,
    elements: Sequence[str],
    layer: int,
    shared: SharedFeatures | None,
) -> pd.DataFrame:
    """The features of every seed, see :func:`tasks.sae.tables.feature_columns`, on ``codes`` of test nucleotides.

    ``tract`` names the base whose runs a feature marks, or is "".

    Args:
        codes: by (layer, seed), (nucleotides, features).
        member, tract_member: the elements and the runs of those nucleotides.
    """
    frames = []
    for number, entry in enumerate(entries):
        code = codes[layer, int(entry.seed or 0)]
        columns = feature_columns(
            layer,
            entry.seed,
            number,
            shared,
            active=np.diff(code.tocsc().indptr) / code.shape[0],
            maximum=code.max(axis=0).toarray().reshape(-1),
            activity=selectivity(code, member),
            concepts=[ELEMENTS[element] for element in elements],
            select_auroc=entry.select_auroc,
            test_auroc=rank_auroc(code, member),
        )
        frames.append(pd.DataFrame(columns | {"tract": tract_of(code, tract_member)}))
    return pd.concat(frames, ignore_index=True)
