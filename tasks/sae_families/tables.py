"""The tables that a cell of sae-families leaves beside its record, one parquet file each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from harness.errors import InputError, did_you_mean
from tasks.sae.aggregate import FRACTION_ACTIVE, FULL_MAXIMUM
from tasks.sae.concepts.choice import rank_auroc
from tasks.sae.concepts.membership import class_means
from tasks.sae.concepts.selectivity import selectivity
from tasks.sae.sequence_scores import ScoredSource
from tasks.sae.split_quality import SharedFeatures
from tasks.sae.tables import choice_columns, feature_columns
from tasks.sae_families.groups import dendrogram_order, family_similarity, separating_features, unexplained_pairs
from tasks.sae_families.scores import Items, SourceScores


def family_table(sources: Sequence[SourceScores], families: Sequence[str], layer: int) -> pd.DataFrame:
    """One row per source, seed and family: what was chosen on select and what it scores on test."""
    frames = []
    for source in sources:
        for seed in source.seeds:
            choice, held = seed.choice, seed.held_out
            names = [seed.scores.feature_name(int(f)) for f in choice.feature]
            chosen = choice_columns(source.name, layer, seed.scores.seed, families, choice, names, seed.candidates)
            scores = {
                "auroc": held.auroc,
                "mcc": held.mcc,
                "f1": held.f1,
                "average_precision": held.average_precision,
                "precision": held.precision,
                "recall": held.true_positive_rate,
                "p": held.p,
                "q": held.q,
                "covered": held.covered,
            }
            frames.append(pd.DataFrame(chosen | scores))
    return pd.concat(frames, ignore_index=True)


def item_table(
    sources: Sequence[SourceScores], items: Items, names: Sequence[str], clusters: Sequence[str], layer: int
) -> pd.DataFrame:
    """One row per test sequence, source, seed and family: the score of the feature chosen for that family."""
    frames = []
    own = [items.families[label] for label in items.test_labels]
    for source in sources:
        for seed in source.seeds:
            shape = seed.oriented.shape
            frames.append(
                pd.DataFrame(
                    {
                        "item": np.repeat([names[row] for row in items.test], shape[1]),
                        "cluster": np.repeat([clusters[row] for row in items.test], shape[1]),
                        "family": np.repeat(own, shape[1]),
                        "metric": "chosen feature score",
                        "concept": np.tile(items.families, shape[0]),
                        "source": source.name,
                        "layer": layer,
                        "seed": pd.array([seed.scores.seed] * seed.oriented.size, dtype="Int64"),
                        "value": seed.oriented.reshape(-1).astype(np.float32),
                        "called": (seed.oriented >= seed.choice.threshold).reshape(-1),
                    }
                ).astype({c: "category" for c in ("item", "cluster", "family", "metric", "concept", "source")})
            )
    table = pd.concat(frames, ignore_index=True)
    return table.astype({c: "category" for c in ("item", "cluster", "family", "metric", "concept", "source")})


def feature_table(
    entries: Sequence[ScoredSource], items: Items, layer: int, shared: SharedFeatures | None
) -> pd.DataFrame:
    """The features of every seed, see :func:`tasks.sae.tables.feature_columns`: activity and ``test_auroc`` on test,
    the family and its AUROC from select."""
    frames = []
    for number, entry in enumerate(entries):
        fit, held = entry.matrix(items.select), entry.matrix(items.test)
        columns = feature_columns(
            layer,
            entry.seed,
            number,
            shared,
            active=entry.matrix(items.test, FRACTION_ACTIVE).mean(axis=0),
            maximum=entry.matrix(items.test, FULL_MAXIMUM).max(axis=0),
            activity=selectivity(held, items.test_member),
            concepts=items.families,
            select_auroc=rank_auroc(fit, items.select_member),
            test_auroc=rank_auroc(held, items.test_member),
        )
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)


def similarity_tables(
    entries: Sequence[ScoredSource], items: Items, clans: Sequence[str | None]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Families by families similarity of shared features (mean over seeds, in dendrogram order), and hypotheses.

    Hypotheses are similar pairs that no clan explains.
    """
    means = [class_means(entry.matrix(items.test), items.test_member) for entry in entries]
    similarity = np.mean([family_similarity(mean) for mean in means], axis=0)
    order = dendrogram_order(similarity)
    families = [items.families[k] for k in order]
    matrix = pd.DataFrame(similarity[np.ix_(order, order)], columns=families)
    matrix.insert(0, "family", families)
    pairs = unexplained_pairs(similarity, items.families, clans)
    return matrix, pd.DataFrame([vars(pair) for pair in pairs], columns=["first", "second", "similarity"])


def family_rows(group: str, families: Sequence[str]) -> list[int]:
    """Positions of the families of ``group``, written A+B, among the scored ``families``.

    Raises:
        InputError: a family is not among them.
    """
    names = group.split("+")
    if unknown := [name for name in names if name not in families]:
        raise InputError(
            f"groups: {', '.join(unknown)} not among the {len(families)} scored families, which are "
            f"{', '.join(families[:4])}{', …' * (len(families) > 4)}.{did_you_mean(unknown[0], families)}"
        )
    return [families.index(name) for name in names]


def group_table(source: SourceScores, items: Items, groups: Sequence[Sequence[int]]) -> pd.DataFrame:
    """The ten features of every seed that best separate two groups of families, best on select first.

    Sign 1 is a feature that is stronger in the first group. AUROCs are over pairs of families, one of each group. Only
    the first feature of a seed has a p: its null repeats the choice of one feature for families regrouped at random.
    """
    first, second = groups
    rows = []
    for seed in source.seeds:
        scores = seed.scores
        select = class_means(scores.select, items.select_member)
        test = class_means(scores.test, items.test_member)
        rows += [
            {"seed": scores.seed, "feature_name": scores.feature_name(found.feature)}
            | vars(found)
            | ({"p": None} if rank else {})
            for rank, found in enumerate(separating_features(select, test, first, second))
        ]
    columns = ["seed", "feature", "feature_name", "sign", "select_auroc", "test_auroc", "p"]
    return pd.DataFrame(rows, columns=columns).astype({"seed": "Int64", "p": "float64"})
