"""The tables of a comparison, one TSV file each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from tasks.sae_families.compare.comparison import Comparison, SourceComparison
from tasks.sae_families.compare.relations import pairs
from tasks.sae_families.compare.separation import Separation
from tasks.sae_families.groups import dendrogram_order


def comparison_tables(found: Comparison) -> dict[str, pd.DataFrame]:
    """By the name of the file, without its suffix."""
    tables = {
        "families": family_table(found),
        "similarity": similarity_matrix(found),
        "pairs": pair_table(found),
        "clans": clan_table(found),
        "hypotheses": pd.DataFrame(list(_hypothesis_rows(found)), columns=list(_HYPOTHESES)),
    }
    if found.groups:
        own = [separation_table(source.separation) for source in found.sources if source.separation is not None]
        tables["separating"] = pd.concat(own, ignore_index=True)
    return tables


def separation_table(own: Separation) -> pd.DataFrame:
    """One row per tested feature, the strongest on select first. Sign 1 is a feature that is stronger in A."""
    return pd.DataFrame(
        {
            "source": own.source.name,
            "seed": pd.array([own.source.seed] * len(own.feature), dtype="Int64"),
            "feature": [own.source.feature_name(int(feature)) for feature in own.feature],
            "stronger_in": np.where(own.sign > 0, "A", "B"),
            "select_auroc": own.select_auroc,
            "test_auroc": own.test_auroc,
            "p": own.p,
            "q": own.q,
            "family_p": own.family_p,
        }
    )


def family_table(found: Comparison) -> pd.DataFrame:
    """One row per compared family: what is known of it, its sequences, and the group that it was compared in."""
    data, levels = found.data, found.levels
    group = {family: letter for letter, own in zip("AB", found.groups or (), strict=False) for family in own.families}
    rows = [
        {
            "family": family,
            "name": levels.names.get(family, ""),
            **{level: "; ".join(of.get(family, ())) for level, of in levels.of.items() if level != "family"},
            "sequences": int((data.labels == number).sum()),
            "held_out": int((data.labels[data.test] == number).sum()),
            "group": group.get(family, ""),
        }
        for number, family in enumerate(data.families)
    ]
    return pd.DataFrame(rows)


def similarity_matrix(found: Comparison) -> pd.DataFrame:
    """Families by families similarity of the model's own features, in the order of the dendrogram."""
    similarity = found.own.relations.whole.similarity
    order = dendrogram_order(similarity)
    families = [found.data.families[k] for k in order]
    matrix = pd.DataFrame(similarity[np.ix_(order, order)], columns=families)
    matrix.insert(0, "family", families)
    return matrix


def pair_table(found: Comparison) -> pd.DataFrame:
    """One row per pair of families, with similarity, p and q by every source."""
    rows, columns = pairs(len(found.data.families))
    families, clans = np.array(found.data.families), found.clans
    same = [clans[i] is not None and clans[i] == clans[j] for i, j in zip(rows, columns, strict=True)]
    table = pd.DataFrame({"first": families[rows], "second": families[columns], "same_clan": same})
    for source in found.sources:
        for own, where in ((source.relations.whole, ""), (source.relations.beyond, " beyond composition")):
            table[f"similarity {source.name}{where}"] = own.similarity[rows, columns]
            table[f"p {source.name}{where}"], table[f"q {source.name}{where}"] = own.p, own.q
    return table.sort_values(f"similarity {found.own.name}", ascending=False, kind="stable")


def clan_table(found: Comparison) -> pd.DataFrame:
    """One row per source and clan of two or more compared families."""
    recovered = {source.name: source.clans for source in found.sources} | dict(found.floors)
    recovered |= {f"{source.name}, beyond composition": source.clans_beyond for source in found.sources}
    rows = [
        {"source": name, "clan": clan, "families": size, "auroc": value}
        for name, own in recovered.items()
        if own is not None
        for clan, (size, value) in own.clans.items()
    ]
    return pd.DataFrame(rows, columns=["source", "clan", "families", "auroc"])


_HYPOTHESES = (
    *("source", "rank", "first", "second", "first_clan", "second_clan", "similarity", "p", "q"),
    *("similarity_beyond_composition", "q_beyond_composition"),
    *("best_identity", "identity_of_chance", "best_local_alignment", "local_of_chance", "features"),
    *("first_example", "second_example", "first_length", "second_length"),
)


def _hypothesis_rows(found: Comparison) -> Iterator[dict[str, Any]]:
    """The lists of all sources, and where each pair stands in those of the others."""
    for source in found.sources:
        for rank, own in enumerate(source.hypotheses, 1):
            first, second = (found.data.families[k] for k in own.pair)
            aligned = found.aligned.of[own.pair]
            examples = [found.data.records[row].id for row in own.examples] or ["", ""]
            features = (f"{one.name} ({one.first_auroc:.2f}, {one.second_auroc:.2f})" for one in own.features)
            yield {
                "source": source.name,
                "rank": rank,
                "first": found.levels.name(first),
                "second": found.levels.name(second),
                "first_clan": found.levels.clan(first) or "",
                "second_clan": found.levels.clan(second) or "",
                "similarity": own.similarity,
                "p": own.p,
                "q": own.q,
                "similarity_beyond_composition": own.beyond,
                "q_beyond_composition": own.q_beyond,
                "best_identity": aligned.identity,
                "identity_of_chance": found.aligned.identity_of_chance,
                "best_local_alignment": aligned.local,
                "local_of_chance": found.aligned.local_of_chance,
                "features": "; ".join(features),
                "first_example": examples[0],
                "second_example": examples[1],
                "first_length": median_length(found, own.pair[0]),
                "second_length": median_length(found, own.pair[1]),
            }


def median_length(found: Comparison, family: int) -> int:
    """Of the compared sequences of a family, in nucleotides."""
    return int(np.median([len(found.data.records[row].sequence) for row in found.data.of_family(family)]))


def others_with(found: Comparison, source: SourceComparison, pair: tuple[int, int]) -> list[str]:
    """The other sources that list this pair too, each with its rank there."""
    ranks = {other.name: found.rank(other, pair) for other in found.sources if other is not source}
    return [f"{name} (no. {rank})" for name, rank in ranks.items() if rank is not None]
