"""From scored pairs to the numbers of a record: estimates with their draws, strata, what a reader must know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from harness.statistics.bootstrap import Estimate
from harness.task import TableRow
from tasks.common import table_row
from tasks.structure.data import Rna
from tasks.structure.estimates import Bootstrap
from tasks.structure.evaluation import PAIR_CLASSES
from tasks.structure.kinds import BASE_PAIRS, PairKind
from tasks.structure.protocol import HeadSelection, HeldOut
from tasks.structure.selection import Choice

SOURCE = "model"
LENGTHS = (0, 50, 100, 200, 440)
SMALLEST_FAMILY = 3

_CLASS_NAMES = {
    "canonical": "canonical pairs",
    "noncanonical": "non-canonical pairs",
    "long_range": "long-range pairs, 24 {unit} or more",
    "short_range": "pairs of less than 24 {unit}",
}


UNITS = {
    "f1_pooled": "F1 of all pairs of all RNAs, P ≥ T; interval nested with selection",
    "auprc_macro": "average precision, mean over RNAs",
    "pair_conditional_auroc": "AUROC among pairs of the same bases at a similar distance in one RNA",
    "f1_per_rna": "F1, mean over RNAs; interval nested with selection",
    "f1_matched": "pooled F1 with one partner, canonical pairs, loops of 3 nt",
    "f1_exact_threshold": "pooled F1 with a threshold off the grid",
    "precision_top_half_length": "precision of the top L/2 pairs, mean over RNAs",
    "mcc": "pooled; interval nested with selection",
}
"""What is measured of one map of pairs, in the order of a record."""

CONTACT_UNITS = {
    "f1_pooled": "F1 of all contacts of all proteins, P ≥ T; interval nested with selection",
    "auprc_macro": "average precision, mean over proteins",
    "pair_conditional_auroc": "AUROC among pairs of the same amino acids at a similar distance in one protein",
    "f1_per_rna": "F1, mean over proteins; interval nested with selection",
    "f1_exact_threshold": "pooled F1 with a threshold off the grid",
    "precision_top_half_length": "precision of the top L/2 pairs, mean over proteins",
    "precision_top_fifth_length": "precision of the top L/5 pairs, mean over proteins",
    "mcc": "pooled; interval nested with selection",
}
"""The same of contacts; names stay, so that whatever reads records finds them."""

CEILINGS = {
    "f1_ceiling_canonical": "pooled F1 of a perfect predictor of canonical pairs",
    "f1_ceiling_one_partner": "pooled F1 of a perfect predictor of one partner per nucleotide",
}
"""What the known pairs allow."""


def estimates(bootstrap: Bootstrap, selection: HeadSelection, tested: HeldOut) -> dict[str, Estimate | None]:
    """The numbers of the task with draws over test families or RNAs, nested with the selection where it says so."""
    of_bases = "tp_matched" in bootstrap.table
    found = {
        **bootstrap.nested(selection, tested),
        "auprc_macro": bootstrap.mean("average_precision"),
        "pair_conditional_auroc": bootstrap.conditional(),
        **({"f1_matched": bootstrap.f1("_matched")} if of_bases else {}),
        "f1_exact_threshold": bootstrap.f1("_exact"),
        "precision_top_half_length": bootstrap.mean("precision_top_half_length"),
    }
    if not of_bases:
        return found | {"precision_top_fifth_length": bootstrap.mean("precision_top_fifth_length")}
    return found | {
        "f1_ceiling_canonical": _ceiling(bootstrap, "canonical_pairs"),
        "f1_ceiling_one_partner": _ceiling(bootstrap, "one_partner_pairs"),
    }


def _ceiling(bootstrap: Bootstrap, column: str) -> Estimate | None:
    hits, known = (bootstrap.table[name].to_numpy() for name in (column, "pairs"))
    return bootstrap.ratio(2 * hits, hits + known)


def strata(bootstrap: Bootstrap, kind: PairKind = BASE_PAIRS) -> Iterator[TableRow]:
    """The headline by length, pseudoknots, class of pair and family, with map and threshold fixed.

    A stratum that holds nothing has no value.
    """
    table = bootstrap.table
    length = table["length"].to_numpy()
    for low, high in zip(LENGTHS, [*LENGTHS[1:], None], strict=True):
        inside = (length > low) & (length <= (high or np.inf))
        words = f"{low + 1}–{high} {kind.unit}" if high else f"over {low} {kind.unit}"
        yield row("f1_pooled", bootstrap.f1(members=inside), words)
    if kind is BASE_PAIRS:
        knotted = table["pseudoknotted"].to_numpy(dtype=bool)
        yield row("f1_pooled", bootstrap.f1(members=knotted), "pseudoknotted RNAs")
        yield row("f1_pooled", bootstrap.f1(members=~knotted), "RNAs without pseudoknot")
    for name in PAIR_CLASSES:
        if f"tp_{name}" in table:
            yield row("f1_pooled", bootstrap.f1(f"_{name}"), _CLASS_NAMES[name].format(unit=kind.unit))
    yield from _families(bootstrap)


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
    return row("f1_pooled", estimate, stratum)


def row(name: str, estimate: Estimate | None, stratum: str) -> TableRow:
    """A number of the cell's own map, as a row of the record's table."""
    return table_row(name, estimate, SOURCE, stratum=stratum)


def notes(rnas: Sequence[Rna], table: pd.DataFrame) -> list[str]:
    """What a reader of the numbers must know of the test RNAs, which are in the order of the table."""
    found = []
    kind = rnas[0].kind
    if without := int((table["pairs"] == 0).sum()):
        found.append(
            f"{without} test {kind.molecules} have no {kind.pair}: they count in pooled F1 and not in means over "
            f"{kind.molecules}"
        )
    if any(len(rna.inside) for rna in rnas):
        lost = sum(rna.lost for rna in rnas)
        found.append(
            f"{lost:,} of {lost + int(table['pairs'].sum()):,} base pairs of test RNAs lie inside one token: the model "
            "cannot tell such pairs apart, so they are not counted"
        )
    return found
