"""From a scored cell to its outcome: metrics, strata, the table of heads, per-RNA numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.statistics.bootstrap import Estimate
from harness.task import Highlights, Metric, TableRow
from tasks.common import metric
from tasks.structure.data import Rna
from tasks.structure.estimates import Bootstrap
from tasks.structure.kinds import BASE_PAIRS, PairKind
from tasks.structure.protocol import HeadSelection, HeldOut
from tasks.structure.report import CEILINGS, CONTACT_UNITS, SOURCE, UNITS, option_row, row, strata
from tasks.structure.report import notes as notes_on_rnas
from tasks.structure.selection import best

BEST_HEADS = 5
ORACLE = "ORACLE: pooled F1 of head and threshold chosen on test"


def metrics(
    found: Mapping[str, Estimate | None], table: pd.DataFrame, tested: HeldOut, kind: PairKind
) -> dict[str, Metric]:
    """The metrics of the record; the oracle has no interval."""
    names = (UNITS if kind is BASE_PAIRS else CONTACT_UNITS) | {"f1_oracle_head": ORACLE}
    if kind is BASE_PAIRS:
        names |= CEILINGS
    oracle = Metric(value=float(tested.heads.f1(int(table["pairs"].sum())).max()), unit=ORACLE)
    return {name: oracle if name == "f1_oracle_head" else metric(found[name], unit) for name, unit in names.items()}


def rows(bootstrap: Bootstrap, selection: HeadSelection, tested: HeldOut, kind: PairKind) -> Iterator[TableRow]:
    """Strata of the headline with the head and threshold fixed, the second selection, validation F1 by layer."""
    yield row("f1_pooled", bootstrap.f1(), "head and threshold fixed")
    if selection.wide is not None:
        yield option_row(bootstrap, tested, selection.wide, "selected on train and validation")
    yield from strata(bootstrap, kind)
    for layer in sorted({layer for layer, _ in selection.heads}):
        own = [place for place, (number, _) in enumerate(selection.heads) if number == layer]
        yield TableRow(
            name="f1_validation",
            source=SOURCE,
            layer=layer,
            stratum="best head of the layer",
            value=float(selection.f1[own].max()),
        )
    yield TableRow(name="f1_validation", source=SOURCE, stratum="chosen head", value=float(selection.f1.max()))


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
        **({} if np.isnan(selection.matched) else {"threshold_matched": round(selection.matched, 3)}),
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
    share = selection.frequency()[selection.chosen.layer, selection.chosen.head] / len(selection.draws)
    chosen = (
        f"head and threshold chosen on {split}; {share:.0%} of bootstrap draws over validation choose the same head"
    )
    return [chosen, *notes_on_rnas(rnas, table)]
