"""F1 of models that read alignments, against how many independent homologs they were given (Neff)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log10

import numpy as np
import pandas as pd

from harness.datasets.alignments import alignment_of, filter_depth
from harness.sequences.homologs import effective_size
from harness.statistics.bootstrap import Estimate
from harness.task import TableRow
from tasks.common import FEWEST_UNITS
from tasks.structure.counts import Floats
from tasks.structure.data import Rna
from tasks.structure.estimates import Bootstrap
from tasks.structure.report import row

COLUMN = "effective_homologs"
FEW, MANY = 10, 100
BINS = (f"Neff under {FEW}", f"Neff {FEW} to {MANY}", f"Neff over {MANY}")
DIFFERENCE = f"Neff over {MANY} minus under {FEW}"
SLOPE = "f1_per_tenfold_neff"


def effective_homologs(rnas: Sequence[Rna], depth: int | None = None) -> Floats:
    """Neff of the alignment of every RNA, cut to at most ``depth`` rows; 1 without an alignment.

    RNAs of one family share the rows of theirs, which are compared once.
    """
    known: dict[tuple[str, ...], float] = {}
    found = []
    for rna in rnas:
        alignment = alignment_of(rna.record)
        if depth is not None:
            alignment = filter_depth(alignment, depth)
        if alignment.written not in known:
            known[alignment.written] = effective_size(alignment)
        found.append(known[alignment.written])
    return np.array(found)


@dataclass(frozen=True)
class Line:
    """F1 per RNA as a straight line in log₁₀ Neff, with draws (draws,) over families or RNAs; ``low`` and ``high`` are
    the least and the greatest Neff that it was fitted to."""

    intercept: Estimate
    slope: Estimate
    low: float
    high: float

    def at(self, neff: float) -> Estimate:
        place = log10(neff)
        value = self.intercept.value + place * self.slope.value
        return Estimate(value, self.intercept.draws + place * self.slope.draws, self.slope.n)


def fit(bootstrap: Bootstrap) -> Line | None:
    """The least-squares line through RNAs that have base pairs; None where they have one Neff or are of fewer than 5
    units.

    A straight line may also fall: a curve bound to rise would find a gain in noise.
    """
    table = bootstrap.table
    kept = table["f1"].notna().to_numpy()
    x, y = np.log10(table[COLUMN].to_numpy(dtype=np.float64)[kept]), table["f1"].to_numpy(dtype=np.float64)[kept]
    units = len(set(bootstrap.units[kept]))
    if units < FEWEST_UNITS or np.ptp(x) < 1e-9:
        return None
    weights = np.vstack([np.ones(len(x)), bootstrap.weights[:, kept]])
    total, along, across = weights.sum(axis=1), weights @ x, weights @ y
    spread = total * (weights @ x**2) - along**2
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = np.where(spread > 1e-9, (total * (weights @ (x * y)) - along * across) / spread, np.nan)
        intercept = (across - slope * along) / total
    return Line(
        Estimate(float(intercept[0]), intercept[1:], units),
        Estimate(float(slope[0]), slope[1:], units),
        low=float(10 ** x.min()),
        high=float(10 ** x.max()),
    )


def rows(bootstrap: Bootstrap, line: Line | None) -> Iterator[TableRow]:
    """F1 under 10, between and over 100 effective homologs, the difference of the ends, and the line.

    Head and threshold are fixed. Bins of fewer than 5 families or RNAs are left out: see :func:`notes`.
    """
    for name in ("f1_pooled", "f1_per_rna"):
        found = {label: _score(bootstrap, name, members) for label, members in _bins(bootstrap).items()}
        for label, estimate in found.items():
            yield row(name, estimate, label)
        few, many = found[BINS[0]], found[BINS[2]]
        if few is not None and many is not None:
            difference = Estimate(many.value - few.value, many.draws - few.draws, min(many.n, few.n))
            yield row(name, difference, DIFFERENCE)
    if line is not None:
        yield row(SLOPE, line.slope, "between RNAs")
        for neff in (1, FEW, MANY, 1000):
            if line.low <= neff * (1 + 1e-9) and neff <= line.high:
                yield row("f1_per_rna_fitted", line.at(neff), f"Neff {neff:,}")


def within(bootstrap: Bootstrap, cuts: pd.DataFrame) -> TableRow | None:
    """The slope among alignments of the same RNA, whole and cut, so that no difference of families is in it.

    Args:
        cuts: item, effective_homologs and f1 of every RNA at every depth.
    """
    kept = cuts.dropna(subset="f1").assign(place=lambda table: np.log10(table[COLUMN]))
    centred = kept[["place", "f1"]] - kept.groupby("item")[["place", "f1"]].transform("mean")
    parts = pd.DataFrame({"top": centred["place"] * centred["f1"], "bottom": centred["place"] ** 2})
    sums = parts.groupby(kept["item"]).sum().reindex(bootstrap.table["item"]).fillna(0)
    estimate = bootstrap.ratio(sums["top"], sums["bottom"])
    return None if estimate is None else row(SLOPE, estimate, "within RNAs, by depth")


def notes(bootstrap: Bootstrap, line: Line | None) -> list[str]:
    """How many homologs there were, and what could not be told for want of RNAs."""
    neff = bootstrap.table[COLUMN]
    found = [
        f"effective homologs (Neff) of the alignments of test RNAs: median {neff.median():.1f}, from {neff.min():.1f} "
        f"to {neff.max():.1f}"
    ]
    for label, members in _bins(bootstrap).items():
        if (units := _units(bootstrap, members)) < FEWEST_UNITS:
            found.append(f"no F1 at {label}: {units} families or RNAs, fewer than {FEWEST_UNITS}")
    if line is None:
        found.append("no curve of F1 against Neff: all alignments have one Neff, or the RNAs are too few")
    return found


def _bins(bootstrap: Bootstrap) -> Mapping[str, np.ndarray]:
    neff = bootstrap.table[COLUMN].to_numpy()
    return dict(zip(BINS, (neff < FEW, (neff >= FEW) & (neff <= MANY), neff > MANY), strict=True))


def _units(bootstrap: Bootstrap, members: np.ndarray) -> int:
    return len(set(bootstrap.units[members & bootstrap.table["f1"].notna().to_numpy()]))


def _score(bootstrap: Bootstrap, name: str, members: np.ndarray) -> Estimate | None:
    if _units(bootstrap, members) < FEWEST_UNITS:
        return None
    if name == "f1_pooled":
        return bootstrap.f1(members=members)
    values = bootstrap.table["f1"].to_numpy(dtype=np.float64)
    return bootstrap.ratio(np.nan_to_num(values), ~np.isnan(values), members)
