"""Columns that the tables of features and of choices have in every task: the report reads them.

``family`` names the concept of a row, whatever concepts a task has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tasks.sae.concepts.choice import FeatureChoice
from tasks.sae.concepts.membership import Floats
from tasks.sae.concepts.selectivity import Selectivity
from tasks.sae.split_quality import SharedFeatures


def choice_columns(
    source: str,
    layer: int,
    seed: int | None,
    concepts: Sequence[str],
    choice: FeatureChoice,
    feature_names: Sequence[str],
    candidates: int,
) -> dict[str, Any]:
    """What was chosen on select, a row per concept."""
    return {
        "source": source,
        "layer": layer,
        "seed": pd.array([seed] * len(concepts), dtype="Int64"),
        "family": concepts,
        "feature": choice.feature,
        "feature_name": feature_names,
        "sign": choice.sign,
        "threshold": choice.threshold,
        "candidates": candidates,
        "select_auroc": choice.select_auroc,
        "select_mcc": choice.select_mcc,
    }


def feature_columns(
    layer: int,
    seed: int | None,
    number: int,
    shared: SharedFeatures | None,
    active: Floats,
    maximum: Floats,
    activity: Selectivity,
    concepts: Sequence[str],
    select_auroc: Floats,
    test_auroc: Floats,
) -> dict[str, Any]:
    """One row per feature of an SAE: how often it is active, how selective it is, and the concept it follows best.

    Dead features stay in, with empty selectivity. ``stability`` (mean matched cosine) and ``stable`` say whether the
    other seeds have the feature too; they are empty with one seed.

    Args:
        number: of the seed among those of ``shared``.
        active, maximum: (features,), the share of nucleotides, and the largest activation.
        select_auroc, test_auroc: (concepts, features); the concept is chosen by the first.
    """
    best = np.abs(select_auroc - 0.5).argmax(axis=0)
    features = np.arange(select_auroc.shape[1])
    return {
        "source": "sae",
        "layer": layer,
        "seed": seed,
        "feature": features,
        "live": active > 0,
        "fraction_active": active,
        "maximum": maximum,
        "stability": np.nan if shared is None else shared.matched[number],
        "stable": pd.array([None] * len(features) if shared is None else shared.stable[number], "boolean"),
        "tau": activity.tau,
        "information": activity.information,
        "family": [concepts[c] for c in best],
        "sign": np.where(select_auroc[best, features] < 0.5, -1, 1),
        "select_auroc": select_auroc[best, features],
        "test_auroc": test_auroc[best, features],
    }
