"""The pictures of a comparison: families by families with the dendrogram, and how well clans are recovered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from harness.publish.pages.forest import Forest, forest
from harness.storage.files import write_text
from tasks.sae_families.compare.comparison import Comparison, SourceComparison
from tasks.sae_families.compare.report import clan_rows
from tasks.sae_families.pictures import draw_similarity

DRAWN = 120
"""Families in one heat map; with more no label can be read."""


def draw(found: Comparison, folder: Path, subject: str) -> list[Path]:
    """Write all pictures into ``folder``."""
    drawn = _drawn(found)
    written = []
    for number, source in enumerate(found.sources):
        path = folder / f"similarity-{source.name}.svg"
        what = "" if number == 0 else f" · {source.name}"
        count = (
            "" if len(drawn) == len(found.data.families) else f" · {len(drawn)} of {len(found.data.families)} families"
        )
        draw_similarity(path, _matrix(found, source, drawn), found.levels.names, f"{subject}{what}{count}")
        written.append(path)
    rows = [(row.name, row.by_clan) for row in clan_rows(found)]
    picture = forest(Forest(rows, [], [("chance", 0.5)], "AUROC of similarity for pairs of one clan, mean over clans"))
    if picture is not None:
        path = folder / "clans.svg"
        write_text(path, picture)
        written.append(path)
    return written


def _drawn(found: Comparison) -> list[int]:
    """Families of the groups, of hypotheses and of clans first, then those with the most sequences."""
    data = found.data
    named = [
        *(data.families.index(family) for group in found.groups or () for family in group.families),
        *(k for own in found.own.hypotheses for k in own.pair),
        *np.argsort(-np.bincount(data.labels, minlength=len(data.families)), kind="stable").tolist(),
    ]
    return sorted(list(dict.fromkeys(named))[:DRAWN])


def _matrix(found: Comparison, source: SourceComparison, drawn: list[int]) -> pd.DataFrame:
    families = [found.data.families[k] for k in drawn]
    matrix = pd.DataFrame(source.relations.whole.similarity[np.ix_(drawn, drawn)], columns=families)
    matrix.insert(0, "family", families)
    return matrix
