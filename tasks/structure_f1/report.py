"""From a scored cell to its outcome: metrics, strata, the table of heads, per-RNA numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.statistics.bootstrap import Estimate
from harness.task import Highlights, Metric, TableRow
from tasks.common import metric, table_row
from tasks.structure_f1.counts import Floats
from tasks.structure_f1.data import Rna
from tasks.structure_f1.estimates import Bootstrap
from tasks.structure_f1.evaluation import PAIR_CLASSES
from tasks.structure_f1.protocol import HeadSelection, HeldOut
from tasks.structure_f1.selection import Choice, best

SOURCE = "model"
LENGTHS = (0, 50, 100, 200, 440)
SMALLEST_FAMILY = 3
BEST_HEADS = 5

_CLASS_NAMES = {
    "canonical": "canonical pairs",
    "noncanonical": "non-canonical pairs",
    "long_range": "long-range pairs, 24 nt or more",
    "short_range": "pairs of less than 24 nt",
}


UNITS = {
    "f1_pooled": "F1 of all pairs of all RNAs, P ≥ T; interval nested with selection",
    "auprc_macro": "average precision, mean over RNAs",
    "pair_conditional_auroc": "AUROC among pairs of the same bases at a similar distance",
    "f1_per_rna": "F1, mean over RNAs; interval nested with selection",
    "f1_matched": "pooled F1 with one partner, canonical pairs, loops of 3 nt",
    "f1_exact_threshold": "pooled F1 with a threshold off the grid",
    "precision_top_half_length": "precision of the top L/2 pairs, mean over RNAs",
    "mcc": "pooled; interval nested with selection",
    "f1_oracle_head": "ORACLE: pooled F1 of head and threshold chosen on test",
    "f1_ceiling_canonical": "pooled F1 of a perfect predictor of canonical pairs",
    "f1_ceiling_one_partner": "pooled F1 of a perfect predictor of one partner per nucleotide",
}
"""The metrics of the task in their order, and what they mean."""


def estimates(
    bootstrap: Bootstrap, selection: HeadSelection, tested: HeldOut, wins: tuple[Floats, Floats]
) -> dict[str, Estimate | None]:
    """The numbers of the task with draws over test families or RNAs, nested with the selection where it says so."""
    return {
        **bootstrap.nested(selection, tested),
        "auprc_macro": bootstrap.mean("average_precision"),
        "pair_conditional_auroc": bootstrap.conditional(wins),
        "f1_matched": bootstrap.f1("_matched"),
        "f1_exact_threshold": bootstrap.f1("_exact"),
        "precision_top_half_length": bootstrap.mean("precision_top_half_length"),
        "f1_ceiling_canonical": _ceiling(bootstrap, "canonical_pairs"),
        "f1_ceiling_one_partner": _ceiling(bootstrap, "one_partner_pairs"),
    }


def metrics(found: Mapping[str, Estimate | None], table: pd.DataFrame, tested: HeldOut) -> dict[str, Metric]:
    """The metrics of the record; the oracle has no interval."""
    oracle = Metric(value=float(tested.heads.f1(int(table["pairs"].sum())).max()), unit=UNITS["f1_oracle_head"])
    return {name: oracle if name == "f1_oracle_head" else metric(found[name], unit) for name, unit in UNITS.items()}


def _ceiling(bootstrap: Bootstrap, column: str) -> Estimate | None:
    hits, known = (bootstrap.table[name].to_numpy() for name in (column, "pairs"))
    return bootstrap.ratio(2 * hits, hits + known)


def rows(
    bootstrap: Bootstrap, selection: HeadSelection, tested: HeldOut, wins: tuple[Floats, Floats]
) -> Iterator[TableRow]:
    """Strata of the headline with the head and threshold fixed, the second selection, validation F1 by layer.

    A stratum that holds nothing has no value.
    """
    table = bootstrap.table
    yield _row("f1_pooled", bootstrap.f1(), "head and threshold fixed")
    if selection.wide is not None:
        yield option_row(bootstrap, tested, selection.wide, "selected on train and validation")
    length, knotted = table["length"].to_numpy(), table["pseudoknotted"].to_numpy(dtype=bool)
    for low, high in zip(LENGTHS, [*LENGTHS[1:], None], strict=True):
        inside = (length > low) & (length <= (high or np.inf))
        yield _row("f1_pooled", bootstrap.f1(members=inside), f"{low + 1}–{high} nt" if high else f"over {low} nt")
    yield _row("f1_pooled", bootstrap.f1(members=knotted), "pseudoknotted RNAs")
    yield _row("f1_pooled", bootstrap.f1(members=~knotted), "RNAs without pseudoknot")
    for name in PAIR_CLASSES:
        yield _row("f1_pooled", bootstrap.f1(f"_{name}"), _CLASS_NAMES[name])
    yield from _families(bootstrap)
    within = tuple(np.diag(np.diag(part)) for part in wins)
    estimate = bootstrap.ratio(np.diag(within[0]), np.diag(within[1]))
    yield _row("pair_conditional_auroc", estimate, "compared within each RNA")
    for layer in sorted({layer for layer, _ in selection.heads}):
        own = [row for row, (number, _) in enumerate(selection.heads) if number == layer]
        yield TableRow(
            name="f1_validation",
            source=SOURCE,
            layer=layer,
            stratum="best head of the layer",
            value=float(selection.f1[own].max()),
        )
    yield TableRow(name="f1_validation", source=SOURCE, stratum="chosen head", value=float(selection.f1.max()))


def _families(bootstrap: Bootstrap) -> Iterator[TableRow]:
    """Each family of three test RNAs or more, and the mean over all families."""
    table = bootstrap.table
    named = table.dropna(subset="family").groupby("family")[["tp", "fp", "fn", "item"]]
    sums = named.agg({"tp": "sum", "fp": "sum", "fn": "sum", "item": "count"})
    sums = sums[sums["tp"] + sums["fn"] > 0]
    if sums.empty:
        return
    values = 2 * sums["tp"] / (2 * sums["tp"] + sums["fp"] + sums["fn"])
    yield TableRow(
        name="f1_pooled", source=SOURCE, stratum="mean over families", value=float(values.mean()), n=len(values)
    )
    for family, value, count in zip(sums.index, values, sums["item"], strict=True):
        if count >= SMALLEST_FAMILY:
            yield TableRow(name="f1_pooled", source=SOURCE, stratum=f"family {family}", value=float(value), n=count)


def option_row(bootstrap: Bootstrap, tested: HeldOut, option: Choice, stratum: str) -> TableRow:
    """Pooled F1 of one head and threshold, as they are; ``option`` is among those of ``tested``."""
    column = tested.options.index(option)
    tp, predicted = tested.true_positives[:, column], tested.predicted[:, column]
    estimate = bootstrap.ratio(2 * tp, predicted + bootstrap.table["pairs"].to_numpy())
    return _row("f1_pooled", estimate, stratum)


def _row(name: str, estimate: Estimate | None, stratum: str) -> TableRow:
    return table_row(name, estimate, SOURCE, stratum=stratum)


def head_table(selection: HeadSelection, tested: HeldOut, known: int) -> pd.DataFrame:
    """Every head: its best F1 on validation and the threshold of that, what this gives on test, the best on test,
    and the share of bootstrap draws over validation RNAs that choose the head."""
    on_test, steps = tested.heads.f1(known), selection.f1.argmax(axis=1)
    every: NDArray[np.intp] = np.arange(len(steps))
    frequency, draws = selection.frequency(), len(selection.draws)
    return pd.DataFrame(
        {
            "layer": [layer for layer, _ in selection.heads],
            "head": [head for _, head in selection.heads],
            "f1_validation": selection.f1[every, steps],
            "threshold": steps / 1000,
            "f1_test": on_test[every, steps],
            "f1_test_best": on_test.max(axis=1),
            "chosen_by_bootstrap": [frequency[head] / draws for head in selection.heads],
        }
    )


def selected(selection: HeadSelection, tested: HeldOut, known: int) -> dict[str, object]:
    """What was chosen, how firmly, and what else would have been."""
    chosen, oracle = selection.chosen, best(tested.heads.heads, tested.heads.f1(known))
    share = selection.frequency()[chosen.layer, chosen.head] / len(selection.draws)
    found: dict[str, object] = {
        "layer": chosen.layer,
        "head": chosen.head,
        "threshold": chosen.threshold,
        "chosen_by_bootstrap": share,
        "f1_validation": float(selection.f1.max()),
        "threshold_exact": selection.exact,
        "threshold_matched": round(selection.matched, 3),
        "oracle": {"layer": oracle.layer, "head": oracle.head, "threshold": oracle.threshold},
    }
    if selection.wide is not None:
        wide = selection.wide
        found["train_and_validation"] = {"layer": wide.layer, "head": wide.head, "threshold": wide.threshold}
    return found


def highlights(heads: pd.DataFrame) -> Highlights:
    """The heads that do best on validation."""
    top = heads.sort_values("f1_validation", ascending=False, kind="stable").head(BEST_HEADS)
    return Highlights(
        title="Best heads on validation, and what the same threshold gives on test",
        columns=("layer", "head", "threshold", "F1 validation", "F1 test", "chosen in bootstrap"),
        rows=tuple(
            (
                str(row.layer),
                str(row.head),
                f"{row.threshold:.3f}",
                f"{row.f1_validation:.3f}",
                f"{row.f1_test:.3f}",
                f"{row.chosen_by_bootstrap:.0%}",
            )
            for row in top.itertuples()
        ),
    )


def notes(rnas: Sequence[Rna], table: pd.DataFrame, selection: HeadSelection, split: str) -> list[str]:
    """What a reader of the numbers must know. ``rnas`` are those of the test, in the order of the table."""
    without = int((table["pairs"] == 0).sum())
    share = selection.frequency()[selection.chosen.layer, selection.chosen.head] / len(selection.draws)
    found = [
        f"head and threshold chosen on {split}; {share:.0%} of bootstrap draws over validation choose the same head",
    ]
    if without:
        found.append(f"{without} test RNAs have no base pair: they count in pooled F1 and not in means over RNAs")
    if any(len(rna.inside) for rna in rnas):
        lost = sum(rna.lost for rna in rnas)
        found.append(
            f"{lost:,} of {lost + int(table['pairs'].sum()):,} base pairs of test RNAs lie inside one token: the model "
            "cannot tell such pairs apart, so they are not counted"
        )
    return found
