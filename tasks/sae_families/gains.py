"""What the features of a model gain over the floors, in numbers and in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from harness.statistics.gains import Gain, smallest_gain
from harness.task import Metric, TableRow
from tasks.common import metric, table_row
from tasks.sae_families.scores import SourceScores

MEASURES = {"auroc": "AUROC", "mcc": "MCC"}
_BEATS = {
    "kmer": "k-mers beat",
    "length": "length beats",
    "composition": "composition beats",
    "sae-random-lm": "random twins beat",
}


def gains(model: SourceScores, sources: Iterable[SourceScores]) -> dict[str, Gain]:
    """Per measure the gain of ``model`` over every floor among ``sources``."""
    floors = [source for source in sources if source.role == "floor"]
    return {
        name: smallest_gain(getattr(model.macro, name), {floor.name: getattr(floor.macro, name) for floor in floors})
        for name in MEASURES
    }


def gain_metrics(found: Mapping[str, Gain]) -> dict[str, Metric]:
    """The metrics ``gain_auroc`` and ``gain_mcc``."""
    return {
        f"gain_{name}": metric(gain.smallest, f"{MEASURES[name]}, smallest gain over every floor")
        for name, gain in found.items()
    }


def gain_rows(found: Mapping[str, Gain], layer: int) -> Iterator[TableRow]:
    """The gain over all floors, then over each."""
    for name, gain in found.items():
        for stratum, own in [("", gain.smallest), *((f"over {floor}", over) for floor, over in gain.over.items())]:
            yield table_row(f"gain_{name}", own, "sae", layer, stratum)


def gain_notes(model: SourceScores, sources: Sequence[SourceScores], found: Mapping[str, Gain]) -> Iterator[str]:
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
