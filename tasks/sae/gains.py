"""What the features of a model gain over the floors, in numbers and in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from harness.adapter import Role
from harness.statistics.bootstrap import Interval
from harness.statistics.gains import Gain, smallest_gain
from harness.task import Metric, TableRow
from tasks.common import metric, table_row
from tasks.sae.concepts.macro_scores import MacroScores

MEASURES = {"auroc": "AUROC", "mcc": "MCC"}
RANGES = {"auroc": (-1.0, 1.0), "mcc": (-2.0, 2.0)}
"""What a difference of two can be."""
_BEATS = {
    "kmer": "k-mers beat",
    "length": "length beats",
    "composition": "composition beats",
    "sae-random-lm": "random twins beat",
}


class MacroScored(Protocol):
    """A source with its macro scores on test."""

    @property
    def name(self) -> str: ...

    @property
    def role(self) -> Role: ...

    @property
    def macro(self) -> MacroScores: ...


def gains(model: MacroScored, sources: Iterable[MacroScored]) -> dict[str, Gain]:
    """Per measure the gain of ``model`` over every floor among ``sources``."""
    floors = [source for source in sources if source.role == "floor"]
    return {
        name: smallest_gain(getattr(model.macro, name), {floor.name: getattr(floor.macro, name) for floor in floors})
        for name in MEASURES
    }


def gain_metrics(found: Mapping[str, Gain]) -> dict[str, Metric]:
    """The metrics ``gain_auroc`` and ``gain_mcc``."""
    return {
        f"gain_{name}": metric(gain.smallest, f"{MEASURES[name]}, smallest gain over every floor", within=RANGES[name])
        for name, gain in found.items()
    }


def gain_rows(found: Mapping[str, Gain], layer: int) -> Iterator[TableRow]:
    """The gain over all floors, then over each."""
    for name, gain in found.items():
        for stratum, own in [("", gain.smallest), *((f"over {floor}", over) for floor, over in gain.over.items())]:
            yield table_row(f"gain_{name}", own, "sae", layer, stratum, within=RANGES[name])


def gain_notes(model: MacroScored, sources: Sequence[MacroScored], found: Mapping[str, Gain]) -> Iterator[str]:
    """Which floors win, the hardest first, and whether all of them, or any, are beaten beyond the interval."""
    floors = [source for source in sources if source.role == "floor"]
    for floor in sorted(floors, key=lambda floor: found["auroc"].over[floor.name].value):
        scores = [
            f"{label} {getattr(floor.macro, name).value:.3f} against {getattr(model.macro, name).value:.3f}"
            for name, label in MEASURES.items()
            if found[name].over[floor.name].value < 0
        ]
        if scores:
            yield f"{_BEATS.get(floor.name, f'{floor.name} beats')} the model: {', '.join(scores)}"
    for name, label in MEASURES.items():
        gain = found[name]
        if gain.smallest.low <= 0 <= gain.smallest.high:
            some = any(over.low > 0 for over in gain.over.values())
            yield f"{'not every' if some else 'no'} floor is beaten with certainty in {label}"


def frozen_warnings(sources: Mapping[str, MacroScored], stable: MacroScored | None) -> Iterator[str]:
    """Where training both halves of an autoencoder gains nothing certain over training one, and where stable features
    score below such controls beyond the interval."""
    if unbeaten := list(_against_frozen(sources["sae"], sources, lambda gain: gain.low <= 0)):
        yield f"training gains nothing certain over an autoencoder with one half frozen: {', '.join(unbeaten)}"
    if stable and (below := list(_against_frozen(stable, sources, lambda gain: gain.high < 0))):
        yield f"stable features alone score below an autoencoder with one half frozen: {', '.join(below)}"


def _against_frozen(
    model: MacroScored, sources: Mapping[str, MacroScored], counts: Callable[[Interval], bool]
) -> Iterator[str]:
    for twin in (source for name, source in sources.items() if name.startswith("sae-frozen-")):
        for name, label in MEASURES.items():
            own, other = getattr(model.macro, name), getattr(twin.macro, name)
            if counts((own - other).interval()):
                yield f"{label} {own.value:.3f} against {other.value:.3f} ({twin.name})"
