"""What every task does the same way: numbers from estimates, lines that name pictures, random twins as floors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from harness.adapter import ModelCard
from harness.task import Metric, TableRow

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from harness.datasets.records import DatasetCard, Record
    from harness.statistics.bootstrap import Estimate, Interval

RANDOM_TWINS = ("{model}:random", *(f"{{model}}:random:{initialisation}" for initialisation in range(1, 5)))
"""Floors of a task whose random twins are cells of their own."""


SHARE = (0.0, 1.0)
"""What an AUROC, an F1 or a share can be."""
CORRELATION = (-1.0, 1.0)
"""What an MCC can be, or a difference of shares."""
FEWEST_UNITS = 5
"""A bootstrap over fewer units gives no interval."""


def metric(
    found: Estimate | Interval | None,
    unit: str = "",
    higher_is_better: bool | None = True,
    within: tuple[float, float] | None = None,
) -> Metric:
    """A number of the record with its interval; what is not a number has no value, or no bounds.

    ``within`` is what the number can be. Draws that carry the spread between seeds are stretched and may leave it; ends
    of an interval are cut to it, which takes nothing from its coverage. Fewer than 5 units give no interval.
    """
    from math import isfinite

    from harness.statistics.bootstrap import Estimate

    if found is None:
        return Metric(value=None, unit=unit, higher_is_better=higher_is_better)
    own = found.interval() if isinstance(found, Estimate) else found
    value, low, high = (number if isfinite(number) else None for number in (own.value, own.low, own.high))
    if own.n < FEWEST_UNITS:
        low = high = None
    if within is not None:
        low, high = (None if end is None else min(max(end, within[0]), within[1]) for end in (low, high))
    return Metric(value=value, low=low, high=high, n=own.n, unit=unit, higher_is_better=higher_is_better)


def table_row(
    name: str,
    found: Estimate | Interval | Metric | None,
    source: str,
    layer: int | None = None,
    stratum: str = "",
    seed: int | None = None,
    within: tuple[float, float] | None = None,
) -> TableRow:
    """The same as a row of the record's table."""
    own = found if isinstance(found, Metric) else metric(found, within=within)
    place = {"source": source, "layer": layer, "stratum": stratum, "seed": seed}
    return TableRow(name=name, value=own.value, low=own.low, high=own.high, n=own.n, **place)  # type: ignore[arg-type]


def without_interval(metrics: Mapping[str, Metric]) -> list[str]:
    """A note that names the metrics whose units are too few for an interval, or none."""
    few = [name for name, found in metrics.items() if found.low is None and 0 < (found.n or 0) < FEWEST_UNITS]
    return [f"no interval where fewer than {FEWEST_UNITS} units vary: {', '.join(few)}"] if few else []


def over_seeds(values: Sequence[float]) -> Estimate:
    """Mean over seeds of a number that has no items, with draws from the spread between seeds alone.

    One seed has no spread, and so draws without a value.
    """
    import numpy as np

    from harness.statistics.bootstrap import DRAWS, Estimate, nested_estimate

    points = np.asarray(values, dtype=np.float64)
    if len(points) == 1:
        return Estimate(float(points[0]), np.full(DRAWS, np.nan), 1)
    return nested_estimate(np.repeat(points[:, None], DRAWS, axis=1), points, len(points))


def over_families(values: ArrayLike) -> Estimate:
    """Mean over families, with draws over families."""
    import numpy as np

    from harness.statistics.bootstrap import cluster_bootstrap_mean

    numbers = np.asarray(values, dtype=np.float64)
    return cluster_bootstrap_mean(numbers, range(len(numbers)))


def with_shuffled_letters(record: Record) -> Record:
    """The same way for every model; a homolog of the shuffled one is not known."""
    import zlib

    import numpy as np

    from harness.datasets.records import Record
    from harness.sequences.shuffle import dinucleotide_shuffle

    generator = np.random.default_rng([0, zlib.crc32(record.id.encode())])
    return Record(record.id, dinucleotide_shuffle(record.sequence, generator))


def subject(model: ModelCard, dataset: DatasetCard, layer: int | None = None) -> str:
    """What a picture is of: model, dataset, and layer where it is of one."""
    parts = [model.name, f"{dataset.name} (simulated)" if dataset.simulated else dataset.name]
    return " · ".join([*parts, *([f"layer {layer}"] if layer is not None else [])])
