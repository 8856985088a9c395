"""From scored maps to the outcome of a cell: metrics, both variants side by side, fingerprints, warnings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import log2

import pandas as pd

from harness.adapter import ModelCard
from harness.statistics.bootstrap import Estimate
from harness.task import Highlights, Metric, TableRow
from tasks.common import CORRELATION, SHARE, metric, table_row
from tasks.dependency_map.fingerprints import FINGERPRINTS
from tasks.dependency_map.passes import Maps
from tasks.structure.estimates import Bootstrap
from tasks.structure.protocol import HeadSelection
from tasks.structure.report import CEILINGS, SOURCE
from tasks.structure.report import UNITS as OF_PAIRS
from tasks.structure.selection import Choice

UNITS = (
    OF_PAIRS
    | {
        "partner_specificity": "share of comparisons with partners of the same base in a stem that the true one wins",
        "f1_mirror": "pooled F1 on reversed sequences, same threshold",
        "mirror_gain": "pooled F1 minus that on reversed sequences",
    }
    | CEILINGS
)
"""The metrics of the task in their order, and what they mean."""

DEAD = log2(1.001)
"""|log2 odds ratio| of a change of the odds by 0.1 %; random weights reach more."""

_MEMBERS = {"known": "known pairs", "false": "predicted pairs that are not known", "all": "all pairs"}


def controls(bootstrap: Bootstrap) -> dict[str, Estimate | None]:
    """The controls with draws over test families or RNAs; threshold fixed."""
    table, mirror, own = bootstrap.table, bootstrap.f1("_mirror"), bootstrap.f1()
    return {
        "partner_specificity": bootstrap.ratio(table["partner_wins_same_base"], table["partner_comparisons_same_base"]),
        "f1_mirror": mirror,
        "mirror_gain": None if own is None or mirror is None else own - mirror,
    }


def metrics(found: Mapping[str, Estimate | None]) -> dict[str, Metric]:
    """The metrics of the record; what is lower the more a map knows of this RNA has no better side."""
    return {
        name: metric(
            found[name],
            unit,
            higher_is_better=None if name == "f1_mirror" else True,
            within=CORRELATION if name in ("mcc", "mirror_gain") else SHARE,
        )
        for name, unit in UNITS.items()
    }


def of_variant(name: str, bootstrap: Bootstrap) -> Iterator[TableRow]:
    """The same numbers of one variant with its own threshold, whether it was chosen or not."""
    numbers = {
        "f1_pooled": bootstrap.f1(),
        "auprc_macro": bootstrap.mean("average_precision"),
        "pair_conditional_auroc": bootstrap.conditional(),
        **controls(bootstrap),
        "auprc_mirror": bootstrap.mean("average_precision_mirror"),
    }
    for metric_name, estimate in numbers.items():
        yield table_row(metric_name, estimate, name, stratum="own threshold, fixed")
    of_any_base = bootstrap.ratio(bootstrap.table["partner_wins"], bootstrap.table["partner_comparisons"])
    yield table_row("partner_specificity", of_any_base, name, stratum="partners of any base")


def of_fingerprints(bootstrap: Bootstrap) -> Iterator[TableRow]:
    """Mean cosine of blocks with each fingerprint: among known pairs, what is predicted besides, and all pairs."""
    table = bootstrap.table
    for fingerprint in FINGERPRINTS:
        for members, stratum in _MEMBERS.items():
            estimate = bootstrap.ratio(table[f"{fingerprint}_{members}"], table[f"pairs_{members}"])
            yield table_row(f"likeness_{fingerprint}", estimate, SOURCE, stratum=stratum)


def variant_table(
    names: Sequence[str], selection: HeadSelection, choices: Sequence[Choice], f1: Sequence[float]
) -> pd.DataFrame:
    """Each variant with its threshold, its F1 on validation and test, and how often the bootstrap chooses it."""
    frequency, draws = selection.frequency(), len(selection.draws)
    return pd.DataFrame(
        {
            "variant": list(names),
            "threshold": [choice.threshold for choice in choices],
            "f1_validation": selection.f1.max(axis=1),
            "f1_test": list(f1),
            "chosen_by_bootstrap": [frequency[choice.layer, choice.head] / draws for choice in choices],
        }
    )


def selected(variants: pd.DataFrame, selection: HeadSelection) -> dict[str, object]:
    """The variant and threshold chosen, how firmly, and the further thresholds."""
    chosen = variants.iloc[selection.chosen.head]
    return {
        "variant": str(chosen["variant"]),
        "threshold": selection.chosen.threshold,
        "chosen_by_bootstrap": float(chosen["chosen_by_bootstrap"]),
        "f1_validation": float(chosen["f1_validation"]),
        "threshold_exact": selection.exact,
        "threshold_matched": round(selection.matched, 3),
    }


def highlights(variants: pd.DataFrame) -> Highlights:
    return Highlights(
        title="Both maps with thresholds from validation",
        columns=("map", "threshold", "F1 validation", "F1 test", "chosen in bootstrap"),
        rows=tuple(
            (
                str(row.variant),
                f"{row.threshold:.3f}",
                f"{row.f1_validation:.3f}",
                f"{row.f1_test:.3f}",
                f"{row.chosen_by_bootstrap:.0%}",
            )
            for row in variants.itertuples()
        ),
    )


def notes_on_tokens(card: ModelCard) -> list[str]:
    """What overlapping tokens do to a map: neighbours are predicted by tokens that hold the substituted base."""
    if not card.tokenisation.startswith("overlapping"):
        return []
    return [f"tokens are {card.tokenisation}s: near the diagonal a map shows which bases share a token"]


def warnings(maps: Sequence[Maps]) -> list[str]:
    """A warning where predictions do not depend on the input: there is nothing in such a map to read."""
    largest = max(own.largest for own in maps)
    if largest >= DEAD:
        return []
    return [
        "the predictions do not depend on the input: no substitution in any test RNA changes the odds of a base "
        f"elsewhere by 0.1 % (largest |log2 odds ratio| {largest:.1e}), so these maps are not worth reading"
    ]
